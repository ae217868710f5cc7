"""Logs of containers, as `kubectl logs` gets them of a kubelet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.real.kubelet_suite.doors import Doors
from tests.real.kubelet_suite.manifests import await_running, box, pod, run_in
from tests.real.kubelet_suite.seen import state, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

WORK = [{"name": "work", "emptyDir": {}}]
MOUNTS = [{"name": "work", "mountPath": "/work"}]
SECOND_LIFE = "if [ -f /work/lived ]; then echo second; sleep 1d; fi; touch /work/lived; echo first"
UNTIL_TOLD = "echo begun; while [ ! -f /tmp/told ]; do sleep 0.1; done; echo over"

PODS = [
    pod("log-lines", box("sh", "-c", "echo one; echo two >&2; sleep 2; echo late; sleep 1d")),
    pod("log-lives", box("sh", "-c", f"{SECOND_LIFE}; exit 3", volumeMounts=MOUNTS), volumes=WORK),
    pod("log-told", box("sh", "-c", UNTIL_TOLD), restartPolicy="Never"),
    pod("log-lost", box(image="nowhere.test/image", imagePullPolicy="Never")),
]


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""
    with kubelet_node.placed(*PODS):
        await_running(kubelet_node, "log-lines", "log-lives", "log-told")
        doors = Doors(kubelet_node)
        kubelet_node.until(lambda: "late" in doors.logs("log-lines"), "the last line")
        waiting(kubelet_node, "log-lost", "main", "ErrImageNeverPull")
        yield kubelet_node


@pytest.fixture(scope="module")
def doors(node: KubeletNode) -> Doors:
    """The kubelet's server."""
    return Doors(node)


def test_logs_are_all_that_was_written_in_its_order(doors: Doors) -> None:
    assert doors.logs("log-lines") == "one\ntwo\nlate\n"


def test_logs_can_begin_with_the_last_lines(doors: Doors) -> None:
    assert doors.logs("log-lines", tailLines=2) == "two\nlate\n"


def test_logs_can_end_after_some_bytes(doors: Doors) -> None:
    assert doors.logs("log-lines", limitBytes=6) == "one\ntw"


def test_logs_have_the_times_of_their_lines(doors: Doors, node: KubeletNode) -> None:
    lines = doors.logs("log-lines", timestamps="true").splitlines()
    assert [each.split()[1] for each in lines] == ["one", "two", "late"]
    started = datetime.fromisoformat(state(node, "log-lines", "main", "running")["startedAt"])
    one, two, late = map(_time, lines)
    assert started <= one <= two
    assert 2 <= (late - two).total_seconds() < 10


def test_logs_can_begin_at_a_time(doors: Doors) -> None:
    *_, last = doors.logs("log-lines", timestamps="true").splitlines()
    since = _time(last).replace(microsecond=0).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert doors.logs("log-lines", sinceTime=since) == "late\n"


def test_logs_of_the_life_before_are_kept(doors: Doors, node: KubeletNode) -> None:
    node.until(lambda: node.kubelet.container("log-lives", "main")["restartCount"], "a restart")
    state(node, "log-lives", "main", "running")
    node.until(lambda: doors.logs("log-lives") == "second\n", "the second life")
    last = node.kubelet.container("log-lives", "main")["lastState"]["terminated"]
    assert last["exitCode"] == 3
    assert doors.logs("log-lives", previous="true") == "first\n"


def test_logs_are_followed_until_the_container_ends(doors: Doors, node: KubeletNode) -> None:
    with doors.followed("log-told") as answer:
        assert answer.readline() == b"begun\n"
        run_in(node, "log-told", ["touch", "/tmp/told"])  # of the container
        assert answer.read() == b"over\n"
    assert state(node, "log-told", "main", "terminated")["exitCode"] == 0


REFUSALS = {
    "no pod": ("log-none", {}, 404, 'pod "log-none-node" does not exist'),
    "no life before": (
        "log-lines",
        {"previous": "true"},
        400,
        'previous terminated container "main" in pod "log-lines-node" not found',
    ),
    "not yet": (
        "log-lost",
        {},
        400,
        'container "main" in pod "log-lost-node" is waiting to start: ErrImageNeverPull',
    ),
    "no number": ("log-lines", {"tailLines": "x"}, 400, "Unable to decode query"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_logs_that_are_not_there_are_refused(doors: Doors, node: KubeletNode, case: str) -> None:
    name, query, status, text = REFUSALS[case]
    answer = node.kubelet.tls_get(doors.path("containerLogs", name, **query))
    assert answer[0] == status
    assert text in answer[1]


def test_logs_of_an_unknown_container_are_refused(doors: Doors, node: KubeletNode) -> None:
    answer = node.kubelet.tls_get(doors.path("containerLogs", "log-lines", "other"))
    assert answer == (404, 'container "other" not found in pod "log-lines-node"')


def _time(line: str) -> datetime:
    return datetime.fromisoformat(f"{line[:26]}+00:00").astimezone(UTC)
