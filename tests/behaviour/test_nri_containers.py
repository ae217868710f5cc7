"""Plugins of NRI and containers: what they are told of them, when, and what comes of errors."""

import grpc
import pytest

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.nri.objects import ObjectPlugin
from tests.support import Node, create_request, raises_status


class Notes:
    """A plugin that notes what it is told of containers."""

    def __init__(self, node: Node, *refused: str) -> None:
        self.node = node
        self.refused = refused
        """The moments of which it answers an error."""
        self.told: list[tuple[str, nri.Container]] = []
        self.states: list[list[int]] = []
        """Those of all containers that a client could see at each moment."""

    def _note(self, moment: str, container: nri.Container) -> None:
        self.told.append((moment, container))
        listed = self.node.cri.runtime.ListContainers(pb.ListContainersRequest()).containers
        self.states.append([each.state for each in listed])
        if moment in self.refused:
            raise ValueError("no")

    @property
    def moments(self) -> list[str]:
        """What it was told, without of what."""
        return [moment for moment, _ in self.told]

    def create_container(self, _: nri.PodSandbox, container: nri.Container) -> None:
        """Note it."""
        self._note("create", container)

    def post_create_container(self, _: nri.PodSandbox, container: nri.Container) -> None:
        """Note it."""
        self._note("created", container)

    def start_container(self, _: nri.PodSandbox, container: nri.Container) -> None:
        """Note it."""
        self._note("start", container)

    def post_start_container(self, _: nri.PodSandbox, container: nri.Container) -> None:
        """Note it."""
        self._note("started", container)

    def update_container(
        self, _: nri.PodSandbox, container: nri.Container, __: nri.LinuxResources
    ) -> None:
        """Note it."""
        self._note("update", container)

    def post_update_container(self, _: nri.PodSandbox, container: nri.Container) -> None:
        """Note it."""
        self._note("updated", container)

    def stop_container(self, _: nri.PodSandbox, container: nri.Container) -> None:
        """Note it."""
        self._note("stop", container)

    def remove_container(self, _: nri.PodSandbox, container: nri.Container) -> None:
        """Note it."""
        self._note("remove", container)


CREATED, RUNNING, EXITED = pb.CONTAINER_CREATED, pb.CONTAINER_RUNNING, pb.CONTAINER_EXITED


def test_a_plugin_is_told_of_the_life_of_a_container(ready: Node) -> None:
    plugin = Notes(ready)
    ready.cri.nri.connect(plugin)
    pod = ready.run_sandbox()
    container = ready.run(pod, "sleep", "1000", labels={"a": "b"}, annotations={"c": "d"})
    ready.stop(container)
    ready.stop(container)
    ready.remove(container)
    assert list(zip(plugin.moments, plugin.states, strict=True)) == [
        ("create", []),
        ("created", [CREATED]),
        ("start", [CREATED]),
        ("started", [RUNNING]),
        ("stop", [EXITED]),
        ("remove", [EXITED]),
    ]
    states = [told.state for _, told in plugin.told]
    assert states == [
        nri.CONTAINER_UNKNOWN,
        nri.CONTAINER_CREATED,
        nri.CONTAINER_CREATED,
        nri.CONTAINER_RUNNING,
        nri.CONTAINER_STOPPED,
        nri.CONTAINER_UNKNOWN,
    ]
    for _, told in plugin.told:
        assert (told.id, told.pod_sandbox_id, told.name) == (container, pod, "main")
        assert told.labels["a"] == "b"
        assert told.labels["io.cri-containerd.kind"] == "container"
        assert told.annotations["c"] == "d"
        assert list(told.args) == ["sleep", "1000"]
        assert any(each.startswith("PATH=") for each in told.env)
        assert "/proc" in {each.destination for each in told.mounts}
        assert told.image.name == "docker.io/library/busybox:latest"
        assert {"pid", "mount"} <= {each.type for each in told.linux.namespaces}
    pids = [told.pid for _, told in plugin.told]
    assert pids[:2] == [0, 0]
    assert len(set(pids[2:5])) == 1
    assert pids[2]


def test_a_container_that_ends_by_itself_is_told_of_at_once(ready: Node) -> None:
    plugin = Notes(ready)
    ready.cri.nri.connect(plugin)
    container = ready.run(ready.run_sandbox(), "sh", "-c", "sleep 1; exit 3")
    ready.cri.advance(2)
    finished_at = ready.status(container).finished_at
    ready.remove(container)  # which has to wait until all is told
    assert plugin.moments == ["create", "created", "start", "started", "stop", "remove"]
    told = plugin.told[-2][1]
    assert (told.state, told.exit_code) == (nri.CONTAINER_STOPPED, 3)
    assert told.finished_at == finished_at


def test_an_error_refuses_a_container_and_leaves_nothing(ready: Node) -> None:
    plugin = Notes(ready, "create")
    ready.cri.nri.connect(plugin)
    pod = ready.run_sandbox()
    text = (
        "failed to create containerd container: failed to get NRI adjustment for container: "
        "rpc error: code = Unknown desc = no"
    )
    with raises_status(grpc.StatusCode.UNKNOWN, text):
        ready.create(pod)
    assert plugin.moments == ["create", "stop", "remove"]
    assert not plugin.states[-1]
    bare = plugin.told[-1][1]
    assert (bare.pod_sandbox_id, bare.name, dict(bare.labels)) == (pod, "main", {})
    plugin.refused = ()
    used = ready.cri.host.world.disk.used_bytes
    container = ready.create(pod, "true")
    ready.remove(container)
    assert ready.cri.host.world.disk.used_bytes == used


def test_an_error_at_the_start_ends_a_container(ready: Node) -> None:
    plugin = Notes(ready, "start")
    ready.cri.nri.connect(plugin)
    container = ready.create(ready.run_sandbox(), "true")
    text = "NRI container start failed: rpc error: code = Unknown desc = no"
    with raises_status(grpc.StatusCode.UNKNOWN, text):
        ready.start(container)
    status = ready.status(container)
    assert (status.state, status.exit_code, status.reason) == (EXITED, 128, "StartError")
    assert status.message == text
    assert plugin.moments == ["create", "created", "start", "stop"]


@pytest.mark.parametrize("moment", ["created", "started", "stop", "remove"])
def test_nothing_comes_of_errors_about_what_has_happened(ready: Node, moment: str) -> None:
    plugin = Notes(ready, moment)
    ready.cri.nri.connect(plugin)
    container = ready.run(ready.run_sandbox(), "sleep", "1000")
    ready.stop(container)
    ready.remove(container)
    assert plugin.moments == ["create", "created", "start", "started", "stop", "remove"]


def test_a_container_that_never_ran_is_told_of_as_stopped(ready: Node) -> None:
    plugin = Notes(ready)
    ready.cri.nri.connect(plugin)
    container = ready.create(ready.run_sandbox(), "true")
    ready.remove(container)
    assert plugin.moments == ["create", "created", "stop", "remove"]


def test_the_removal_of_a_pod_is_that_of_its_containers(ready: Node) -> None:
    plugin = Notes(ready)
    ready.cri.nri.connect(plugin)
    pod = ready.run_sandbox()
    ready.run(pod, "sleep", "1000")
    ready.remove_sandbox(pod)
    assert plugin.moments[4:] == ["stop", "remove"]


def test_a_container_on_a_stopped_pod_is_no_matter_of_plugins(ready: Node) -> None:
    plugin = Notes(ready)
    ready.cri.nri.connect(plugin)
    pod = ready.run_sandbox()
    ready.stop_sandbox(pod)
    with raises_status(grpc.StatusCode.UNKNOWN):
        ready.create(pod)
    assert plugin.moments == []


class Held:
    """A plugin that waits a second before a container is created."""

    def create_container(self, _: nri.PodSandbox, __: nri.Container) -> Waits[None]:
        """Wait."""
        yield from self.node.cri.host.world.scheduler.sleep(SECOND_NS)

    def __init__(self, node: Node) -> None:
        self.node = node


def test_other_calls_go_on_while_a_plugin_thinks(ready: Node) -> None:
    ready.cri.nri.connect(Held(ready))
    pod = ready.run_sandbox()
    with ready.cri.clock.hold():
        began = ready.runtime.CreateContainer.future(create_request(pod, "true"))
        listed = ready.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert not listed
    container = began.result().container_id
    assert ready.status(container).state == CREATED


def test_a_container_that_is_created_while_a_plugin_synchronises_is_not_lost(ready: Node) -> None:
    told: list[str] = []

    class Late:
        def synchronize(
            self, _: list[nri.PodSandbox], containers: list[nri.Container]
        ) -> Waits[None]:
            told.extend(each.id for each in containers)
            yield from ready.cri.host.world.scheduler.sleep(SECOND_NS)

        def create_container(self, _: nri.PodSandbox, container: nri.Container) -> None:
            told.append(container.id)

    pod = ready.run_sandbox()
    first = ready.create(pod, "true", name="before")
    world = ready.cri.host.world
    with ready.cri.host.turn():
        world.nri.connect(ObjectPlugin(world.scheduler, Late(), "00", "late"))
    during = ready.create(pod, "true", name="during")
    after = ready.create(pod, "true", name="after")
    assert told == [first, during, after]


def test_a_deadline_of_the_client_closes_the_plugin_that_lets_it_pass(ready: Node) -> None:
    class Sleeps:
        def create_container(self, _: nri.PodSandbox, __: nri.Container) -> Waits[None]:
            yield from ready.cri.host.world.scheduler.sleep(1000 * SECOND_NS)

    connection = ready.cri.nri.connect(Sleeps())
    pod = ready.run_sandbox()
    with raises_status(grpc.StatusCode.DEADLINE_EXCEEDED):
        ready.cri.runtime.CreateContainer(create_request(pod, "true"), timeout=1)
    assert not connection.connected
    ready.create(pod, "true")


class Slow:
    """A plugin that thinks for long about whatever is removed."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.removed: list[str] = []

    def _think(self, id_: str) -> Waits[None]:
        self.removed.append(id_)
        yield from self._node.cri.host.world.scheduler.sleep(1000 * SECOND_NS)

    def remove_container(self, _: nri.PodSandbox, container: nri.Container) -> Waits[None]:
        """Think."""
        yield from self._think(container.id)

    def remove_pod_sandbox(self, pod: nri.PodSandbox) -> Waits[None]:
        """Think."""
        yield from self._think(pod.id)


def test_a_removal_whose_client_goes_while_plugins_think_can_be_tried_again(ready: Node) -> None:
    container = ready.create(ready.run_sandbox(), "true")
    ready.cri.nri.connect(Slow(ready))
    request = pb.RemoveContainerRequest(container_id=container)
    with raises_status(grpc.StatusCode.DEADLINE_EXCEEDED):
        ready.cri.runtime.RemoveContainer(request, timeout=1)
    assert ready.status(container).state == CREATED
    ready.remove(container)
    with raises_status(grpc.StatusCode.NOT_FOUND):
        ready.status(container)


def test_a_pod_is_removed_though_its_client_goes_while_plugins_think(ready: Node) -> None:
    pod = ready.run_sandbox()
    plugin = Slow(ready)
    ready.cri.nri.connect(plugin)
    request = pb.RemovePodSandboxRequest(pod_sandbox_id=pod)
    ready.cri.runtime.RemovePodSandbox(request, timeout=1)
    assert ready.cri.calls[-1].cancelled == "deadline"
    assert plugin.removed == [pod]
    with raises_status(grpc.StatusCode.NOT_FOUND):
        ready.sandbox_status(pod)
