"""Plugins of NRI and pods: what they are told of them, when, and what comes of their errors."""

import grpc
import pytest

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import Waits
from fakecri.errors import Code, CRIError, Refused, UsageError
from tests.support import Node, raises_status


class Pods:
    """A plugin that notes what it is told of pods."""

    def __init__(self) -> None:
        self.told: list[tuple[str, nri.PodSandbox]] = []

    def run_pod_sandbox(self, pod: nri.PodSandbox) -> None:
        """Note it."""
        self.told.append(("run", pod))

    def stop_pod_sandbox(self, pod: nri.PodSandbox) -> None:
        """Note it."""
        self.told.append(("stop", pod))

    def remove_pod_sandbox(self, pod: nri.PodSandbox) -> None:
        """Note it."""
        self.told.append(("remove", pod))

    @property
    def moments(self) -> list[str]:
        """What it was told, without of what."""
        return [moment for moment, _ in self.told]


def listed(node: Node) -> list[str]:
    """Return the ids of all sandboxes."""
    return [each.id for each in node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items]


def test_a_plugin_is_told_of_the_life_of_a_pod_once(node: Node) -> None:
    plugin = Pods()
    node.cri.nri.connect(plugin)
    pod = node.run_sandbox(labels={"app": "web"}, annotations={"note": "x"})
    node.stop_sandbox(pod)
    node.stop_sandbox(pod)
    node.remove_sandbox(pod)
    assert plugin.moments == ["run", "stop", "remove"]
    told = plugin.told[0][1]
    assert (told.id, told.name, told.namespace, told.uid) == (pod, "web", "default", "uid-web")
    assert told.labels["app"] == "web"
    assert told.labels["io.cri-containerd.kind"] == "sandbox"
    assert told.annotations["note"] == "x"
    assert told.annotations["io.kubernetes.cri.sandbox-id"] == pod
    assert told.pid
    assert list(told.ips)


def test_a_pod_is_not_to_be_seen_before_plugins_have_agreed(node: Node) -> None:
    seen = []

    class Looks:
        def run_pod_sandbox(self, _: nri.PodSandbox) -> None:
            seen.append(list(node.cri.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items))

    node.cri.nri.connect(Looks())
    node.run_sandbox()
    assert seen == [[]]


def test_an_error_of_a_plugin_refuses_a_pod_and_leaves_nothing(node: Node) -> None:
    class Refuses(Pods):
        def run_pod_sandbox(self, pod: nri.PodSandbox) -> None:
            super().run_pod_sandbox(pod)
            if len(self.told) == 1:
                raise ValueError("no room")

    plugin = Refuses()
    node.cri.nri.connect(plugin)
    text = "NRI RunPodSandbox failed: rpc error: code = Unknown desc = no room"
    with raises_status(grpc.StatusCode.UNKNOWN, text):
        node.run_sandbox()
    assert listed(node) == []
    assert plugin.moments == ["run", "stop", "remove"]
    pod = node.run_sandbox()
    assert listed(node) == [pod]


def test_the_code_of_a_plugin_is_that_of_the_call(node: Node) -> None:
    class Refuses:
        def run_pod_sandbox(self, _: nri.PodSandbox) -> None:
            raise CRIError("full", Code.RESOURCE_EXHAUSTED)

    node.cri.nri.connect(Refuses())
    text = "NRI RunPodSandbox failed: rpc error: code = ResourceExhausted desc = full"
    with raises_status(grpc.StatusCode.RESOURCE_EXHAUSTED, text):
        node.run_sandbox()


@pytest.mark.parametrize("hook", ["stop_pod_sandbox", "remove_pod_sandbox"])
def test_nothing_comes_of_errors_about_what_has_happened(node: Node, hook: str) -> None:
    def complain(_: nri.PodSandbox) -> None:
        raise ValueError("too late")

    plugin = Pods()
    setattr(plugin, hook, complain)
    node.cri.nri.connect(plugin)
    pod = node.run_sandbox()
    node.stop_sandbox(pod)
    node.remove_sandbox(pod)
    assert listed(node) == []


def test_containers_have_ended_when_a_plugin_is_told_of_the_stop_of_their_pod(node: Node) -> None:
    states: list[int] = []

    class Looks:
        def stop_pod_sandbox(self, pod: nri.PodSandbox) -> None:
            found = node.cri.runtime.ListContainers(pb.ListContainersRequest()).containers
            states.extend(each.state for each in found)
            request = pb.PodSandboxStatusRequest(pod_sandbox_id=pod.id)
            states.append(node.cri.runtime.PodSandboxStatus(request).status.state)

    node.cri.nri.connect(Looks())
    node.pull()
    pod = node.run_sandbox()
    node.run(pod, "sleep", "1000")
    node.stop_sandbox(pod)
    assert states == [pb.CONTAINER_EXITED, pb.SANDBOX_NOTREADY]


def test_plugins_are_asked_in_the_order_of_their_indices(node: Node) -> None:
    asked = []

    class Notes:
        def __init__(self, name: str) -> None:
            self.name = name

        def run_pod_sandbox(self, _: nri.PodSandbox) -> None:
            asked.append(self.name)

    node.cri.nri.connect(Notes("late"), index="90")
    node.cri.nri.connect(Notes("early"), index="10")
    node.cri.nri.connect(Notes("second"), index="10", name="other")
    node.run_sandbox()
    assert asked == ["early", "second", "late"]
    assert node.cri.nri.names == ["10-test", "10-other", "90-test"]


def test_a_plugin_that_has_left_is_told_nothing_more(node: Node) -> None:
    plugin = Pods()
    with node.cri.nri.connect(plugin) as connection:
        pod = node.run_sandbox()
        assert node.cri.nri.names == ["00-test"]
    assert node.cri.nri.names == []
    node.stop_sandbox(pod)
    assert plugin.moments == ["run"]
    connection.stop()


def test_a_plugin_that_comes_late_is_not_told_of_what_was_told_before(node: Node) -> None:
    first, second = node.run_sandbox("first"), node.run_sandbox("second")
    node.stop_sandbox(first)
    plugin = Pods()
    node.cri.nri.connect(plugin)
    node.stop_sandbox(first)
    node.stop_sandbox(second)
    assert [(moment, pod.id) for moment, pod in plugin.told] == [("stop", second)]


def test_a_hook_may_wait_in_virtual_time(node: Node) -> None:
    class Pauses:
        def run_pod_sandbox(self, _: nri.PodSandbox) -> Waits[None]:
            yield from node.cri.host.world.scheduler.sleep(1_000_000_000)

    node.cri.nri.connect(Pauses())
    before = node.cri.now_ns
    node.run_sandbox()
    assert node.cri.now_ns - before >= 1_000_000_000


def test_a_plugin_that_takes_too_long_is_closed_and_ignored(node: Node) -> None:
    class Sleeps:
        def run_pod_sandbox(self, _: nri.PodSandbox) -> Waits[None]:
            yield from node.cri.host.world.scheduler.sleep(3_000_000_000)
            raise ValueError("never heard")

    connection = node.cri.nri.connect(Sleeps())
    node.run_sandbox()
    assert not connection.connected
    assert node.cri.nri.names == []


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"name": ""}, "invalid plugin name: name is empty"),
        ({"name": "a b"}, "invalid plugin name \"a b\": contains invalid character ' '"),
        ({"index": "1"}, 'invalid plugin index "1", must be 2 digits'),
        ({"index": "1x"}, 'invalid plugin index "1x" (not [0-9][0-9])'),
    ],
)
def test_names_and_indices_are_checked(node: Node, given: dict[str, str], text: str) -> None:
    with pytest.raises(UsageError) as refusal:
        node.cri.nri.connect(Pods(), **given)
    assert str(refusal.value) == text


def test_an_object_without_hooks_is_no_plugin(node: Node) -> None:
    with pytest.raises(UsageError, match="at least one of the methods configure, synchronize"):
        node.cri.nri.connect(object())  # type: ignore[arg-type]  # which is what is tested


def test_a_plugin_that_fails_to_synchronise_is_not_connected(node: Node) -> None:
    class Fails(Pods):
        def synchronize(self, _: list[nri.PodSandbox], __: list[nri.Container]) -> None:
            raise ValueError("not today")

    with pytest.raises(Refused, match="plugin 00-test: rpc error: code = Unknown desc = not today"):
        node.cri.nri.connect(Fails())
    assert node.cri.nri.names == []


def test_a_plugin_is_told_of_the_pods_that_there_are(node: Node) -> None:
    told: list[str] = []

    class Synchronizes:
        def synchronize(self, pods: list[nri.PodSandbox], _: list[nri.Container]) -> None:
            told.extend(each.id for each in pods)

    pod = node.run_sandbox()
    node.cri.nri.connect(Synchronizes())
    assert told == [pod]


def test_a_runtime_that_restarts_loses_its_plugins(node: Node) -> None:
    plugin = Pods()
    connection = node.cri.nri.connect(plugin)
    pod = node.run_sandbox()
    node.cri.restart_runtime()
    assert not connection.connected
    again = Pods()
    node.cri.nri.connect(again)
    node.stop_sandbox(pod)
    assert again.moments == []
