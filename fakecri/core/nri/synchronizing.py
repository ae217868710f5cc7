"""A plugin takes its seat: it is configured, and told of all that there is already."""

from collections.abc import Sequence

from fakecri.api import nri_pb2 as nri
from fakecri.core.nri.adaptation import Seat
from fakecri.core.nri.contents import container_message, pod_message
from fakecri.core.nri.plugins import NRIError, OversizedRequest, Plugin, PluginGone
from fakecri.core.nri.updating import apply_updates
from fakecri.core.scheduler import Waits
from fakecri.core.states import ContainerState, SandboxState, Told
from fakecri.core.world import World
from fakecri.errors import Code

_MILLISECOND_NS = 1_000_000
_LEAST_A_MESSAGE = 8
_LARGEST_PART = 0.9
_LISTED = (ContainerState.CREATED, ContainerState.RUNNING)


def seat(world: World, plugin: Plugin) -> Waits[None]:
    """Have a plugin configured, synchronised and called from then on; or closed.

    Nobody calls a hook meanwhile, so that each container is either among those that the plugin is
    told of now, or one of whose creation it is asked.
    """
    adaptation, taken = world.nri, Seat(plugin)
    taken.is_old = world.profile.nri_state_changes
    try:
        yield from _configure(world, taken)
        turns = adaptation.turns
        yield from turns.wait()
        with turns.ending():
            yield from _synchronize(world, taken)
            adaptation.add(taken)
            world.recorder.plugged("connected", taken.name, events=taken.events)
    except BaseException:
        plugin.close()
        raise


def _configure(world: World, taken: Seat) -> Waits[None]:
    adaptation, profile = world.nri, world.profile
    if not profile.nri_version:
        raise NRIError(Code.UNIMPLEMENTED, "the runtime has no NRI")
    request = nri.ConfigureRequest(
        runtime_name=profile.runtime_name,
        runtime_version=profile.runtime_version,
        registration_timeout=adaptation.registration_timeout_ns // _MILLISECOND_NS,
        request_timeout=adaptation.request_timeout_ns // _MILLISECOND_NS,
        NRI_version="" if profile.nri_state_changes else profile.nri_version,
    )
    try:
        response = yield from adaptation.call(taken, "Configure", request)
    except NRIError as error:
        raise NRIError(error.code, f"failed to configure plugin: {error}") from error
    every = (1 << profile.nri_last_event) - 1
    extra = response.events & ~every
    if extra:
        raise NRIError(Code.UNKNOWN, f"invalid plugin events: 0x{extra:x}")
    taken.events = response.events or every


def _synchronize(world: World, taken: Seat) -> Waits[None]:
    pods = [pod_message(world, each) for each in world.store.sandboxes if _is_known(each.state)]
    containers = []
    for container in world.store.containers:
        if container.state in _LISTED:
            containers.append(container_message(world, container))
            container.told = Told.BEGUN
    response = yield from _send(world, taken, pods, containers)
    yield from apply_updates(world, response.update)


def _is_known(state: SandboxState) -> bool:
    return state is not SandboxState.ABSENT


def _send(
    world: World, taken: Seat, pods: Sequence[nri.PodSandbox], containers: Sequence[nri.Container]
) -> Waits[nri.SynchronizeResponse]:
    """Send all of them, in several requests where the connection does not take one so long."""
    deadline_ns = world.nri.deadline_ns
    pod_count, container_count = len(pods), len(containers)
    while True:
        request = nri.SynchronizeRequest(
            pods=pods[:pod_count],
            containers=containers[:container_count],
            more=len(pods) > pod_count or len(containers) > container_count,
        )
        try:
            response = yield from world.nri.call(taken, "Synchronize", request, deadline_ns)
        except OversizedRequest as error:
            pod_count, container_count = _fewer(pod_count, container_count, error)
            continue
        if not request.more:
            return response  # type: ignore[no-any-return]  # a plugin answers with its message
        if response.update or not response.more:
            raise PluginGone("plugin does not handle split sync requests")
        pods, containers = pods[pod_count:], containers[container_count:]
        pod_count, container_count = (
            min(pod_count, len(pods)),
            min(container_count, len(containers)),
        )


def _fewer(pods: int, containers: int, error: OversizedRequest) -> tuple[int, int]:
    if pods + containers <= _LEAST_A_MESSAGE or error.length <= error.limit or not error.limit:
        raise NRIError(Code.UNKNOWN, "failed to synchronize plugin with split messages") from error
    factor = min(error.limit / error.length, _LARGEST_PART)
    pods, containers = int(pods * factor), int(containers * factor)
    if pods + containers < _LEAST_A_MESSAGE:
        return _LEAST_A_MESSAGE // 2, _LEAST_A_MESSAGE // 2
    return pods, containers
