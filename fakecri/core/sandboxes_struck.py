"""What happens to pod sandboxes and images by itself."""

from collections.abc import Callable, Mapping

from fakecri.api import runtime_pb2 as pb
from fakecri.core import lifecycle, restarts
from fakecri.core.handlers.sandboxes import remove_pod_sandbox
from fakecri.core.net.pods import lose_addresses
from fakecri.core.records import Sandbox
from fakecri.core.scheduler import Task
from fakecri.core.state_faults import StateFault
from fakecri.core.state_targets import find_image, find_sandbox
from fakecri.core.states import SandboxState, Trigger
from fakecri.core.world import World
from fakecri.errors import UsageError


def _tell(world: World, fault: StateFault, sandbox: Sandbox) -> None:
    pod = sandbox.config.metadata
    world.recorder.struck(
        fault.form.told, fault=str(fault), id=sandbox.id, pod=f"{pod.namespace}/{pod.name}"
    )


def _found(world: World, fault: StateFault, state: SandboxState | None = None) -> Sandbox:
    sandbox = find_sandbox(world, fault.target)
    if state is not None and sandbox.state is not state:
        raise UsageError(f'pod sandbox "{sandbox.id}" is {sandbox.state.name}, not {state.name}')
    return sandbox


def _die(world: World, fault: StateFault) -> None:
    sandbox = _found(world, fault, SandboxState.READY)
    _tell(world, fault, sandbox)
    lifecycle.end_pause(world, sandbox)


def _drop_address(world: World, fault: StateFault) -> None:
    sandbox = _found(world, fault)
    if not sandbox.ips or sandbox.netns_closed:
        raise UsageError(f'pod sandbox "{sandbox.id}" has no address')
    _tell(world, fault, sandbox)
    lose_addresses(world, sandbox, release=not fault.get("held"))


def _lose(world: World, fault: StateFault) -> None:
    sandbox = _found(world, fault, SandboxState.READY)
    _tell(world, fault, sandbox)
    world.move(sandbox, Trigger.LOSE)


def _recover(world: World, fault: StateFault) -> None:
    sandbox = _found(world, fault, SandboxState.NOTREADY)
    if sandbox.pause_exited:
        raise UsageError(f'pod sandbox "{sandbox.id}" is not lost, but dead')
    _tell(world, fault, sandbox)
    world.move(sandbox, Trigger.FIND_RUNNING)


def _forget(world: World, fault: StateFault) -> None:
    sandbox = _found(world, fault)
    _tell(world, fault, sandbox)
    if not fault.get("silent"):
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=sandbox.id)
        Task(world.scheduler, remove_pod_sandbox(world, request)).step()
        return
    for container in tuple(sandbox.containers.values()):
        restarts.forget_container(world, container)
    restarts.forget_sandbox(world, sandbox)


def _forget_image(world: World, fault: StateFault) -> None:
    image = find_image(world, fault.target)
    world.recorder.struck(fault.form.told, fault=str(fault), id=image.id)
    world.images.remove(image)


def _half_remove_image(world: World, fault: StateFault) -> None:
    image = find_image(world, fault.target)
    world.recorder.struck(fault.form.told, fault=str(fault), id=image.id)
    world.images.break_(image)


STRIKES: Mapping[str, Callable[[World, StateFault], None]] = {
    "sandbox die": _die,
    "sandbox drop-ip": _drop_address,
    "sandbox lose": _lose,
    "sandbox recover": _recover,
    "sandbox forget": _forget,
    "image forget": _forget_image,
    "image half-remove": _half_remove_image,
}
