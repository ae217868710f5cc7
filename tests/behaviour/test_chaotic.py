"""The chaotic addition: all that is legal, and what a client had better not rely on."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.replay import Replay
from tests.behaviour.steps import subscribe
from tests.support import Node, node, sandbox_config

CHAOTIC = ("chaotic", "containerd-1.7+chaotic", "crio-1.36+chaotic")
PODS = tuple(f"pod-{n}" for n in range(8))


@pytest.fixture(params=CHAOTIC)
def chaotic(face: str, request: pytest.FixtureRequest) -> Iterator[Node]:
    """Open a chaotic node with busybox on it, of each kind."""
    with node(face, personality=request.param) as opened:
        opened.pull()
        yield opened


def names(each: Node, **wanted: pb.PodSandboxFilter) -> list[str]:
    items = each.runtime.ListPodSandbox(pb.ListPodSandboxRequest(**wanted)).items
    return [item.metadata.name for item in items]


def next_attempt(each: Node) -> int:
    """Choose an attempt as kubelets once did: that of the first in the list, and one more."""
    items = each.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    return items[0].metadata.attempt + 1 if items else 0


def test_lists_come_in_one_order_after_another_with_the_same_in_them(chaotic: Node) -> None:
    for name in PODS:
        chaotic.run_sandbox(name)
    seen = [names(chaotic) for _ in range(10)]
    assert {tuple(sorted(each)) for each in seen} == {PODS}
    assert len({tuple(each) for each in seen}) > 1


def restart_pod(opened: Node) -> None:
    """Run a pod again and again, each time with an attempt that the list gives."""
    for _ in range(6):
        attempt = next_attempt(opened)
        pod = opened.run_sandbox(attempt=attempt)
        assert opened.sandbox_status(pod).state == pb.SANDBOX_READY
        opened.stop_sandbox(pod)


def test_a_client_that_takes_the_first_of_a_list_for_the_newest_breaks(face: str) -> None:
    """k8s#93064: the attempt was taken from the first pod of the list."""
    with node(face, personality="crio-1.36") as sorted_:
        restart_pod(sorted_)
    with node(face, personality="crio-1.36+chaotic") as shuffled, pytest.raises(AssertionError):
        restart_pod(shuffled)
    with node(face, personality="chaotic") as shuffled, pytest.raises(grpc.RpcError) as refused:
        restart_pod(shuffled)
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION


def test_a_list_shows_a_pod_ready_for_a_while_after_it_was_stopped(face: str) -> None:
    with node(face, personality="chaotic") as opened:
        pod = opened.run_sandbox()
        opened.cri.faults.disarm()
        opened.stop_sandbox(pod)
        state = opened.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items[0].state
        assert (state, opened.sandbox_status(pod).state) == (
            pb.SANDBOX_READY,
            pb.SANDBOX_NOTREADY,
        )
        ready = pb.PodSandboxFilter(state=pb.PodSandboxStateValue(state=pb.SANDBOX_READY))
        assert names(opened, filter=ready) == ["web"]
        opened.cri.advance(0.05)
        assert names(opened, filter=ready) == []
        state = opened.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items[0].state
        assert state == pb.SANDBOX_NOTREADY


@pytest.mark.parametrize("personality", ["chaotic", "crio-1.36+chaotic"])
def test_streamed_lists_come_in_small_messages(face: str, personality: str) -> None:
    with node(face, personality=personality) as opened:
        for name in PODS:
            opened.run_sandbox(name)
        messages = list(opened.runtime.StreamPodSandboxes(pb.StreamPodSandboxesRequest()))
    assert [len(each.pod_sandboxes) for each in messages] == [3, 3, 2]


def test_events_come_late_and_in_their_order(face: str) -> None:
    with node(face, personality="chaotic") as opened:
        opened.pull()
        stream = subscribe(opened)
        id_ = opened.run(opened.run_sandbox(), "true")
        events = [next(stream) for _ in range(5)]
        stream.cancel()
    kinds = [each.container_event_type for each in events if each.container_id == id_]
    assert kinds == [
        pb.CONTAINER_CREATED_EVENT,
        pb.CONTAINER_STARTED_EVENT,
        pb.CONTAINER_STOPPED_EVENT,
    ]


def test_answers_take_time_now_and_then(chaotic: Node) -> None:
    began_ns = chaotic.cri.now_ns
    for _ in range(20):
        names(chaotic)
    assert 0 < chaotic.cri.now_ns - began_ns < 20 * 50_000_000


def test_a_version_says_more_than_anyone_asked_for(chaotic: Node) -> None:
    version = chaotic.runtime.Version(pb.VersionRequest())
    assert b"of a newer runtime" in version.SerializeToString()


def run_some(cri: CRI) -> None:
    for name in PODS:
        cri.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=sandbox_config(name)))
    for _ in range(5):
        cri.runtime.ListPodSandbox(pb.ListPodSandboxRequest())


def recorded(seed: int, run: Callable[[CRI], None] = run_some) -> str:
    record = io.StringIO()
    with CRI(personality="crio-1.36+chaotic", seed=seed, record=record) as cri:
        run(cri)
    return record.getvalue()


def test_equal_seeds_give_equal_recordings_and_others_others() -> None:
    assert recorded(3) == recorded(3)
    assert recorded(3) != recorded(4)


def test_a_chaotic_recording_is_replayed_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with path.open("w") as file, CRI(personality="chaotic", record=file) as cri:
        run_some(cri)
        expected = cri.calls[-1].response
    with Replay(path) as replay:
        for name in PODS:
            replay.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=sandbox_config(name)))
        answers = [replay.runtime.ListPodSandbox(pb.ListPodSandboxRequest()) for _ in range(5)]
    assert answers[-1] == expected
