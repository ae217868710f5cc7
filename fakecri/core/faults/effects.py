"""What becomes of the work of a call: done, done twice, not done, done later, or not asked for."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core.creation import container_name, sandbox_name
from fakecri.core.faults.rules import Duration, Phase
from fakecri.core.faults.shots import Shot
from fakecri.core.image_registry import ImageNotFound, RegistryUnreachable
from fakecri.core.references import InvalidReference, parse_reference
from fakecri.core.scheduler import Task, Waits
from fakecri.core.store import Names
from fakecri.errors import Code, CRIError

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.world import World

Work: TypeAlias = "Callable[[], Waits[Message | None]]"


def carry_out(
    world: "World", call: "Call", shots: Sequence[Shot], work: Work
) -> "Waits[Message | None]":
    """Have the work of a unary call done as the shots want it; return the answer."""
    by_name = {shot.term.action.name: shot for shot in reversed(shots)}
    frozen = by_name.get("freeze")
    if frozen is not None:
        return (yield from _frozen(world, call, frozen, work))
    if "noop" in by_name:
        by_name["noop"].fired(Phase.BEFORE)
        return lie(world, call)
    if "later" in by_name:
        by_name["later"].fired(Phase.BEFORE)
        return _postponed(world, call, by_name["later"], work)
    response = yield from work()
    if "twice" in by_name:
        by_name["twice"].fired(Phase.BEFORE)
        _free_name(world, call.request)
        response = yield from work()
    return response


def _frozen(world: "World", call: "Call", shot: Shot, work: Work) -> "Waits[Message | None]":
    """Return the answer that this request got before, unless that is too long ago."""
    (duration,) = shot.term.action.arguments
    memory: dict[bytes, tuple[int, Message | None]] = shot.armed.memory
    key = call.rpc.name.encode() + b"\0" + call.request.SerializeToString(deterministic=True)
    until_ns, response = memory.get(key, (0, None))
    if world.scheduler.now_ns < until_ns:
        shot.fired(Phase.REPLY)
        return response
    response = yield from work()
    if isinstance(duration, Duration):
        memory[key] = (world.scheduler.now_ns + duration.ns, response)
    return response


def _postponed(world: "World", call: "Call", shot: Shot, work: Work) -> Message:
    """Answer at once, and have the work done when the time has come, whatever comes of it."""
    (duration,) = shot.term.action.arguments
    delay_ns = duration.ns if isinstance(duration, Duration) else 0
    task = Task(world.scheduler, _late(world, call, delay_ns, work))
    record = call.record
    if record is not None:
        world.late[task] = record

        def forget() -> None:
            world.late.pop(task, None)

        task.then(forget)
    task.step()
    return lie(world, call)


def _late(world: "World", call: "Call", delay_ns: int, work: Work) -> Waits[None]:
    """Do the work of a call that was answered. Nobody hears how it fails but the recorder."""
    yield from world.scheduler.sleep(delay_ns)
    try:
        yield from work()
    except CRIError as failure:
        error = failure.bare()
    except Exception as bug:  # noqa: BLE001  # as for a call that is waited for
        error = CRIError(f"{type(bug).__name__}: {bug}", Code.INTERNAL)
    else:
        return
    if call.record is not None:
        world.recorder.undone(call.record, error)


def drop_late(world: "World") -> None:
    """Forget all work that was put off: who was to do it has died."""
    late, world.late = world.late, {}
    for task, record in late.items():
        if not task.done:
            task.drop()
            world.recorder.undone(record, None)


def _free_name(world: "World", request: Any) -> None:
    """Let the second run see the name as free: the first one has taken it."""
    if isinstance(request, pb.RunPodSandboxRequest | pb.RestorePodRequest):
        _free(world.store.sandbox_names, sandbox_name(request.config.metadata))
    configs: Sequence[pb.ContainerConfig] = ()
    pod = pb.PodSandboxMetadata()
    if isinstance(request, pb.CreateContainerRequest):
        configs, pod = (request.config,), request.sandbox_config.metadata
    elif isinstance(request, pb.RestorePodRequest):
        configs, pod = request.container_configs, request.config.metadata
    for config in configs:
        _free(world.store.container_names, container_name(config.metadata, pod))


def _free(names: Names, name: str) -> None:
    names.release(name, names.holders().get(name, ""))


def lie(world: "World", call: "Call") -> Message:
    """Return what a runtime would answer that has done the work, without doing it.

    Ids and URLs have the right shape and lead nowhere.
    """
    liar = _LIARS.get(call.rpc.name)
    return liar(world, call.request) if liar is not None else call.rpc.response()


def _pulled(world: "World", request: Any) -> Message:
    name = request.image.image
    try:
        reference = world.registry.resolve(parse_reference(name)).content.id
    except (InvalidReference, ImageNotFound, RegistryUnreachable):
        reference = name
    return pb.PullImageResponse(image_ref=reference)


def _restored(world: "World", request: Any) -> Message:
    return pb.RestorePodResponse(
        pod_sandbox_id=world.new_id("sandbox"),
        restored_containers=[
            pb.RestoredContainer(name=each.metadata.name, container_id=world.new_id("container"))
            for each in request.container_configs
        ],
    )


def _url(world: "World", method: str) -> str:
    return world.node.streaming_url(method, world.new_token())


_LIARS: Mapping[str, "Callable[[World, Any], Message]"] = {
    "RunPodSandbox": lambda world, _: pb.RunPodSandboxResponse(
        pod_sandbox_id=world.new_id("sandbox")
    ),
    "CreateContainer": lambda world, _: pb.CreateContainerResponse(
        container_id=world.new_id("container")
    ),
    "RestorePod": _restored,
    "PullImage": _pulled,
    "Exec": lambda world, _: pb.ExecResponse(url=_url(world, "exec")),
    "Attach": lambda world, _: pb.AttachResponse(url=_url(world, "attach")),
    "PortForward": lambda world, _: pb.PortForwardResponse(url=_url(world, "portforward")),
}
