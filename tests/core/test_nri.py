"""The registry of plugins, whoever they are: beginnings, versions, what is too long or too slow."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from fakecri import CRI
from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as cri_pb
from fakecri.core.nri.plugins import NRIError, OversizedRequest, PluginGone
from fakecri.core.scheduler import Future
from fakecri.core.world import World
from fakecri.errors import Code, Refused
from tests.support import create_request, sandbox_config

Answer = Callable[[str, Any], "Message | NRIError | None"]


class Scripted:
    """A plugin whose answers are given; None: it has not answered yet."""

    def __init__(self, world: World, answer: Answer, index: str = "00") -> None:
        self.index = index
        self.name = "scripted"
        self.asked: list[tuple[str, Any]] = []
        self.closed = False
        self._world = world
        self._answer = answer

    def call(self, method: str, request: Message) -> Future[Any]:
        """Answer as it is told to, or with nothing in particular."""
        self.asked.append((method, request))
        future: Future[Any] = Future(self._world.scheduler)
        answer = self._answer(method, request)
        if isinstance(answer, NRIError):
            future.set_error(answer)
        elif answer is not None:
            future.set_result(answer)
        return future

    def close(self) -> None:
        """Note it."""
        self.closed = True

    @property
    def methods(self) -> list[str]:
        """What was called."""
        return [method for method, _ in self.asked]


def empty(method: str, _: Any) -> Message:
    """Answer with nothing in particular."""
    response: Message = getattr(nri, f"{method}Response", nri.Empty)()
    return response


@pytest.fixture
def cri() -> Iterator[CRI]:
    """Open a runtime."""
    with CRI() as opened:
        yield opened


def connected(cri: CRI, answer: Answer = empty, index: str = "00") -> Scripted:
    """Connect a plugin; raise what it fails with."""
    world = cri.host.world
    plugin = Scripted(world, answer, index)
    with cri.host.turn():
        future = world.nri.connect(plugin)
    assert future.done
    future.result()
    return plugin


def run_pod(cri: CRI, name: str = "web") -> str:
    """Run a pod; return its id."""
    return cri.runtime_service.run_pod_sandbox(sandbox_config(name))


def test_a_plugin_is_told_of_the_runtime_first(cri: CRI) -> None:
    plugin = connected(cri)
    (first, request), (second, _) = plugin.asked
    assert (first, second) == ("Configure", "Synchronize")
    assert request == nri.ConfigureRequest(
        runtime_name="containerd",
        runtime_version="2.4.0",
        registration_timeout=5000,
        request_timeout=2000,
        NRI_version="v0.12.2",
    )


@pytest.mark.parametrize("events", [1 << 14, -1 << 31])
def test_events_that_there_are_not_are_refused(cri: CRI, events: int) -> None:
    def answer(method: str, request: Any) -> Message:
        return nri.ConfigureResponse(events=events) if method == "Configure" else empty(method, 0)

    with pytest.raises(NRIError) as refusal:
        connected(cri, answer)
    assert refusal.value.text == f"invalid plugin events: 0x{events:x}"
    assert cri.nri.names == []


def test_a_plugin_gets_the_events_that_it_asked_for(cri: CRI) -> None:
    def answer(method: str, _: Any) -> Message:
        mask = 1 << nri.STOP_POD_SANDBOX - 1
        return nri.ConfigureResponse(events=mask) if method == "Configure" else empty(method, 0)

    plugin = connected(cri, answer)
    cri.runtime_service.stop_pod_sandbox(run_pod(cri))
    assert plugin.methods[2:] == ["StopPodSandbox"]


def test_a_plugin_without_a_method_gets_state_changes(cri: CRI) -> None:
    def answer(method: str, _: Any) -> Message | NRIError:
        if method.endswith("PodSandbox"):
            return NRIError(Code.UNIMPLEMENTED, f"method {method}")
        return empty(method, 0)

    plugin = connected(cri, answer)
    pod = run_pod(cri)
    cri.runtime_service.stop_pod_sandbox(pod)
    assert plugin.methods[2:] == ["RunPodSandbox", "StateChange", "StateChange"]
    events = [request.event for _, request in plugin.asked[3:]]
    assert events == [nri.RUN_POD_SANDBOX, nri.STOP_POD_SANDBOX]
    assert {request.pod.id for _, request in plugin.asked[3:]} == {pod}


@pytest.mark.parametrize("method", ["RunPodSandbox", "StopPodSandbox", "RemovePodSandbox"])
def test_a_plugin_that_is_gone_is_closed_and_nothing_comes_of_it(cri: CRI, method: str) -> None:
    plugin = connected(cri, lambda asked, _: PluginGone() if asked == method else empty(asked, 0))
    other = connected(cri, index="10")
    cri.runtime_service.remove_pod_sandbox(run_pod(cri))
    assert plugin.closed
    assert plugin.methods[-1] == method
    assert other.methods[2:] == ["RunPodSandbox", "StopPodSandbox", "RemovePodSandbox"]
    assert cri.nri.names == ["10-scripted"]


def test_a_plugin_that_does_not_answer_in_time_is_closed(cri: CRI) -> None:
    plugin = connected(cri, lambda asked, _: None if asked == "RunPodSandbox" else empty(asked, 0))
    call = cri.runtime.RunPodSandbox.future(run_request())
    cri.advance(1.9)
    assert not call.done()
    cri.advance(0.2)
    assert call.result().pod_sandbox_id
    assert plugin.closed


def run_request() -> Any:
    """Return the request for a pod."""
    return cri_pb.RunPodSandboxRequest(config=sandbox_config())


def test_a_plugin_that_does_not_synchronise_in_time_is_not_connected(cri: CRI) -> None:
    world = cri.host.world
    plugin = Scripted(world, lambda asked, _: None if asked == "Synchronize" else empty(asked, 0))
    with cri.host.turn():
        future = world.nri.connect(plugin)
    pod = cri.runtime.RunPodSandbox.future(run_request())
    assert not pod.done()
    cri.advance(2)
    with pytest.raises(PluginGone):
        future.result()
    assert pod.result().pod_sandbox_id
    assert plugin.closed
    assert plugin.methods == ["Configure", "Synchronize"]


def limited(limit: int, *, splits: bool = True) -> Answer:
    """Return the answers of a plugin whose connection takes messages of so many bytes."""

    def answer(method: str, request: Any) -> Message | NRIError:
        if method == "Synchronize":
            if request.ByteSize() > limit:
                return OversizedRequest(request.ByteSize(), limit)
            return nri.SynchronizeResponse(more=request.more and splits)
        return empty(method, 0)

    return answer


def test_what_is_too_long_is_told_in_parts(cri: CRI) -> None:
    pods = [run_pod(cri, f"pod{number}") for number in range(30)]
    length = connected(cri).asked[1][1].ByteSize()
    plugin = connected(cri, limited(length // 3), "10")
    requests = [request for method, request in plugin.asked if method == "Synchronize"]
    taken = [each for each in requests if each.ByteSize() <= length // 3]
    assert [pod.id for each in taken for pod in each.pods] == pods
    assert [each.more for each in taken] == [True] * (len(taken) - 1) + [False]
    assert len(taken) > 2


def test_a_plugin_that_takes_no_parts_is_not_connected(cri: CRI) -> None:
    for number in range(30):
        run_pod(cri, f"pod{number}")
    with pytest.raises(PluginGone, match="plugin does not handle split sync requests"):
        connected(cri, limited(20_000, splits=False))


def test_a_connection_that_takes_next_to_nothing_is_given_up(cri: CRI) -> None:
    run_pod(cri)
    with pytest.raises(NRIError, match="failed to synchronize plugin with split messages"):
        connected(cri, limited(100))


def test_an_update_of_its_own_is_done_when_it_is_nobodys_turn(cri: CRI) -> None:
    cri.images.PullImage(cri_pb.PullImageRequest(image=cri_pb.ImageSpec(image="busybox")))
    pod = run_pod(cri)
    request = create_request(pod, "true")
    container = cri.runtime.CreateContainer(request).container_id
    connection = cri.nri.connect(_Nothing())
    update = nri.ContainerUpdate(container_id=container)
    update.linux.resources.memory.limit.value = 1 << 25
    missing = nri.ContainerUpdate(container_id="nobody")
    connection.update([missing, update])
    status = cri.runtime_service.container_status(container).status
    assert status.resources.linux.memory_limit_in_bytes == 1 << 25
    cri.host.world.store.containers.get(container).removing = True
    with pytest.raises(Refused, match="NRI update of some containers failed"):
        connection.update([update])
    update.ignore_failure = True
    connection.update([update])


class _Nothing:
    """A plugin that wants to hear of one thing."""

    def remove_pod_sandbox(self, pod: nri.PodSandbox) -> None:
        """Take no notice."""


@pytest.mark.parametrize("personality", ["containerd-1.6", "old"])
def test_a_runtime_without_nri_takes_no_plugin(personality: str) -> None:
    with CRI(personality=personality) as cri, pytest.raises(Refused, match="has no NRI"):
        cri.nri.connect(_Nothing())


def test_an_older_nri_has_fewer_events_and_one_method_for_most() -> None:
    with CRI(personality="containerd-1.7") as cri:
        plugin = connected(cri)
        pod = run_pod(cri)
        assert plugin.methods == ["Configure", "Synchronize", "StateChange"]
        assert plugin.asked[0][1].NRI_version == ""

        told = []

        class Removed:
            def remove_pod_sandbox(self, pod: nri.PodSandbox) -> None:
                told.append(pod.id)

            def remove_container(self, _: nri.PodSandbox, container: nri.Container) -> None:
                told.append(container.id)

        cri.nri.connect(Removed())
        cri.images.PullImage(cri_pb.PullImageRequest(image=cri_pb.ImageSpec(image="busybox")))
        container = cri.runtime.CreateContainer(create_request(pod, "true")).container_id
        cri.runtime_service.remove_pod_sandbox(pod)
        assert told == [container, pod]

        class TooNew:
            def validate_container_adjustment(
                self, _: nri.ValidateContainerAdjustmentRequest
            ) -> str | None:
                return None

        with pytest.raises(Refused, match="invalid plugin events: 0x2000"):
            cri.nri.connect(TooNew())


def test_a_plugin_that_has_begun_when_the_runtime_dies_has_to_begin_anew(cri: CRI) -> None:
    world = cri.host.world
    plugin = Scripted(world, lambda asked, _: None if asked == "Synchronize" else empty(asked, 0))
    with cri.host.turn():
        future = world.nri.connect(plugin)
    cri.restart_runtime()
    assert plugin.closed
    assert isinstance(future.error, PluginGone)
    run_pod(cri)
    assert cri.nri.names == []
