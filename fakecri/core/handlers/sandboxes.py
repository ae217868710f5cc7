"""Pod sandboxes. Source: spec lifecycle 3 to 7, 15 and 24."""

from collections.abc import Callable

from fakecri.api import runtime_pb2 as pb
from fakecri.core import graceful, info, lifecycle, rooms, statuses
from fakecri.core.building import build
from fakecri.core.containment import check_pod_memory
from fakecri.core.creation import completed_pod, sandbox_name
from fakecri.core.duplicates import find_same, park
from fakecri.core.executables import quoted
from fakecri.core.lookups import find_sandbox, get_sandbox
from fakecri.core.net.pods import disconnect
from fakecri.core.nri import hooks
from fakecri.core.records import Sandbox
from fakecri.core.refusals import check
from fakecri.core.registry import handles
from fakecri.core.scheduler import Waits
from fakecri.core.selection import batches, select_sandboxes
from fakecri.core.states import Trigger
from fakecri.core.world import World
from fakecri.errors import CRIError, at_stage, wrapped


@handles
def run_pod_sandbox(
    world: World, request: pb.RunPodSandboxRequest
) -> Waits[pb.RunPodSandboxResponse]:
    """Reserve the name, then network, pause and all; or leave no trace."""
    check(world.profile.sandbox_checks, request)
    config = completed_pod(world.profile, request.config)
    began_ns = world.clock.wall_ns()
    sandbox = Sandbox(
        id=world.new_id("sandbox"),
        name=world.profile.name_prefix + sandbox_name(config.metadata),
        config=config,
        runtime_handler=request.runtime_handler,
        pid=world.new_pid(),
    )
    same = yield from find_same(
        world, world.store.sandboxes, world.store.sandbox_names, sandbox.name, "sandbox"
    )
    if same is not None:
        return pb.RunPodSandboxResponse(pod_sandbox_id=same)
    with wrapped(f"failed to reserve sandbox name {quoted(sandbox.name)}"):
        world.store.sandbox_names.reserve(sandbox.name, sandbox.id)
    try:
        yield from build(world, sandbox)
        with at_stage(f'failed to start sandbox "{sandbox.id}"'):
            yield from world.halfway(request)
        with wrapped(f'failed to start sandbox "{sandbox.id}"'):
            rooms.take_pod(world, sandbox)
        yield from hooks.run_pod_sandbox(world, sandbox)
    except GeneratorExit:
        world.debris.append(sandbox)  # the runtime dies: it undoes nothing
        raise
    except Exception as error:
        sandbox.created_ns = began_ns
        _undo(world, sandbox, leaks=isinstance(error, CRIError) and error.leaks)
        raise
    if not park(world, sandbox):
        world.store.sandboxes.add(sandbox)
        world.move(sandbox, Trigger.CREATE)
        world.move(sandbox, Trigger.START)
    return pb.RunPodSandboxResponse(pod_sandbox_id=sandbox.id)


def _undo(world: World, sandbox: Sandbox, *, leaks: bool) -> None:
    """Take down what was built. Where that cannot be, it stays to be seen (spec: lifecycle 3.3)."""
    stays = world.profile.leaves_residue and world.node.teardown_error
    if sandbox.network is not None and stays:
        sandbox.pause_exited = True
        world.store.sandboxes.add(sandbox)
        world.move(sandbox, Trigger.LEAVE)
        return
    disconnect(world, sandbox)
    rooms.release_pod(world, sandbox)
    if not leaks:
        world.store.sandbox_names.release(sandbox.name, sandbox.id)


@handles
def stop_pod_sandbox(
    world: World, request: pb.StopPodSandboxRequest
) -> Waits[pb.StopPodSandboxResponse]:
    """Idempotent, and OK for what is gone: the kubelet calls it again and again."""
    sandbox = find_sandbox(world, "StopPodSandbox", request.pod_sandbox_id)
    if sandbox is not None:
        way = graceful if world.profile.graceful else lifecycle
        yield from way.stop_sandbox(world, sandbox, world.halfway(request))
    return pb.StopPodSandboxResponse()


@handles
def remove_pod_sandbox(
    world: World, request: pb.RemovePodSandboxRequest
) -> Waits[pb.RemovePodSandboxResponse]:
    """Needs no stop before: it does that work itself."""
    sandbox = find_sandbox(world, "RemovePodSandbox", request.pod_sandbox_id)
    if sandbox is None:
        return pb.RemovePodSandboxResponse()
    if world.profile.graceful:
        yield from graceful.remove_sandbox(world, sandbox, world.halfway(request))
        return pb.RemovePodSandboxResponse()
    with wrapped(f'failed to forcibly stop sandbox "{sandbox.id}"'):
        yield from lifecycle.stop_sandbox(world, sandbox)
    for container in tuple(sandbox.containers.values()):
        with wrapped(f'failed to remove container "{container.id}"'):
            yield from lifecycle.remove(world, container)
    yield from world.halfway(request)
    yield from hooks.remove_pod_sandbox(world, sandbox)
    if sandbox in world.store.sandboxes:
        world.move(sandbox, Trigger.REMOVE)  # while it can still be read: see spec 18.2
        lifecycle.discard_sandbox(world, sandbox)
    return pb.RemovePodSandboxResponse()


@handles
def pod_sandbox_status(
    world: World, request: pb.PodSandboxStatusRequest
) -> pb.PodSandboxStatusResponse:
    """No timestamp: a kubelet that got one would trust the empty containers_statuses."""
    sandbox = get_sandbox(world, "PodSandboxStatus", request.pod_sandbox_id)
    response = pb.PodSandboxStatusResponse(
        status=statuses.sandbox_status(sandbox, world.profile),
        info=info.sandbox_info(world, sandbox, verbose=request.verbose),
    )
    if world.profile.tells_all_of_pods:
        response.timestamp = world.clock.stamp_ns()
        response.containers_statuses.extend(
            statuses.container_status(each, world.images, world.profile)
            for each in reversed(sandbox.containers.values())
        )
    return response


@handles
def list_pod_sandbox(world: World, request: pb.ListPodSandboxRequest) -> pb.ListPodSandboxResponse:
    """Never NotFound."""
    return pb.ListPodSandboxResponse(items=_items(world, request.filter))


@handles
def stream_pod_sandboxes(
    world: World,
    request: pb.StreamPodSandboxesRequest,
    send: Callable[[pb.StreamPodSandboxesResponse], None],
) -> None:
    """Nothing to send, no message."""
    for batch in batches(_items(world, request.filter), world.profile.stream_batch):
        send(pb.StreamPodSandboxesResponse(pod_sandboxes=batch))


def _items(world: World, wanted: pb.PodSandboxFilter) -> list[pb.PodSandbox]:
    state = wanted.state.state if wanted.HasField("state") else None
    lag_ns = world.profile.ready_lag_ns
    selected = select_sandboxes(
        world.store,
        id_=wanted.id,
        state=None if lag_ns else state,
        labels=wanted.label_selector,
    )
    items = [statuses.sandbox_item(sandbox, world.profile) for sandbox in selected]
    if lag_ns:
        for sandbox, item in zip(selected, items, strict=True):
            if sandbox.ended_ns and world.scheduler.now_ns - sandbox.ended_ns < lag_ns:
                item.state = pb.SANDBOX_READY
        items = [item for item in items if state in {None, item.state}]
    return items[::-1] if world.profile.newest_first else items


@handles
def update_pod_sandbox_resources(
    world: World, request: pb.UpdatePodSandboxResourcesRequest
) -> Waits[pb.UpdatePodSandboxResourcesResponse]:
    """Replace both; visible in PodSandboxStatus.info alone."""
    sandbox = get_sandbox(world, "UpdatePodSandboxResources", request.pod_sandbox_id)
    yield from hooks.update_pod_sandbox(world, sandbox, request)
    before = sandbox.overhead, sandbox.resources
    sandbox.overhead = request.overhead if request.HasField("overhead") else None
    sandbox.resources = request.resources if request.HasField("resources") else None
    try:
        yield from world.halfway(request)
    except CRIError:
        sandbox.overhead, sandbox.resources = before
        raise
    check_pod_memory(world, sandbox)
    yield from hooks.post_update_pod_sandbox(world, sandbox)
    return pb.UpdatePodSandboxResourcesResponse()
