"""Containers. Source: spec lifecycle 8 to 16 and 24."""

from collections.abc import Callable

from fakecri.api import runtime_pb2 as pb
from fakecri.core import creation, early, graceful, info, lifecycle, rooms, statuses
from fakecri.core.containment import require_update, set_resources
from fakecri.core.duplicates import find_same, park
from fakecri.core.executables import quoted
from fakecri.core.lookups import find_container, get_container, get_sandbox
from fakecri.core.namespaces import check_namespaces
from fakecri.core.nri import hooks
from fakecri.core.output import ContainerLog
from fakecri.core.processes import Stdin
from fakecri.core.records import Container, Sandbox
from fakecri.core.refusals import check
from fakecri.core.registry import handles
from fakecri.core.scheduler import Future, Waits
from fakecri.core.selection import batches, select_containers
from fakecri.core.states import SandboxState, Trigger
from fakecri.core.world import World
from fakecri.errors import CRIError, NotFoundError, at_stage, wrapped


@handles
def create_container(
    world: World, request: pb.CreateContainerRequest
) -> Waits[pb.CreateContainerResponse]:
    """Visible when all of it is done, or not at all."""
    check(world.profile.request_checks, request)
    sandbox = get_sandbox(world, "CreateContainer", request.pod_sandbox_id)
    if sandbox.state is not SandboxState.READY:
        texts = world.profile.texts
        raise CRIError(texts.sandbox_stopped.format(id=sandbox.id), texts.sandbox_stopped_code)
    check(world.profile.container_checks, request)
    creation.require_known_stop_signal(request.config)
    world.behaviours.check(request.config.metadata.name, sandbox.config.annotations)
    id_ = world.new_id("container")
    name = world.profile.name_prefix + creation.container_name(
        request.config.metadata, request.sandbox_config.metadata
    )
    same = yield from find_same(
        world, world.store.containers, world.store.container_names, name, "container"
    )
    if same is not None:
        return pb.CreateContainerResponse(container_id=same)
    with wrapped(world.profile.texts.container_name_taken.format(name=quoted(name))):
        world.store.container_names.reserve(name, id_)
    try:
        container = _build(world, request, sandbox, id_, name)
        _require_content(world, container)
        with at_stage("failed to create containerd container"):
            yield from world.halfway(request)
        rooms.take_container(world, id_)
        yield from _ask_plugins(world, container)
        if world.profile.creates_early:
            early.make(world, container)
    except Exception as error:
        if not (isinstance(error, CRIError) and error.leaks):
            world.store.container_names.release(name, id_)
        raise
    if not park(world, container):
        world.store.add_container(container)
        world.move(container, Trigger.CREATE)
    yield from hooks.post_create_container(world, container)
    return pb.CreateContainerResponse(container_id=id_)


def _ask_plugins(world: World, container: Container) -> Waits[None]:
    try:
        yield from hooks.create_container(world, container)
    except BaseException:
        rooms.release_container(world, container)
        raise


def _require_content(world: World, container: Container) -> None:
    """Raise where the image is but half there: see `state_faults`."""
    image = container.image
    if not world.images.is_whole(image.id) and world.images.find(image.id) is not None:
        layer = next(iter(image.layers), None)
        what = f"failed to extract layer {layer.diff_id}: " if layer else ""
        raise NotFoundError(
            f"failed to create containerd container: error unpacking image: {what}failed to get "
            f"reader from content store: content digest {layer.digest if layer else image.id}: "
            "not found"
        )


def _build(
    world: World, request: pb.CreateContainerRequest, sandbox: Sandbox, id_: str, name: str
) -> Container:
    profile = world.profile
    stored = creation.resolve_image(world, request.config.image.image)
    config = creation.with_image_mounts(
        world, sandbox, creation.completed_container(profile, request.config)
    )
    with creation.framed(profile, f'failed to generate container "{id_}" spec'):
        with creation.framed(profile, profile.texts.spec_options):
            check_namespaces(world.store, request, sandbox)
        with creation.framed(profile, "failed to generate spec"):
            argv = creation.argv(config, stored.content)
            creation.prepare_mounts(world.mounted, config.mounts)
    # Go's names of temporary directories end with a random number.
    rootfs = f"{profile.root}/tmpmounts/containerd-mount{int(id_[:8], 16)}"  # noqa: S108  # no place of ours
    spec = creation.process_spec(request, sandbox, stored.content, argv, rootfs)
    creation.require_short_labels(profile, config.labels, "failed to create containerd container")
    return Container(
        id=id_,
        name=name,
        config=config,
        sandbox_config=request.sandbox_config,
        parent=sandbox,
        image=stored.content,
        image_names=(*stored.names, stored.id),
        spec=spec,
        stop_signal=creation.stop_signal(config, stored.content),
        log=ContainerLog(
            world.files,
            creation.log_path(profile, request, id_),
            world.clock.wall_ns,
            tty=config.tty,
        ),
        stdin=Stdin(world.scheduler, closed=not config.stdin),
        resources=creation.first_resources(config),
        exited=Future(world.scheduler),
    )


@handles
def start_container(
    world: World, request: pb.StartContainerRequest
) -> Waits[pb.StartContainerResponse]:
    """OK also where the process ends at once: its exit is handled after this."""
    container = get_container(world, "StartContainer", request.container_id)
    way = early if world.profile.creates_early else lifecycle
    yield from way.start(world, container, world.halfway(request))
    return pb.StartContainerResponse()


@handles
def stop_container(
    world: World, request: pb.StopContainerRequest
) -> Waits[pb.StopContainerResponse]:
    """OK for what is gone; a no-op for what does not run, CREATED included."""
    container = find_container(world, "StopContainer", request.container_id)
    if container is not None:
        way = graceful if world.profile.graceful else lifecycle
        yield from way.stop(world, container, request.timeout, world.halfway(request))
        yield from hooks.stop_container(world, container)
    return pb.StopContainerResponse()


@handles
def remove_container(
    world: World, request: pb.RemoveContainerRequest
) -> Waits[pb.RemoveContainerResponse]:
    """OK for what is gone; kills what runs. The log file stays: it is the kubelet's."""
    container = find_container(world, "RemoveContainer", request.container_id)
    if container is not None:
        way = graceful if world.profile.graceful else lifecycle
        yield from way.remove(world, container, world.halfway(request))
    return pb.RemoveContainerResponse()


@handles
def container_status(
    world: World, request: pb.ContainerStatusRequest
) -> pb.ContainerStatusResponse:
    """A vanished one is NotFound, and must be: the kubelet skips it on that code alone."""
    container = get_container(world, "ContainerStatus", request.container_id)
    return pb.ContainerStatusResponse(
        status=statuses.container_status(container, world.images, world.profile),
        info=info.container_info(world, container) if request.verbose else None,
    )


@handles
def list_containers(world: World, request: pb.ListContainersRequest) -> pb.ListContainersResponse:
    """Never NotFound."""
    return pb.ListContainersResponse(containers=_items(world, request.filter))


@handles
def stream_containers(
    world: World,
    request: pb.StreamContainersRequest,
    send: Callable[[pb.StreamContainersResponse], None],
) -> None:
    """Nothing to send, no message."""
    for batch in batches(_items(world, request.filter), world.profile.stream_batch):
        send(pb.StreamContainersResponse(containers=batch))


def _items(world: World, wanted: pb.ContainerFilter) -> list[pb.Container]:
    selected = select_containers(
        world.store,
        id_=wanted.id,
        pod_sandbox_id=wanted.pod_sandbox_id,
        state=wanted.state.state if wanted.HasField("state") else None,
        labels=wanted.label_selector,
    )
    items = [statuses.container_item(container, world.profile) for container in selected]
    return items[::-1] if world.profile.newest_first else items


@handles
def update_container_resources(
    world: World, request: pb.UpdateContainerResourcesRequest
) -> Waits[pb.UpdateContainerResourcesResponse]:
    """In every state; `windows` and `annotations` mean nothing here."""
    container = get_container(world, "UpdateContainerResources", request.container_id)
    if container.parent not in world.store.sandboxes:
        raise NotFoundError("not found")
    if world.profile.checks_updates:
        require_update(world, container, request.linux)
    updated = yield from hooks.update_container(world, container, request)
    if container.removing:
        raise CRIError(
            f'failed to update resources: container "{container.id}" is in removing state'
        )
    before = container.resources, container.reported
    if updated is not None or request.HasField("linux"):
        asked = updated or request.linux
        set_resources(world, container, creation.merge_resources(before[0], asked))
    try:
        with world.locked(container):
            yield from world.halfway(request)
    except CRIError:
        set_resources(world, container, before[0])
        container.reported = before[1]
        raise
    yield from hooks.post_update_container(world, container)
    return pb.UpdateContainerResourcesResponse()


@handles
def reopen_container_log(
    world: World, request: pb.ReopenContainerLogRequest
) -> pb.ReopenContainerLogResponse:
    """The new file is there when this answers OK, and is not there when it fails."""
    container = get_container(world, "ReopenContainerLog", request.container_id)
    if container.state not in world.profile.living:
        raise CRIError("container is not running")
    lifecycle.open_log(container.log.reopen, container)
    return pb.ReopenContainerLogResponse()
