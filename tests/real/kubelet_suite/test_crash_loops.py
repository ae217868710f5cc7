"""A container that crashes is restarted by the kubelet, later each time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.real.kubelet_suite.manifests import box_named, pod
from tests.real.kubelet_suite.seen import calls, hear, while_waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

FIRST_S = 10
"""The back-off before the second restart; the first restart comes at once."""
QUICK = {"ReduceDefaultCrashLoopBackOffDecay": True}
QUICK_S = [1, 2, 4]
"""The back-offs with this gate, from that of the second restart on."""
LATER_S = [8, 16, 32]

PUT_OFF = re.compile(r"back-off (\d+)s restarting failed container=main pod=crash-")

POD = pod("crash", box_named("main", "sh", "-c", "echo $HOSTNAME crashes; exit 7"))


@pytest.fixture(scope="module")
def placed_node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, on which a container begins to crash."""
    with kubelet_node.placed(POD):
        yield kubelet_node


@pytest.fixture(scope="module")
def node(placed_node: KubeletNode) -> KubeletNode:
    """The node, on which a container has crashed three times."""
    placed_node.until(lambda: len(pauses_s(placed_node)) > 1, "two restarts", within_s=60)
    return placed_node


def pauses_s(node: KubeletNode) -> list[float]:
    """How long after each end of the container its next creation came."""
    creations = calls(node, "CreateContainer", "crash")
    starts = calls(node, "StartContainer", "crash")
    # It ends when it has started.
    ends_ns = [each.ended_ns or 0 for each in starts]
    return [
        (creation.began_ns - end_ns) / 1e9
        for end_ns, creation in zip(ends_ns, creations[1:], strict=False)
    ]


def back_offs_s(node: KubeletNode) -> list[int]:
    """The back-offs that the kubelet tells of, in their order."""
    told = [PUT_OFF.search(each.text) for each in node.kubelet.lines("restarting failed")]
    return [int(each[1]) for each in told if each]


@pytest.mark.usefixtures("placed_node")  # it takes its time
def test_the_back_off_doubles(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> None:
    wanted = len(QUICK_S) + 1
    with fresh_node(gates=QUICK) as node, node.placed(POD):
        node.until(lambda: len(pauses_s(node)) >= wanted, "restarts")
        pauses = pauses_s(node)[1:wanted]
        told = node.until(lambda: back_offs_s(node), "a back-off")
    assert all(took > least for took, least in zip(pauses, QUICK_S, strict=True)), pauses
    # One that is over when the kubelet comes to it is not told of.
    assert set(told) <= {*QUICK_S, *LATER_S}, told


def test_the_second_restart_waits_for_the_back_off(node: KubeletNode) -> None:
    assert pauses_s(node)[1] > FIRST_S
    assert back_offs_s(node)[0] == FIRST_S
    said = [each.text for each in node.kubelet.lines("crash-")]
    put_off = [PUT_OFF.search(each) is not None for each in said].index(True)
    assert len([each for each in said[:put_off] if '"reason":"Started"' in each]) == 2


def test_it_is_shown_that_it_crashes_again_and_again(node: KubeletNode) -> None:
    said = while_waiting(node, "crash", "main", "CrashLoopBackOff")
    message = said["state"]["waiting"]["message"]
    assert "restarting failed container=main pod=crash-" in message
    assert said["restartCount"] >= 1
    assert said["lastState"]["terminated"]["exitCode"] == 7  # its exit
    assert node.kubelet.phase("crash") == "Running"
    assert any("Back-off restarting failed" in each for each in hear(node, "BackOff", "crash"))


def test_each_attempt_has_a_log_of_its_own(node: KubeletNode) -> None:
    configs = [each.request.config for each in calls(node, "CreateContainer", "crash")]
    for attempt, config in enumerate(configs):
        assert config.metadata.attempt == attempt
        assert config.log_path == f"main/{attempt}.log"
        assert config.annotations["io.kubernetes.container.restartCount"] == str(attempt)
    newest = f"{len(calls(node, 'StartContainer', 'crash')) - 1}.log"
    (log,) = [each for each in logs(node) if each.name == newest]
    assert log.read_text().endswith(" stdout F crash-node crashes\n")


def logs(node: KubeletNode) -> list[Path]:
    directory = node.kubelet.places.pod_logs
    return sorted(directory.glob(f"default_crash-{node.kubelet.name}_*/main/*.log"))


def test_older_corpses_are_removed_with_their_logs(node: KubeletNode) -> None:
    def kept() -> list[int]:
        return sorted(each.metadata.attempt for each in corpses(node))

    # The newest is shown as how it is, the one before as how it was.
    node.until(lambda: len(kept()) <= 2 and 0 not in kept(), "the first corpse to be removed")
    node.until(lambda: "0.log" not in [each.name for each in logs(node)], "its log to be removed")
    assert calls(node, "RemoveContainer", "crash")


def corpses(node: KubeletNode) -> list[pb.Container]:
    name = {"io.kubernetes.pod.name": f"crash-{node.kubelet.name}"}
    filter_ = pb.ContainerFilter(label_selector=name)
    return list(node.cri.runtime_service.list_containers(filter_))
