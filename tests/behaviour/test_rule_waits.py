"""What makes calls wait by rule: delays, hangs, lost replies, and one at a time."""

from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import SECOND_NS
from tests.behaviour.steps import (
    CANCELLED,
    DEADLINE_EXCEEDED,
    EXITED,
    READY,
    RUNNING,
    all_ended,
    begin,
    begin_stop,
    sandboxes,
    until,
    wait,
)
from tests.behaviour.test_rule_errors import effects
from tests.support import Node, raises_status, sandbox_config

VERSION = pb.VersionRequest()


def span_ns(node: Node) -> int:
    """Return how much virtual time a call of Version takes."""
    before_ns = node.cri.now_ns
    node.runtime.Version(VERSION)
    return node.cri.now_ns - before_ns


def test_a_delay_lets_time_pass(node: Node) -> None:
    with node.cri.faults("Version = delay(5s)"):
        assert span_ns(node) == 5 * SECOND_NS


def test_a_delay_comes_after_the_work_too(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "sleep", "999")
    with ready.cri.faults("StopContainer = after:delay(5s)"):
        before_ns = ready.cri.now_ns
        ready.stop(made)
    assert ready.status(made).finished_at < before_ns + SECOND_NS
    assert ready.cri.now_ns >= before_ns + 5 * SECOND_NS


def test_a_uniform_delay_stays_within_its_ends(node: Node) -> None:
    with node.cri.faults("Version = delay(uniform, 1s, 3s)"):
        spans = [span_ns(node) for _ in range(20)]
    assert all(SECOND_NS <= span <= 3 * SECOND_NS for span in spans)
    assert len(set(spans)) == 20


def test_a_lognormal_delay_has_its_median_in_the_middle(node: Node) -> None:
    with node.cri.faults("Version = delay(lognormal, 200ms, .4)"):
        spans = sorted(span_ns(node) for _ in range(101))
    assert 0.8 < spans[50] / (SECOND_NS / 5) < 1.25
    assert spans[0] > 0.2 * SECOND_NS / 5
    assert spans[-1] > 1.5 * SECOND_NS / 5


def test_delays_of_a_seed_are_the_same_on_every_machine(node: Node) -> None:
    with node.cri.faults("Version = delay(lognormal, 200ms, .4)"):
        assert [span_ns(node) for _ in range(3)] == LOGNORMAL_NS


LOGNORMAL_NS = [103971462, 219431389, 99555825]


def test_a_ramp_grows_from_call_to_call(node: Node) -> None:
    with node.cri.faults("Version = delay(ramp, 0s, 10s, 5)"):
        spans = [span_ns(node) / SECOND_NS for _ in range(6)]
    assert spans == [0, 2.5, 5, 7.5, 10, 10]


def test_a_delay_longer_than_the_deadline_is_the_deadline(ready: Node) -> None:
    with ready.cri.faults("RunPodSandbox = delay(1h)"), raises_status(DEADLINE_EXCEEDED):
        ready.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=sandbox_config()), timeout=1)
    assert not sandboxes(ready)


def test_a_call_that_hangs_ends_when_its_client_goes(still: Node) -> None:
    with still.cri.faults("Version = hang"):
        pending = begin(still, "Version", VERSION)
        wait(still, 3600)
        assert not pending.done()
        pending.cancel()
        until(lambda: all_ended(still))
    (call,) = [each for each in still.cri.calls if each.rpc == "Version"]
    assert call.cancelled == "client"
    assert effects(still) == [("hang", "before", "definite")]


def test_a_call_that_hangs_ends_at_its_deadline(node: Node) -> None:
    with node.cri.faults("Version = hang"), raises_status(DEADLINE_EXCEEDED):
        node.runtime.Version(VERSION, timeout=2)


def test_a_deadline_can_be_answered_at_once(still: Node) -> None:
    before_ns = still.cri.now_ns
    with (
        still.cri.faults("Version = hang(deadline)"),
        raises_status(DEADLINE_EXCEEDED, "context deadline exceeded"),
    ):
        still.runtime.Version(VERSION, timeout=240)
    assert still.cri.now_ns == before_ns
    assert effects(still) == [("hang", "before", "definite")]


def test_without_a_deadline_there_is_none_to_answer(still: Node) -> None:
    with still.cri.faults("Version = hang(deadline)"):
        pending = begin(still, "Version", VERSION)
        assert not pending.done()
        pending.cancel()
        until(lambda: all_ended(still))


@pytest.mark.parametrize("action", ["lost(deadline)", "after:hang(deadline)"])
def test_a_reply_that_is_lost_leaves_the_work_done(ready: Node, action: str) -> None:
    request = pb.RunPodSandboxRequest(config=sandbox_config())
    with ready.cri.faults(f"RunPodSandbox = 1* {action}"), raises_status(DEADLINE_EXCEEDED):
        ready.runtime.RunPodSandbox(request, timeout=240)
    assert effects(ready)[0][1:] == ("after", "indefinite")
    (left,) = sandboxes(ready)
    assert ready.sandbox_status(left).state == READY
    with raises_status(grpc.StatusCode.FAILED_PRECONDITION):
        ready.runtime.RunPodSandbox(request)


def test_a_lost_reply_is_never_sent(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "99")
    with ready.cri.faults("StartContainer = lost"), raises_status(DEADLINE_EXCEEDED):
        ready.runtime.StartContainer(pb.StartContainerRequest(container_id=made), timeout=5)
    assert ready.status(made).state == RUNNING
    call = next(each for each in ready.cri.calls if each.rpc == "StartContainer")
    assert call.unsent


def test_half_way_a_call_waits_with_its_name_taken(still: Node) -> None:
    request = pb.RunPodSandboxRequest(config=sandbox_config())
    with still.cri.faults("RunPodSandbox = 1* during:hang"):
        pending = begin(still, "RunPodSandbox", request)
        with raises_status(grpc.StatusCode.FAILED_PRECONDITION):
            still.runtime.RunPodSandbox(request)
        pending.cancel()
        until(lambda: all_ended(still))
    assert still.runtime.RunPodSandbox(request).pod_sandbox_id


@pytest.mark.parametrize(
    ("policy", "left", "free"), [("abort", 0, True), ("finish", 1, False), ("leak", 0, False)]
)
def test_a_rule_says_what_cancellation_leaves(
    still: Node, policy: str, left: int, free: bool
) -> None:
    request = pb.RunPodSandboxRequest(config=sandbox_config())
    rules = (f"RunPodSandbox = 1* cancel({policy})", "RunPodSandbox = 1* during:delay(5s)")
    with still.cri.faults(*rules):
        pending = begin(still, "RunPodSandbox", request)
        pending.cancel()
        until(lambda: any(each.cancelled for each in still.cri.calls))
        wait(still, 5)
    assert len(sandboxes(still)) == left
    assert succeeds(still, request) is free


def succeeds(node: Node, request: Any) -> bool:
    """Run a sandbox; return whether its name was free."""
    try:
        node.runtime.RunPodSandbox(request)
    except grpc.RpcError as error:
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION  # noqa: PT017  # the other half
        return False
    return True


@pytest.fixture
def two(still: Node) -> tuple[str, str]:
    """Return two running containers."""
    sandbox = still.run_sandbox()
    return tuple(still.run(sandbox, "sleep", "999", name=name) for name in ("a", "b"))  # type: ignore[return-value]  # two


def status_of(node: Node, id_: str) -> Any:
    """Begin to ask for the status of a container."""
    return begin(node, "ContainerStatus", pb.ContainerStatusRequest(container_id=id_))


def test_one_slow_call_holds_up_others_for_the_same_object(
    still: Node, two: tuple[str, str]
) -> None:
    slow, quick = two
    rules = ("StopContainer,ContainerStatus = serial", "StopContainer = delay(10s)")
    with still.cri.faults(*rules):
        stopping = begin_stop(still, slow)
        asked = status_of(still, slow)
        assert still.status(quick).state == RUNNING
        assert not asked.done()
        wait(still, 10)
        assert asked.result().status.state == EXITED
        stopping.result()


def test_all_calls_can_go_through_one_worker(still: Node, two: tuple[str, str]) -> None:
    with still.cri.faults("* = serial(all)", "StopContainer = delay(10s)"):
        stopping = begin_stop(still, two[0])
        asked = status_of(still, two[1])
        assert not asked.done()
        wait(still, 10)
        assert asked.result().status.state == RUNNING
        stopping.result()


def test_workers_have_a_number(still: Node, two: tuple[str, str]) -> None:
    with still.cri.faults("* = serial(all, 2)", "StopContainer = delay(10s)"):
        stopping = [begin_stop(still, two[0])]
        assert still.status(two[1]).state == RUNNING
        stopping.append(begin_stop(still, two[0]))
        asked = status_of(still, two[1])
        assert not asked.done()
        wait(still, 20)
        asked.result()
        for each in stopping:
            each.result()


def test_who_gives_up_in_a_queue_leaves_it(still: Node, two: tuple[str, str]) -> None:
    with still.cri.faults("* = serial(all)", "StopContainer = delay(10s)"):
        stopping = begin_stop(still, two[0])
        gone = status_of(still, two[1])
        asked = status_of(still, two[1])
        gone.cancel()
        until(lambda: all_ended(still, but=2))
        assert gone.code() is CANCELLED
        wait(still, 10)
        asked.result()
        stopping.result()


def test_time_leaps_for_who_comes_out_of_a_queue(ready: Node) -> None:
    made = ready.run(ready.run_sandbox(), "sleep", "999")
    with ready.cri.faults("StopContainer = serial(all)", "StopContainer = delay(10s)"):
        stopping = [begin_stop(ready, made) for _ in range(3)]
        for each in stopping:
            each.result()
    assert ready.status(made).state == EXITED
