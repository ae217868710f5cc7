"""Level 5 of the taxonomy: what happens on the node by itself."""

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import (
    EXITED,
    NOTREADY,
    READY,
    RUNNING,
    containers,
    is_answered,
    sandboxes,
    subscribe,
    until,
)
from tests.support import Node, raises_status
from tests.taxonomy.shows import shows

S = grpc.StatusCode
UNKNOWN_STATE = pb.CONTAINER_UNKNOWN
VERSION = pb.VersionRequest()


@pytest.fixture
def app(node: Node) -> str:
    """Run a container, `web/main`."""
    return node.run(node.run_sandbox(), "sleep", "infinity")


def ended(node: Node, container_id: str) -> tuple[int, str]:
    """Return exit code and reason of a container that has ended."""
    status = node.status(container_id)
    assert status.state == EXITED
    return status.exit_code, status.reason


def conditions(node: Node) -> dict[str, bool]:
    """Return the conditions of the runtime."""
    status = node.runtime.Status(pb.StatusRequest()).status
    return {each.type: each.status for each in status.conditions}


def has_busybox(node: Node) -> bool:
    """Whether the image is listed."""
    images = node.images.ListImages(pb.ListImagesRequest()).images
    return any("busybox" in tag for each in images for tag in each.repo_tags)


@shows("X1", "after 5s container web/main exit 3", "EXITED, 3, Error")
@shows("X1", "after 5s container web/main signal SIGKILL", "EXITED, 137, Error")
def test_a_process_exits_by_itself(node: Node, app: str, text: str) -> None:
    node.cri.state.strike(text)
    assert node.status(app).state == RUNNING
    node.cri.advance(5)
    assert ended(node, app) == (137 if "SIGKILL" in text else 3, "Error")


@shows("X2", "container web/main oom", "137, OOMKilled")
@shows("X2", "container web/main oom reason=Error", "137, and not a word of memory")
@shows("X2", "container web/main oom code=143", "143, OOMKilled")
@shows("X2", "container web/main oom code=0", "0, OOMKilled")
def test_an_oom_kill(node: Node, app: str, text: str) -> None:
    node.cri.state.strike(text)
    code = int(text.partition("code=")[2] or 137)
    assert ended(node, app) == (code, "Error" if "Error" in text else "OOMKilled")


@shows("X3", 'behave("container=main : exit/1/2s")', "each attempt ends after 2 s, with 1")
def test_a_crash_loop(node: Node, text: str) -> None:
    node.cri.behave(text.split('"')[1])
    pod_sandbox_id = node.run_sandbox()
    for attempt in range(3):
        container_id = node.run(pod_sandbox_id, attempt=attempt)
        node.cri.advance(1.9)
        assert node.status(container_id).state == RUNNING
        node.cri.advance(0.1)
        assert ended(node, container_id) == (1, "Error")


@shows("X4", "after 60s sandbox web die", "the sandbox is NOTREADY; its containers run")
@shows("X4", "after 60s sandbox web drop-ip", "READY, and no address")
def test_a_sandbox_dies_alone_or_loses_its_address(node: Node, app: str, text: str) -> None:
    (pod_sandbox_id,) = sandboxes(node)
    node.cri.state.strike(text)
    assert node.sandbox_status(pod_sandbox_id).network.ip
    node.cri.advance(60)
    status = node.sandbox_status(pod_sandbox_id)
    assert status.state == (NOTREADY if "die" in text else READY)
    assert bool(status.network.ip) is ("die" in text)
    assert node.status(app).state == RUNNING


@shows("X5", "container web/main lose", "UNKNOWN; `container web/main recover`: RUNNING again")
def test_a_state_is_unknown_and_known_again(node: Node, app: str, text: str) -> None:
    node.cri.state.strike(text)
    assert node.status(app).state == UNKNOWN_STATE
    node.cri.state.strike("container web/main recover")
    assert node.status(app).state == RUNNING


@shows("X6", "container web/main forget", "NOT_FOUND; STOPPED and DELETED events")
@shows("X6", "container web/main forget silent", "NOT_FOUND; no event")
def test_an_object_vanishes(node: Node, app: str, text: str) -> None:
    stream = subscribe(node)
    assert [next(stream).container_id for _ in range(4)][-1] == app
    node.cri.state.strike(text)
    with raises_status(S.NOT_FOUND):
        node.status(app)
    assert containers(node) == []
    node.run_sandbox("later")
    assert (next(stream).container_id == app) is ("silent" not in text)
    stream.cancel()


@shows("X6", "a gate on ContainerStatus, then container web/main forget", "NOT_FOUND after a list")
def test_an_object_vanishes_between_list_and_status(node: Node, app: str) -> None:
    with node.cri.gate("ContainerStatus") as gate:
        assert containers(node) == [app]
        request = pb.ContainerStatusRequest(container_id=app)
        looking = node.runtime.ContainerStatus.future(request)
        gate.wait_arrived(1)
        node.cri.state.strike("container web/main forget")
        gate.release()
        with raises_status(S.NOT_FOUND):
            looking.result()


@shows("X7", "runtime restart", "what ran runs")
@shows("X7", "runtime restart keep=unknown", "what ran is UNKNOWN")
@shows("X7", "runtime restart keep=dead", "EXITED, 255, Unknown")
@shows("X7", "runtime restart zeroed=web/main", "UNKNOWN, created_at 0")
def test_the_runtime_restarts(node: Node, app: str, text: str) -> None:
    node.cri.state.strike(text)
    until(lambda: is_answered(node.runtime))
    status = node.status(app)
    expected = {"runtime restart": RUNNING, "runtime restart keep=dead": EXITED}
    assert status.state == expected.get(text, UNKNOWN_STATE)
    assert bool(status.created_at) is ("zeroed" not in text)
    if "dead" in text:
        assert ended(node, app) == (255, "Unknown")


@shows("X7", "runtime restart keep=none", "nothing is listed")
@shows("X7", "runtime restart lost=web/main", "the container is gone, and its name free")
@shows("X7", "runtime restart lost=web/main leak-names", "it is gone, and its name reserved")
def test_the_runtime_forgets(node: Node, app: str, text: str) -> None:
    node.cri.state.strike(text)
    until(lambda: is_answered(node.runtime))
    assert containers(node) == []
    if "none" in text:
        assert sandboxes(node) == []
        return
    (pod_sandbox_id,) = sandboxes(node)
    if "leak" in text:
        with raises_status(S.FAILED_PRECONDITION):
            node.create(pod_sandbox_id)
    else:
        assert node.create(pod_sandbox_id) != app


@shows("N3", "runtime restart down=5s", "UNAVAILABLE in mid-call; then nobody answers for 5 s")
@shows("S11", "runtime restart down=5s", "UNAVAILABLE; who subscribes again hears what follows")
def test_the_runtime_restarts_under_an_event_stream(node: Node, text: str) -> None:
    stream = subscribe(node)
    node.cri.state.strike(text)
    with raises_status(S.UNAVAILABLE):
        next(stream)
    with raises_status(S.UNAVAILABLE):
        node.runtime.Version(VERSION)
    node.cri.advance(6)
    until(lambda: is_answered(node.runtime))
    again = subscribe(node)
    pod_sandbox_id = node.run_sandbox()
    assert next(again).container_id == pod_sandbox_id
    again.cancel()


@shows("X8", "node reboot", "EXITED, 255; sandboxes NOTREADY; images are there")
@shows("X8", "node reboot exit=137", "EXITED, 137")
@shows("X8", "node reboot exit=0", "EXITED, 0: as if the job were done")
@shows("X8", "node reboot clock=-320d", "likewise; what is made after it seems older")
def test_the_node_reboots(node: Node, app: str, text: str) -> None:
    node.cri.state.strike(text)
    until(lambda: is_answered(node.runtime))
    assert ended(node, app)[0] == int(text.partition("exit=")[2] or 255)
    (pod_sandbox_id,) = sandboxes(node)
    assert node.sandbox_status(pod_sandbox_id).state == NOTREADY
    assert has_busybox(node)
    before = node.sandbox_status(pod_sandbox_id).created_at
    after = node.sandbox_status(node.run_sandbox("later")).created_at
    assert (after < before) is ("clock" in text)


@shows("X9", 'foreign stranger add container=""', "a container without name or a kubelet's labels")
def test_foreign_objects(node: Node, text: str) -> None:
    node.cri.state.strike(text)
    (item,) = node.runtime.ListContainers(pb.ListContainersRequest()).containers
    assert item.metadata.name == ""
    assert not any(key.startswith("io.kubernetes") for key in item.labels)


@shows("X10", "condition NetworkReady false", "NetworkReady is false")
@shows("X10", "condition NetworkReady missing", "there is no NetworkReady")
@shows("X10", "status empty", "no conditions")
@shows("X10", "status nil", "no status")
def test_conditions(node: Node, text: str) -> None:
    ready = {"RuntimeReady": True, "NetworkReady": True}
    assert conditions(node).items() >= ready.items()
    node.cri.state.strike(text)
    found = {name: status for name, status in conditions(node).items() if name in ready}
    if "false" in text:
        assert found == {"RuntimeReady": True, "NetworkReady": False}
    else:
        assert found == ({"RuntimeReady": True} if "missing" in text else {})
    answer = node.runtime.Status(pb.StatusRequest())
    assert answer.HasField("status") is ("nil" not in text)


@shows("X10", "condition RuntimeReady flap off=5s on=5s", "false and true by turns")
def test_conditions_flap(node: Node, text: str) -> None:
    node.cri.state.strike(text)
    seen = []
    for _ in range(4):
        seen.append(conditions(node)["RuntimeReady"])
        node.cri.advance(5)
    assert seen == [False, True, False, True]


@shows(
    "X11",
    'RemoveContainer, RemovePodSandbox = error(UNKNOWN, "device or resource busy")',
    "each attempt leaves a dead container",
)
def test_dead_objects_pile_up(node: Node, rule: None) -> None:
    pod_sandbox_id = node.run_sandbox()
    for attempt in range(3):
        container_id = node.create(pod_sandbox_id, attempt=attempt)
        with raises_status(S.UNKNOWN, "device or resource busy"):
            node.remove(container_id)
        assert len(containers(node)) == attempt + 1


@shows("X12", "image busybox forget", "no such image; the container runs on")
def test_the_image_of_a_running_container_disappears(node: Node, app: str, text: str) -> None:
    node.cri.state.strike(text)
    assert not has_busybox(node)
    assert node.status(app).state == RUNNING
    with raises_status(S.NOT_FOUND):
        node.create(sandboxes(node)[0], name="other")


@shows("E5", "image busybox half-remove", "an id without names; nothing can be made of it")
def test_an_image_is_half_removed(node: Node, text: str) -> None:
    node.cri.state.strike(text)
    (image,) = node.images.ListImages(pb.ListImagesRequest()).images
    assert not image.repo_tags
    with pytest.raises(grpc.RpcError):
        node.create(node.run_sandbox())


@shows("E5", 'StartContainer = 2*error(UNKNOWN, "exec: not found")', "it is left CREATED")
def test_a_container_is_left_created(node: Node, rule: None) -> None:
    container_id = node.create(node.run_sandbox())
    for _ in range(2):
        with raises_status(S.UNKNOWN, "exec: not found"):
            node.start(container_id)
        assert node.status(container_id).state == pb.CONTAINER_CREATED


@shows("E9", "container web/main unkillable", "a stop times out; it runs on")
def test_an_object_that_cannot_be_killed(node: Node, app: str, text: str) -> None:
    node.cri.state.strike(text)
    request = pb.StopContainerRequest(container_id=app, timeout=10)
    with raises_status(S.DEADLINE_EXCEEDED):
        node.runtime.StopContainer(request, timeout=130)
    assert node.status(app).state == RUNNING


@shows("R1", "disk fill", "a pull and a creation fail: no space left on device")
def test_the_disk_is_full(node: Node, text: str) -> None:
    pod_sandbox_id = node.run_sandbox()
    node.cri.state.strike(text)
    with pytest.raises(grpc.RpcError, match="no space left on device"):
        node.pull("nginx")
    with pytest.raises(grpc.RpcError, match="no space left on device"):
        node.create(pod_sandbox_id)
    node.cri.state.strike("disk clear")
    assert node.pull("nginx")


@shows("R7", "ips exhaust", "no sandbox: no addresses are left")
@shows("R7", 'network add-fails "plugin failed"', "no sandbox: the plugin's error")
def test_no_network_for_a_pod(node: Node, text: str) -> None:
    node.cri.state.strike(text)
    with pytest.raises(grpc.RpcError, match="plugin failed" if "add" in text else "no IP addr"):
        node.run_sandbox()
    assert sandboxes(node) == []


@shows("R7", 'network del-fails "plugin failed"', "StopPodSandbox fails, again and again")
def test_the_network_of_a_pod_cannot_be_taken_down(node: Node, text: str) -> None:
    pod_sandbox_id = node.run_sandbox()
    node.cri.state.strike(text)
    for _ in range(2):
        with pytest.raises(grpc.RpcError, match="plugin failed"):
            node.stop_sandbox(pod_sandbox_id)
