"""Bugs of a real kubelet, seen in recordings of it: creation, clocks, statuses, events and lists.

`python -m tests.real.scenarios --record ID` makes a recording anew.
"""

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.history import History
from tests.scenarios.oracles import last_s, most_at_once, moves, recorded, strike


def attempts(history: History, calls: str, **about: str) -> list[int]:
    return [call.request.config.metadata.attempt for call in history.select(calls, **about)]


def test_a_name_that_was_leaked_is_asked_for_again_and_again() -> None:
    recording = recorded("sandbox-cancel-leaks-name")
    history = recording.history
    refused = history.count("RunPodSandbox", error="*is reserved for*", at_least=5)
    assert {call.request.config.metadata.attempt for call in refused} == {0}
    (ready, *_) = moves(recording, "READY", "web-node")
    assert ready.n > refused[-1].n  # not before somebody has helped


def test_a_sandbox_whose_creation_goes_on_is_created_again_under_its_name() -> None:
    recording = recorded("sandbox-lost-reply")
    refused = recording.history.count("RunPodSandbox", error="*is reserved for*", at_least=2)
    assert set(attempts(recording.history, "RunPodSandbox")) == {0}
    (ready, *_) = moves(recording, "READY", "web-node")
    assert ready.n > refused[-1].n


def test_a_container_whose_creation_goes_on_is_created_again_under_its_name() -> None:
    recording = recorded("create-lost-reply")
    history = recording.history
    history.count("CreateContainer{container=app}", error="*is reserved for*", at_least=2)
    assert {0, 1} == set(attempts(history, "CreateContainer"))
    (first, second) = moves(recording, "CREATED", "web-node/app")
    assert [each.facts["id"] for each in moves(recording, "RUNNING", "web-node/app")] == [
        second.facts["id"]
    ]
    assert first.n < second.n


def test_what_cannot_be_started_is_made_again_where_it_may_run_only_once() -> None:
    recording = recorded("start-fails-left-created")
    recording.history.count("StartContainer", pod="job-node", error="*exec: not found*", exactly=3)
    assert attempts(recording.history, "CreateContainer", pod="job-node") == [0, 1, 2, 3]
    assert most_at_once(recording, "CREATED")["job-node/app"] >= 3


def test_a_sandbox_without_an_address_is_made_again_and_again() -> None:
    recording = recorded("sandbox-no-ip")
    history = recording.history
    history.distinct_argument("RunPodSandbox", "config.metadata.attempt", per="pod")
    made = history.count("RunPodSandbox", pod="web-node", at_least=4)
    blind = [
        call for call in history.select("PodSandboxStatus") if not call.response.status.network.ip
    ]
    assert sum(blind[0].n < call.n < blind[-1].n for call in made) >= 2  # one would do


def test_an_address_that_was_lost_is_not_asked_for_until_a_container_ends() -> None:
    recording = recorded("sandbox-ip-lost")
    lost, exited = strike(recording, "drop-ip"), strike(recording, "exit 1")
    asked = [call.n for call in recording.history.select("PodSandboxStatus", pod="web-node")]
    assert exited.v - lost.v > 15e9
    assert not [n for n in asked if lost.n < n < exited.n]
    assert asked[0] < lost.n < exited.n < asked[-1]
    assert attempts(recording.history, "RunPodSandbox") == [0, 1]


def test_two_ready_sandboxes_are_both_stopped_and_followed_by_a_third() -> None:
    recording = recorded("two-ready-sandboxes")
    assert most_at_once(recording, "READY")["web-node"] == 2
    assert len(list(moves(recording, "NOTREADY", "web-node"))) == 2
    assert attempts(recording.history, "RunPodSandbox") == [0, 1]


def test_the_attempt_after_a_clock_that_went_back_is_used_again() -> None:
    history = recorded("clock-back-container").history
    refused = history.count("CreateContainer", error="*is reserved for*", at_least=2)
    assert {call.request.config.metadata.attempt for call in refused} == {1}
    with pytest.raises(AssertionError, match="expected another"):
        history.distinct_argument("CreateContainer", "config.metadata.attempt", per="pod")


def test_what_was_cut_off_by_a_reboot_has_done_its_work() -> None:
    recording = recorded("reboot")
    history = recording.history
    (cut,) = moves(recording, "EXITED", "job-node/app")
    seen = [
        call.response.status
        for call in history.select("ContainerStatus", pod="job-node", error=False)
        if call.n > cut.n
    ]
    assert {(status.exit_code, status.reason) for status in seen} == {(0, "Completed")}
    assert attempts(history, "CreateContainer", pod="job-node") == [0]


def test_the_attempt_of_a_container_is_used_again_when_the_clock_is_right_after_a_reboot() -> None:
    history = recorded("reboot").history
    assert attempts(history, "RunPodSandbox", pod="web-node") == [0, 1]
    (made,) = history.count("CreateContainer{attempt=1}", pod="web-node", error=False, exactly=1)
    refused = history.count("CreateContainer", pod="web-node", error="*is reserved*", at_least=2)
    assert {call.request.config.metadata.attempt for call in refused} == {1}
    assert made.n < refused[0].n


def test_a_kubelet_that_starts_before_its_runtime_ends_and_one_that_runs_waits() -> None:
    history = recorded("late-init").history
    (refused, *_) = history.count("*", error="server is not initialized yet*", at_least=10)
    assert refused.rpc == "Version"
    (anew, *_) = (call for call in history.select() if call.n > refused.n)
    assert anew.began_ns - refused.began_ns > 15e9  # somebody has started it again
    history.count("ListPodSandbox", error="server is not initialized yet*", at_least=10)
    history.never("StopContainer")
    history.count("CreateContainer", exactly=1)


def test_the_loop_stands_still_while_lists_fail_and_goes_on_by_itself() -> None:
    recording = recorded("list-fails-window")
    history = recording.history
    failed = history.count("lists", error="UNAVAILABLE", at_least=100)
    assert failed[-1].began_ns - failed[0].began_ns > 200e9
    (late,) = history.select("RunPodSandbox", pod="late-node")
    assert late.n > failed[-1].n
    history.never("StopContainer")
    history.count("RunPodSandbox", pod="web-node", exactly=1)


def test_a_status_that_never_comes_holds_up_other_pods() -> None:
    recording = recorded("one-stuck-object")
    history = recording.history
    (stuck, *_) = history.select("ContainerStatus", pod="nfs-node")
    assert (stuck.ended_ns or 0) - stuck.began_ns > 180e9
    (exited, *_) = moves(recording, "EXITED", "web-node/app")
    (second,) = history.select("CreateContainer{attempt=1}", pod="web-node")
    assert second.began_ns - exited.v > 180e9
    with pytest.raises(AssertionError):
        history.within(60, "CreateContainer", "ContainerStatus", per="pod", pod="late-node")


def test_a_status_that_cannot_be_had_keeps_a_pod_from_ending() -> None:
    recording = recorded("one-status-error-hides-pod")
    failed = recording.history.count("ContainerStatus", error=True, at_least=10)
    (ended,) = moves(recording, "EXITED", "web-node/alive")
    assert ended.v < failed[-1].began_ns
    stops = recording.history.count("StopPodSandbox", pod="web-node")
    assert stops[0].began_ns > failed[-1].began_ns


def test_a_container_that_is_created_for_long_is_created_twice() -> None:
    history = recorded("created-seen-as-unknown").history
    assert attempts(history, "CreateContainer", pod="job-node") == [0, 1]
    with pytest.raises(AssertionError):
        history.count("CreateContainer", pod="job-node", at_most=1)


def test_attempts_to_hear_events_are_used_up_in_a_moment() -> None:
    recording = recorded("events-end-at-once")
    heard = recording.history.count("GetContainerEvents", exactly=5)
    assert (heard[-1].began_ns - heard[0].began_ns) < 1e9
    with pytest.raises(AssertionError):
        recording.history.gap("GetContainerEvents", at_least=0.5)
    assert last_s(recording, "call") - heard[-1].began_ns / 1e9 > 10  # and then never again
    recording.history.count("ListPodSandbox", at_least=10)


def test_what_is_known_as_created_for_long_is_started_twice() -> None:
    recording = recorded("events-created-first")
    most = most_at_once(recording, "RUNNING")
    assert max(most[f"web-{number}-node/app"] for number in range(5)) >= 2
    recording.history.never("StopContainer")


def test_an_end_whose_event_names_no_sandbox_is_not_seen() -> None:
    recording = recorded("events-nil-sandbox")
    (exited, *_) = moves(recording, "EXITED", "web-node/app")
    recording.history.count("ListContainers", at_least=20)  # for other ends than to look
    begun = [call.began_ns for call in recording.history.select("CreateContainer{attempt=1}")]
    assert all(began_ns - exited.v > 60e9 for began_ns in begun)
    assert last_s(recording, "call") - exited.v / 1e9 > 50


def test_what_an_event_tells_late_by_its_stamp_is_not_seen() -> None:
    recording = recorded("events-bad-stamp")
    (exited,) = moves(recording, "EXITED", "web-node/app")
    (heard,) = recording.history.select("GetContainerEvents")
    told = heard.messages[-1]
    assert told.container_event_type == pb.CONTAINER_STOPPED_EVENT
    assert 3590e9 < exited.t - told.created_at < 3610e9
    recording.history.count("CreateContainer", exactly=1)
    assert last_s(recording, "call") - exited.v / 1e9 > 25


def test_the_end_whose_event_was_lost_is_not_seen() -> None:
    recording = recorded("events-first-lost")
    (exited,) = moves(recording, "EXITED", "web-node/app")
    *_, heard = recording.history.select("GetContainerEvents")
    assert heard.n < exited.n < (heard.ended_n or 0)
    assert heard.messages == []
    recording.history.count("CreateContainer", exactly=1)
    assert last_s(recording, "call") - exited.v / 1e9 > 35


def test_events_are_not_asked_for_any_more_once_the_runtime_has_restarted() -> None:
    recording = recorded("agent-resubscribe")
    (heard,) = recording.history.select("GetContainerEvents")
    assert heard.ended_ns is not None
    assert last_s(recording, "call") - heard.ended_ns / 1e9 > 20


def test_a_list_that_is_too_large_has_nothing_seen_and_nothing_removed() -> None:
    recording = recorded("list-over-16mib")
    history = recording.history
    (exited,) = moves(recording, "EXITED", "web-node/app")
    large = [call for call in history.select("ListContainers") if call.faults]
    assert large[0].n < exited.n
    assert large[-1].began_ns - exited.v > 60e9
    (second,) = history.select("CreateContainer{attempt=1}", pod="web-node")
    assert second.n > large[-1].n
    assert not [call for call in history.select("RemoveContainer") if call.n < large[-1].n]


def test_a_list_that_breaks_is_streamed_again_and_nothing_is_seen_meanwhile() -> None:
    recording = recorded("stream-list-broken")
    history = recording.history
    history.never("ListContainers")
    broken = history.count("StreamContainers", error="broken", at_least=20)
    (exited,) = moves(recording, "EXITED", "web-0-node/app")
    (second,) = history.select("CreateContainer{attempt=1}")
    assert broken[0].n < exited.n < broken[-1].n < second.n
    assert second.began_ns - exited.v > 9e9
    assert second.began_ns - broken[-1].began_ns < 3e9


def test_lists_are_never_streamed_again_after_one_refusal() -> None:
    history = recorded("stream-list-unimplemented").history
    (refused,) = history.count("StreamContainers", error="UNIMPLEMENTED", exactly=1)
    later = [call for call in history.select("lists") if call.began_ns > refused.began_ns + 10**9]
    assert {call.rpc for call in later} >= {"ListContainers", "ListPodSandbox"}
    assert not {call.rpc for call in later} & {"StreamContainers", "StreamPodSandboxes"}


def test_what_a_truncated_list_leaves_out_is_started_twice() -> None:
    recording = recorded("stream-list-truncated")
    assert max(most_at_once(recording, "RUNNING").values()) >= 2
    recording.history.never("StopContainer")


def test_what_a_list_omits_is_started_twice_or_killed() -> None:
    recording = recorded("list-omits-once")
    assert most_at_once(recording, "RUNNING") == {
        "web-node/app": 2,
        "job-node/app": 1,
        "web-node": 0,
        "job-node": 0,
    }
    recording.history.never("StopContainer", pod="web-node")
    (killed,) = moves(recording, "EXITED", "job-node/app")
    (stopped, *_) = recording.history.count("StopPodSandbox", pod="job-node")
    assert stopped.n < killed.n
    recording.history.count("CreateContainer", pod="job-node", exactly=1)
