"""What happens to the node by itself: conditions, disk, addresses, strangers' pods."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from fakecri.api import runtime_pb2 as pb
from fakecri.core import lifecycle
from fakecri.core.conditions import Said
from fakecri.core.handlers.containers import create_container
from fakecri.core.handlers.sandboxes import run_pod_sandbox
from fakecri.core.image_registry import ImageNotFound, RegistryUnreachable
from fakecri.core.references import InvalidReference, parse_reference
from fakecri.core.scheduler import Task, Waits
from fakecri.core.state_faults import StateFault
from fakecri.core.world import World
from fakecri.errors import CRIError, UsageError


def _tell(world: World, fault: StateFault) -> None:
    world.recorder.struck(fault.form.told, fault=str(fault))


def _number(fault: StateFault, name: str) -> int:
    return int(str(fault.get(name)))


# What Status says.


def _said(fault: StateFault, *, status: bool) -> Said:
    return Said(status, str(fault.get("reason")), str(fault.get("message")))


def _say(world: World, fault: StateFault, said: Said | None) -> None:
    _tell(world, fault)
    world.node.conditions.said[fault.target] = said


def _flap(world: World, fault: StateFault) -> None:
    off_ns, on_ns = _number(fault, "off"), _number(fault, "on")
    if not (off_ns and on_ns):
        raise UsageError("a condition that flaps needs a time for each of its states")
    said = replace(_said(fault, status=False), off_ns=off_ns, on_ns=on_ns)
    _say(world, fault, replace(said, since_ns=world.scheduler.now_ns))


def _restore_condition(world: World, fault: StateFault) -> None:
    _tell(world, fault)
    world.node.conditions.said.pop(fault.target, None)


def _answer(answer: str) -> Callable[[World, StateFault], None]:
    def strike(world: World, fault: StateFault) -> None:
        _tell(world, fault)
        world.node.conditions.answer = answer

    return strike


# What there is too little of.


def _fill_disk(world: World, fault: StateFault) -> None:
    _tell(world, fault)
    inodes = _number(fault, "leave-inodes")
    world.disk.fill(
        leave_bytes=_number(fault, "leave"), leave_inodes=None if inodes < 0 else inodes
    )


def _clear_disk(world: World, fault: StateFault) -> None:
    _tell(world, fault)
    world.disk.clear()


def _exhaust_addresses(world: World, fault: StateFault) -> None:
    _tell(world, fault)
    for pool in (world.addresses, *world.more_addresses):
        pool.spare = _number(fault, "leave")


def _restore_addresses(world: World, fault: StateFault) -> None:
    _tell(world, fault)
    for pool in (world.addresses, *world.more_addresses):
        pool.spare = None


def _fail_add(world: World, fault: StateFault) -> None:
    _tell(world, fault)
    world.node.network_error = str(fault.get("error"))


def _fail_del(world: World, fault: StateFault) -> None:
    _tell(world, fault)
    world.node.teardown_error = str(fault.get("error"))


def _restore_network(world: World, fault: StateFault) -> None:
    _tell(world, fault)
    world.node.network_error = world.node.teardown_error = ""


# Strangers.


def _add_foreign(world: World, fault: StateFault) -> None:
    """Run a pod that has nothing of what a kubelet writes on its own."""
    _tell(world, fault)
    image = str(fault.get("image"))
    try:
        _have_image(world, image)
        task = Task(world.scheduler, _run_foreign(world, fault, image))
    except (ImageNotFound, InvalidReference, RegistryUnreachable) as error:
        raise UsageError(f"{image}: {error}") from error
    task.step()
    if isinstance(task.error, CRIError):
        raise UsageError(task.error.message) from task.error


def _have_image(world: World, image: str) -> None:
    if world.images.resolve(image) is None:
        reference = parse_reference(image)
        world.images.pull(reference, world.registry.resolve(reference))


def _run_foreign(world: World, fault: StateFault, image: str) -> Waits[None]:
    pod = pb.PodSandboxMetadata(name=fault.target, namespace=str(fault.get("namespace")))
    config = pb.PodSandboxConfig(metadata=pod)
    ran = yield from run_pod_sandbox(world, pb.RunPodSandboxRequest(config=config))
    request = pb.CreateContainerRequest(
        pod_sandbox_id=ran.pod_sandbox_id,
        config=pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=str(fault.get("container"))),
            image=pb.ImageSpec(image=image),
            stdin=True,  # so that a shell goes on
        ),
        sandbox_config=config,
    )
    created = yield from create_container(world, request)
    container = world.store.containers.get(created.container_id)
    yield from lifecycle.start(world, container)


STRIKES: Mapping[str, Callable[[World, StateFault], None]] = {
    "condition true": lambda world, fault: _say(world, fault, _said(fault, status=True)),
    "condition false": lambda world, fault: _say(world, fault, _said(fault, status=False)),
    "condition missing": lambda world, fault: _say(world, fault, None),
    "condition flap": _flap,
    "condition restore": _restore_condition,
    "status nil": _answer("nil"),
    "status empty": _answer("empty"),
    "status restore": _answer(""),
    "disk fill": _fill_disk,
    "disk clear": _clear_disk,
    "ips exhaust": _exhaust_addresses,
    "ips restore": _restore_addresses,
    "network add-fails": _fail_add,
    "network del-fails": _fail_del,
    "network restore": _restore_network,
    "foreign add": _add_foreign,
}
