"""Bugs of a real kubelet, in recordings of it: images, stops, probes, data, logs and limits.

`python -m tests.real.scenarios --record ID` makes a recording anew.
"""

from itertools import pairwise

from fakecri.core.history.about import PastCall
from fakecri.core.states import ContainerState
from tests.scenarios.oracles import last_s, most_at_once, moves, recorded, starts, strike


def last(calls: list[PastCall]) -> PastCall:
    return max(calls, key=lambda call: call.n)


def test_no_image_is_pulled_while_one_pull_hangs() -> None:
    history = recorded("pull-hang-serial").history
    (hung,) = history.count("PullImage", image="*big*", exactly=1)
    (small,) = history.count("PullImage", image="*small*", exactly=1)
    (wanted,) = history.count("RunPodSandbox", pod="small-node", exactly=1)
    assert hung.timeout_ns is None
    assert hung.ended_n is not None
    assert wanted.ended_n is not None
    assert hung.n < wanted.ended_n < hung.ended_n < small.n
    assert small.began_ns - wanted.began_ns > 30e9


def test_what_was_removed_behind_its_back_goes_on_as_the_next_attempt_or_not_at_all() -> None:
    recording = recorded("vanished")
    history = recording.history
    attempts = [
        call.request.config.metadata.attempt
        for call in history.count("CreateContainer", pod="web-node", exactly=2)
    ]
    assert attempts == [0, 1]
    # The job was not done, and nobody does it any more.
    (gone,) = moves(recording, "ABSENT", "job-node/app")
    history.count("CreateContainer", pod="job-node", exactly=1)
    (given_up,) = history.count("StopPodSandbox", pod="job-node", exactly=1)
    assert given_up.n > gone.n


def test_a_container_killed_for_memory_has_succeeded_if_its_exit_code_is_0() -> None:
    history = recorded("oom-variants").history
    told = {
        (call.request.container_id, call.response.status.exit_code)
        for call in history.select("ContainerStatus", pod="child-node", error=False)
        if call.response.status.state == ContainerState.EXITED
        and call.response.status.reason == "OOMKilled"
    }
    ((_, code),) = told
    assert code == 0
    history.count("CreateContainer", pod="child-node", exactly=1)
    for pod in ("unnamed-node", "stopped-node"):  # other codes: it is tried again
        history.count("CreateContainer", pod=pod, exactly=2)


def test_a_pod_whose_network_stays_is_stopped_again_and_again_without_a_back_off() -> None:
    history = recorded("teardown-fails").history
    failed = history.count("StopPodSandbox", error="*cni del failed*", at_least=8)
    gaps_s = [(then.began_ns - first.began_ns) / 1e9 for first, then in pairwise(failed)]
    assert max(gaps_s) < 5


def test_dead_containers_that_cannot_be_removed_pile_up() -> None:
    recording = recorded("remove-fails-pile-up")
    failed = recording.history.count("RemoveContainer", error="*resource busy*", at_least=20)
    assert most_at_once(recording, "EXITED")["web-node/app"] >= 7
    assert len({call.request.container_id for call in failed}) < len(failed)


def test_a_pod_on_the_hosts_network_is_made_anew_for_want_of_what_its_status_does_not_tell() -> (
    None
):
    history = recorded("nil-linux").history
    history.count("RunPodSandbox", pod="web-node", exactly=1)
    made = history.count("RunPodSandbox", pod="host-node", at_least=4)
    history.distinct_argument("RunPodSandbox", "config.metadata.attempt", pod="host-node")
    silent = [
        call
        for call in history.select("PodSandboxStatus", error=False)
        if not call.response.status.HasField("linux")
    ]
    assert sum(silent[0].n < call.n < silent[-1].n for call in made) >= 2  # one would do


def test_the_image_of_a_container_that_began_meanwhile_is_removed() -> None:
    recording = recorded("gc-deletes-in-use")
    (removal,) = recording.history.count("RemoveImage", image="*web*", exactly=1)
    (running,) = moves(recording, "RUNNING", "web-node/app")
    assert removal.ended_n is not None
    assert removal.n < running.n < removal.ended_n
    assert not list(moves(recording, "EXITED", "web-node/app"))


def test_the_image_of_a_running_container_is_removed_where_its_id_is_not_told() -> None:
    recording = recorded("imageref-mismatch")
    history = recording.history
    (removal,) = history.count("RemoveImage", image="*web*", error=False, exactly=1)
    before = [each for each in history.select("ListContainers") if each.n < removal.n]
    listed = [each for each in before if each.response.containers]
    (shown,) = last(listed).response.containers
    assert shown.state == ContainerState.RUNNING
    assert shown.image_id == ""
    assert shown.image_ref != removal.request.image.image


def test_where_images_are_is_asked_in_vain_and_a_file_system_without_a_size_ends_the_kubelet() -> (
    None
):
    history = recorded("imagefs-zero").history
    asked = history.select("ImageFsInfo")
    in_vain = [call for call in asked if not call.response.image_filesystems]
    assert in_vain[-1].began_ns - in_vain[0].began_ns > 290e9
    history.never("RemoveImage")
    (fatal, *_) = [call for call in asked if any("used_bytes" in it.action for it in call.faults)]
    assert not starts(history, in_vain[10].n, fatal.n)
    assert starts(history, fatal.n, history.select()[-1].n)


def test_an_image_that_is_in_use_is_tried_to_be_removed_at_each_round() -> None:
    history = recorded("image-in-use-refused").history
    refused = history.count("RemoveImage", error="*in use*", at_least=3)
    assert len({call.request.image.image for call in refused}) == 1
    gaps_s = [(then.began_ns - first.began_ns) / 1e9 for first, then in pairwise(refused)]
    assert max(gaps_s) < 15


def test_what_cannot_be_killed_is_stopped_again_and_again_and_its_successor_waits() -> None:
    recording = recorded("unkillable")
    history = recording.history
    history.count("StopContainer", error="*context deadline exceeded", at_least=3)
    (_, second) = history.count("RunPodSandbox", exactly=2)
    killable = strike(recording, " killable")
    assert second.n > killable.n
    assert killable.v - strike(recording, "unkillable").v > 30e9
    assert most_at_once(recording, "RUNNING") == {"web-node/app": 1, "web-node": 0}


def test_probes_that_the_runtime_fails_never_end_in_a_restart() -> None:
    history = recorded("probe-runtime-error").history
    failed = history.count("ExecSync", error="exec failed", at_least=20)
    stopped = [call.n for call in history.select("StopContainer")]
    assert stopped[0] < failed[0].n
    assert not [n for n in stopped if failed[0].n < n < failed[-1].n]
    told = history.select("ExecSync", error=False)
    assert all(call.response.exit_code == 1 for call in told)


def test_a_slow_runtime_has_a_container_restarted_whose_probe_never_fails() -> None:
    recording = recorded("probe-slow-runtime")
    history = recording.history
    late = history.count("ExecSync", error="context deadline exceeded", exactly=2)
    assert {call.response.exit_code for call in history.select("ExecSync", error=False)} == {0}
    (stopped,) = history.count("StopContainer", exactly=1)
    (exited,) = moves(recording, "EXITED", "web-node/app")
    assert (late[-1].ended_n or 0) < stopped.n < exited.n


def test_stats_without_attributes_end_the_kubelet_and_those_without_usage_do_not() -> None:
    history = recorded("nil-stats").history
    empty, (fatal,) = (
        [
            call
            for call in history.select("ListContainerStats")
            if any(what in each.action for each in call.faults)
        ]
        for what in ("memory", "attributes")
    )
    last_n = history.select()[-1].n
    assert starts(history, 0, empty[0].n)
    assert not starts(history, empty[0].n, fatal.n)
    assert starts(history, fatal.n, last_n)


def test_an_update_that_fails_is_tried_again_each_second() -> None:
    history = recorded("update-fails").history
    failed = history.count("UpdateContainerResources", error="*invalid argument*", at_least=8)
    gaps_s = [(then.began_ns - first.began_ns) / 1e9 for first, then in pairwise(failed)]
    assert max(gaps_s) < 2


def test_an_update_that_was_not_done_is_never_done_again_until_the_kubelet_starts_anew() -> None:
    history = recorded("update-ignored").history
    ignored, again = history.count("UpdateContainerResources", error=False, exactly=2)
    assert (again.began_ns - ignored.began_ns) / 1e9 > 15  # it looks each second
    starts = history.select("RuntimeConfig")  # which it asks for at its start alone
    assert any(ignored.n < call.n < again.n for call in starts)


def test_a_link_to_a_log_is_judged_by_one_status_that_fails_while_the_log_is_away() -> None:
    recording = recorded("symlink-removed")
    history = recording.history
    (reopening,) = [call for call in history.select("ReopenContainerLog") if call.faults]
    assert reopening.ended_n is not None
    (failed,) = history.count("ContainerStatus", error="*from server: EOF*", exactly=1)
    assert reopening.n < failed.n < reopening.ended_n
    assert not list(moves(recording, "EXITED", "linked-node/app"))  # it ran all the while


def test_no_log_is_rotated_while_one_status_hangs() -> None:
    recording = recorded("status-hangs-while-stopping")
    (hung,) = [call for call in recording.history.select("ContainerStatus") if call.faults]
    reopened = recording.history.count("ReopenContainerLog", pod="noisy-node", at_least=2)
    assert reopened[-1].n < hung.n
    assert (hung.ended_ns or 0) - hung.began_ns > 20e9
    assert last_s(recording, "call") * 1e9 - reopened[-1].began_ns > 20e9
    assert reopened[-1].began_ns - reopened[-2].began_ns < 5e9


def test_a_log_is_rotated_again_and_again_after_it_was_reopened() -> None:
    history = recorded("reopen-fails").history
    for pod, text in (("late-node", "*after the work*"), ("early-node", "*no such method*")):
        failed = history.count("ReopenContainerLog", pod=pod, error=text, at_least=8)
        gaps_s = [(then.began_ns - first.began_ns) / 1e9 for first, then in pairwise(failed)]
        assert max(gaps_s) < 5
    killed = history.select("ReopenContainerLog", pod="killed-node")
    (cancelled, *after) = killed
    assert cancelled.error is not None
    assert all(call.error is None for call in after)
