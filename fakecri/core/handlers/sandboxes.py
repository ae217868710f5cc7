"""Pod sandboxes. Source: spec lifecycle 3 to 7, 15 and 24."""

from collections.abc import Callable

from fakecri.api import runtime_pb2 as pb
from fakecri.core import info, lifecycle, rooms, statuses
from fakecri.core.containment import check_pod_memory
from fakecri.core.creation import require_short_labels, sandbox_name, user_string
from fakecri.core.executables import quoted
from fakecri.core.image_registry import Registry
from fakecri.core.lookups import find_sandbox, get_sandbox
from fakecri.core.namespaces import require_pod_mappings, require_pod_userns, require_root
from fakecri.core.net.pods import connect, disconnect
from fakecri.core.nri import hooks
from fakecri.core.pulls import require_unpacked
from fakecri.core.records import Sandbox
from fakecri.core.references import parse_reference
from fakecri.core.refusals import check
from fakecri.core.registry import handles
from fakecri.core.scheduler import Waits
from fakecri.core.selection import batches, select_sandboxes
from fakecri.core.states import Trigger
from fakecri.core.world import World
from fakecri.errors import CRIError, at_stage, wrapped

UNTRUSTED = "io.kubernetes.cri.untrusted-workload"
_NOT_CREATED = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed"
)


@handles
def run_pod_sandbox(
    world: World, request: pb.RunPodSandboxRequest
) -> Waits[pb.RunPodSandboxResponse]:
    """Reserve the name, then network, pause and all; or leave no trace."""
    config = request.config
    check(world.profile.sandbox_checks, request)
    began_ns = world.clock.wall_ns()
    sandbox = Sandbox(
        id=world.new_id("sandbox"),
        name=sandbox_name(config.metadata),
        config=config,
        runtime_handler=request.runtime_handler,
        pid=world.new_pid(),
    )
    with wrapped(f"failed to reserve sandbox name {quoted(sandbox.name)}"):
        world.store.sandbox_names.reserve(sandbox.name, sandbox.id)
    try:
        _build(world, sandbox)
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
    world.store.sandboxes.add(sandbox)
    world.move(sandbox, Trigger.CREATE)
    world.move(sandbox, Trigger.START)
    return pb.RunPodSandboxResponse(pod_sandbox_id=sandbox.id)


def _undo(world: World, sandbox: Sandbox, *, leaks: bool) -> None:
    """Take down what was built. Where that cannot be, it stays to be seen (spec: lifecycle 3.3)."""
    if sandbox.network is not None and world.node.teardown_error:
        sandbox.pause_exited = True
        world.store.sandboxes.add(sandbox)
        world.move(sandbox, Trigger.LEAVE)
        return
    disconnect(world, sandbox)
    rooms.release_pod(world, sandbox)
    if not leaks:
        world.store.sandbox_names.release(sandbox.name, sandbox.id)


def _build(world: World, sandbox: Sandbox) -> None:
    security = sandbox.config.linux.security_context
    options = security.namespace_options
    with wrapped(f'unable to get OCI runtime for sandbox "{sandbox.id}"'):
        _require_handler(world, sandbox)
    if not sandbox.host_network:
        with wrapped(f'failed to create network namespace for sandbox "{sandbox.id}"'):
            require_pod_mappings(options)
        with wrapped(f'failed to setup network for sandbox "{sandbox.id}"'):
            connect(world, sandbox)
    _ensure_sandbox_image(world, sandbox)
    failed = f'failed to start sandbox "{sandbox.id}"'
    with wrapped(failed), wrapped("failed to generate sandbox container spec"):
        require_pod_userns(options)
    with wrapped(failed), wrapped("failed to generate sandbox container spec options"):
        user_string(
            security.run_as_user.value if security.HasField("run_as_user") else None,
            "",
            security.run_as_group.value if security.HasField("run_as_group") else None,
        )
    require_short_labels(sandbox.config.labels, f"{failed}: failed to create containerd container")
    with wrapped(failed), wrapped(_NOT_CREATED):
        require_root(options)


def _require_handler(world: World, sandbox: Sandbox) -> None:
    handler = sandbox.runtime_handler
    if sandbox.config.annotations.get(UNTRUSTED) == "true":
        if handler not in {"", "untrusted"}:
            raise CRIError("untrusted workload with explicit runtime handler is not allowed")
        options = sandbox.config.linux.security_context.namespace_options
        if pb.NODE in {options.network, options.pid, options.ipc}:
            raise CRIError("untrusted workload with host access is not allowed")
        handler = "untrusted"
    if handler not in world.profile.runtime_handlers:
        raise CRIError(f"no runtime for {quoted(handler)} is configured")


def _ensure_sandbox_image(world: World, sandbox: Sandbox) -> None:
    # It is the runtime's, not the test's: a strict registry has it too.
    name = world.profile.sandbox_image
    if world.images.resolve(name) is None:
        reference = parse_reference(name)
        resolution = Registry().resolve(reference)
        with (
            wrapped(f'failed to start sandbox "{sandbox.id}"'),
            wrapped(f'failed to pull image "{name}"'),
            wrapped(f'failed to pull and unpack image "{reference}"'),
        ):
            require_unpacked(world, resolution)
        world.images.pull(reference, resolution)


@handles
def stop_pod_sandbox(
    world: World, request: pb.StopPodSandboxRequest
) -> Waits[pb.StopPodSandboxResponse]:
    """Idempotent, and OK for what is gone: the kubelet calls it again and again."""
    sandbox = find_sandbox(world, "StopPodSandbox", request.pod_sandbox_id)
    if sandbox is not None:
        yield from lifecycle.stop_sandbox(world, sandbox, world.halfway(request))
    return pb.StopPodSandboxResponse()


@handles
def remove_pod_sandbox(
    world: World, request: pb.RemovePodSandboxRequest
) -> Waits[pb.RemovePodSandboxResponse]:
    """Needs no stop before: it does that work itself."""
    sandbox = find_sandbox(world, "RemovePodSandbox", request.pod_sandbox_id)
    if sandbox is None:
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
    return pb.PodSandboxStatusResponse(
        status=statuses.sandbox_status(sandbox, world.profile),
        info=info.sandbox_info(world, sandbox, verbose=request.verbose),
    )


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
    selected = select_sandboxes(
        world.store,
        id_=wanted.id,
        state=wanted.state.state if wanted.HasField("state") else None,
        labels=wanted.label_selector,
    )
    items = [statuses.sandbox_item(sandbox, world.profile) for sandbox in selected]
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
