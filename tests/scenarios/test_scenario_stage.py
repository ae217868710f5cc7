"""What steps do to a node."""

from collections.abc import Iterator

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import UsageError
from fakecri.scenarios.files import Live
from fakecri.scenarios.manifests import container_names, manifests
from fakecri.scenarios.stage import NodeStage, cri_options
from fakecri.scenarios.steps import DOING, parse_steps
from tests.behaviour.steps import until
from tests.scenarios.nodes import TellingNode
from tests.support import raises_status

PODS = manifests([{"name": "web"}, {"name": "db", "count": 2}])
NAMES = {name: container_names(each) for name, each in PODS.items()}


@pytest.fixture
def node() -> Iterator[TellingNode]:
    """An empty node."""
    node = TellingNode()
    with node.cri:
        yield node


@pytest.fixture
def stage(node: TellingNode) -> NodeStage:
    """A stage on it."""
    return NodeStage(node.as_node, Live("", pods=PODS))


def do(stage: NodeStage, text: str) -> list[str]:
    return [stage.do(step) for step in parse_steps(text, NAMES)]


def test_manifests_are_put_edited_and_removed(stage: NodeStage, node: TellingNode) -> None:
    do(stage, "put web db-*")
    assert list(node.manifests) == ["web", "db-0", "db-1"]
    do(stage, 'edit db-* spec.containers.app.image = "busybox:2"\nput db-0\nremove web')
    assert list(node.manifests) == ["db-0", "db-1"]
    images = [each["spec"]["containers"][0]["image"] for each in node.manifests.values()]
    assert images == ["busybox:2", "busybox:2"]


def test_a_manifest_that_was_removed_comes_back_as_it_was(
    stage: NodeStage, node: TellingNode
) -> None:
    do(stage, 'edit web spec.containers.app.image = "busybox:2"\nremove web\nput web')
    assert node.manifests["web"] == PODS["web"]


def test_what_was_not_put_cannot_be_removed(stage: NodeStage) -> None:
    with pytest.raises(UsageError, match="the pod web was not put"):
        do(stage, "remove web")


def test_rules_are_armed_and_taken_back(stage: NodeStage, node: TellingNode) -> None:
    do(stage, 'arm Version = error(UNKNOWN, "no")\narm Status = off')
    with raises_status(grpc.StatusCode.UNKNOWN, "no"):
        node.cri.runtime.Version(pb.VersionRequest())
    assert do(stage, "disarm") == ["1 calls were struck"]
    node.cri.runtime.Version(pb.VersionRequest())
    assert not node.cri.faults.armed


def test_a_state_fault_strikes(stage: NodeStage, node: TellingNode) -> None:
    do(stage, "state condition RuntimeReady false")
    status = node.cri.runtime.Status(pb.StatusRequest()).status
    assert not next(each for each in status.conditions if each.type == "RuntimeReady").status
    with pytest.raises(UsageError, match="there is no container"):
        do(stage, "state container web-node/app exit 1")


def test_the_clock_is_turned(stage: NodeStage, node: TellingNode) -> None:
    before_ns = node.cri.now_ns
    do(stage, "clock jump -40s")
    assert node.cri.now_ns == before_ns - 40 * 10**9
    do(stage, "clock freeze\nclock set 2030-01-01T00:00:00Z\nclock stamps -1h")
    assert node.cri.clock.reading().frozen
    assert node.cri.clock.reading().stamps == "-1h"
    do(stage, "clock thaw\nclock trust")
    assert not node.cri.clock.reading().frozen
    assert not node.cri.clock.reading().stamps
    do(stage, "clock trust")


def test_gates_let_calls_go_on(stage: NodeStage, node: TellingNode) -> None:
    do(stage, "arm Version = gate(door)")
    pending = [node.cri.runtime.Version.future(pb.VersionRequest()) for _ in range(3)]
    until(lambda: node.cri.gates["door"].waiting == 3)
    assert do(stage, "release door 1\nrelease door") == ["1 calls went on", "2 calls went on"]
    do(stage, "open door")
    node.cri.runtime.Version(pb.VersionRequest())
    assert [each.result().version for each in pending] == ["0.1.0"] * 3


def test_the_kubelet_is_started_and_ended(stage: NodeStage, node: TellingNode) -> None:
    do(stage, "kubelet start\nkubelet restart\nkubelet kill\nkubelet stop")
    assert node.kubelet.did == ["start", "stop 15", "start", "stop 9", "stop 15"]


def test_a_kubelet_that_does_not_start_is_told_and_no_mistake(
    stage: NodeStage, node: TellingNode
) -> None:
    node.kubelet.cannot_start = "the kubelet ended with status 1"
    assert do(stage, "kubelet start") == ["the kubelet ended with status 1"]


def test_every_step_that_does_something_can_be_done(stage: NodeStage) -> None:
    assert all(hasattr(stage, f"_do_{verb}") for verb in DOING)


def test_the_runtime_begins_as_the_file_says() -> None:
    steps = parse_steps("arm Version = 1*reset\nsee exited", {})
    cri = {"personality": "crio-1.36", "publish": ["a.test/b:1"], "disk_bytes": 9}
    assert cri_options(Live("", steps, cri=cri)) == {
        "personality": "crio-1.36",
        "images": ("a.test/b:1",),
        "disk_bytes": 9,
        "wire_faults": True,
    }
    assert cri_options(Live("")) == {"wire_faults": False}
