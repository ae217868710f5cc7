"""Which lane what is on, and what it looks like there."""

import pytest

from fakecri.timeline.building import build
from fakecri.timeline.model import Bar, Lane, Timeline
from tests.timeline.recordings import DB, NGINX, SIDECAR, WEB, Script


def lanes(timeline: Timeline) -> list[tuple[str, str]]:
    return [(lane.kind, lane.title) for lane in timeline.lanes]


def only(timeline: Timeline, rpc: str) -> Bar:
    (bar,) = [bar for bar in timeline.bars if bar.rpc == rpc]
    return bar


def lane_of(timeline: Timeline, rpc: str) -> Lane:
    return timeline.lane(only(timeline, rpc).lane)


def test_containers_stand_below_their_pod_and_the_node_above_all() -> None:
    script = Script().pod(WEB, "web").pod(DB, "db").container(NGINX, "nginx", WEB)
    script.read("Version").read("PullImage", image={"image": "nginx"})
    assert lanes(build(script.recording)) == [
        ("node", "node"),
        ("images", "images"),
        ("sandbox", "default/web"),
        ("container", "nginx"),
        ("sandbox", "default/db"),
    ]


def test_a_call_is_on_the_lane_of_what_it_names_or_makes() -> None:
    script = Script().pod().container()
    script.read("PodSandboxStatus", pod_sandbox_id=WEB).read("ContainerStatus", container_id=NGINX)
    timeline = build(script.recording)
    assert lane_of(timeline, "RunPodSandbox").id == WEB
    assert lane_of(timeline, "PodSandboxStatus").id == WEB
    assert lane_of(timeline, "CreateContainer").id == NGINX
    assert lane_of(timeline, "ContainerStatus").id == NGINX


def test_an_id_may_be_shortened() -> None:
    timeline = build(Script().pod().read("StopPodSandbox", pod_sandbox_id=WEB[:6]).recording)
    assert lane_of(timeline, "StopPodSandbox").id == WEB


def test_an_id_that_is_not_there_is_the_nodes_business() -> None:
    script = Script().pod()
    script.failed(script.call("StopContainer", container_id="nobody"), "NOT_FOUND")
    assert lane_of(build(script.recording), "StopContainer").kind == "node"


def test_a_call_whose_answer_was_lost_is_on_the_lane_of_what_it_made() -> None:
    script = Script()
    call = script.call("RunPodSandbox", config={"metadata": {"name": "web", "namespace": "d"}})
    script.add("move", thing="sandbox", id=WEB, pod="d/web", call=call, to="READY")
    script.failed(call, "UNAVAILABLE", unsent=True, touched=[WEB])
    timeline = build(script.recording)
    assert lane_of(timeline, "RunPodSandbox").id == WEB
    assert only(timeline, "RunPodSandbox").outcome == "lost"


def test_a_pod_that_was_never_made_has_a_lane_of_its_name() -> None:
    script = Script()
    metadata = {"name": "web", "namespace": "default"}
    script.failed(script.call("RunPodSandbox", config={"metadata": metadata}))
    assert lanes(build(script.recording)) == [("pod", "default/web")]


def test_a_pod_that_was_made_at_last_has_the_failures_on_its_lane() -> None:
    script = Script()
    metadata = {"name": "web", "namespace": "default"}
    script.failed(script.call("RunPodSandbox", config={"metadata": metadata})).pod()
    timeline = build(script.recording)
    assert lanes(timeline) == [("sandbox", "default/web")]
    assert [bar.outcome for bar in timeline.bars] == ["error", "ok"]


def test_two_containers_of_one_name_have_two_lanes() -> None:
    script = Script().pod().container(NGINX, "nginx").container(SIDECAR, "nginx")
    assert lanes(build(script.recording))[-2:] == [("container", "nginx"), ("container", "nginx")]


def test_calls_that_overlap_are_in_rows_of_their_own() -> None:
    script = Script().pod().container()
    stop = script.call("StopContainer", container_id=NGINX)
    script.read("ContainerStatus", container_id=NGINX).reply(stop)
    script.read("RemoveContainer", container_id=NGINX)
    timeline = build(script.recording)
    rows = {bar.rpc: bar.row for bar in timeline.bars}
    assert (rows["StopContainer"], rows["ContainerStatus"], rows["RemoveContainer"]) == (0, 1, 0)


def test_states_are_bands_from_move_to_move() -> None:
    script = Script().pod().container()
    script.at(9).move(NGINX, "RUNNING", "EXITED", "exit")
    script.move(NGINX, "EXITED", "ABSENT", "remove")
    bands = [band for band in build(script.recording).bands if band.lane == NGINX]
    assert [(band.state, band.trigger) for band in bands] == [
        ("CREATED", "create"),
        ("RUNNING", "start"),
        ("EXITED", "exit"),
    ]
    assert [band.end for band in bands[:-1]] == [band.begin for band in bands[1:]]
    assert bands[-1].end is not None


def test_how_a_container_ended_is_noted_where_an_event_or_a_status_tells() -> None:
    script = Script().pod().container(NGINX).container(SIDECAR, "sidecar")
    script.move(NGINX, "RUNNING", "EXITED", "exit").move(SIDECAR, "RUNNING", "EXITED", "exit")
    ended = {"state": "CONTAINER_EXITED", "exit_code": 137, "reason": "OOMKilled"}
    statuses = [{"id": NGINX, **ended}, {"id": WEB}]
    script.add("event", event={"container_id": NGINX, "containers_statuses": statuses})
    call = script.call("ContainerStatus", container_id=SIDECAR)
    script.reply(call, response={"status": {"id": SIDECAR, "state": "CONTAINER_EXITED"}})
    notes = {band.lane: band.note for band in build(script.recording).bands}
    assert notes == {WEB: "", NGINX: "137 OOMKilled", SIDECAR: "0"}


def test_an_event_is_caused_by_the_call_that_moved_its_container() -> None:
    script = Script().pod().container()
    timeline = build(script.at(5).move(NGINX, "RUNNING", "EXITED", "exit").recording)
    assert len(only(timeline, "StartContainer").events) == 1
    events = [mark for mark in timeline.marks if mark.lane == NGINX]
    assert [(mark.title, mark.call is None) for mark in events] == [
        ("event created", False),
        ("event started", False),
        ("event stopped", True),
    ]


def test_a_fault_is_a_mark_of_its_call() -> None:
    script = Script().pod().container()
    call = script.call("StopContainer", container_id=NGINX)
    fired = {"rule": "r", "term": 0, "hit": 1, "effect": "definite"}
    script.add("fault", call=call, rpc="", action="error(ABORTED)", phase="before", **fired)
    timeline = build(script.failed(call, "ABORTED").recording)
    (mark,) = [mark for mark in timeline.marks if mark.kind == "fault"]
    assert (mark.lane, mark.call, mark.title) == (NGINX, call, "fault before:error(ABORTED)")
    assert only(timeline, "StopContainer").faults == [mark.index]


def test_what_comes_of_a_call_is_told() -> None:
    script = Script()
    late = script.call("Version")
    script.add("cancel", call=late, rpc="Version", cause="deadline").failed(late)
    script.failed(script.call("Status"))
    script.call("ListImages")
    closed = script.call("GetContainerEvents")
    script.add("cancel", call=closed, rpc="", cause="closed").failed(closed)
    bars = build(script.recording).bars
    assert [bar.outcome for bar in bars] == ["cancelled", "error", "open", "cancelled"]
    assert [bar.is_failed for bar in bars] == [True, True, False, False]


def test_a_client_that_goes_by_itself_misses_no_answer() -> None:
    script = Script()
    gone = script.call("PullImage")
    script.add("cancel", call=gone, rpc="PullImage", cause="client").failed(gone, unsent=True)
    kept = script.call("PullImage")
    script.add("fault", call=kept, rpc="PullImage", rule="r", effect="indefinite")
    script.add("cancel", call=kept, rpc="PullImage", cause="deadline").failed(kept, unsent=True)
    assert [bar.outcome for bar in build(script.recording).bars] == ["cancelled", "lost"]


def test_a_state_fault_is_on_the_lane_of_its_container() -> None:
    script = Script().pod().container().add("state", what="oom", container=NGINX)
    mark = build(script.recording).marks[-1]
    assert (mark.lane, mark.is_global) == (NGINX, False)


@pytest.mark.parametrize(
    ("what", "fault", "title"),
    [
        ("oom", f"container {NGINX} oom", "state oom"),
        ("restart", "runtime restart down=2s", "state restart down=2s"),
        ("restarted", "runtime restart down=2s", "state restarted"),
        ("sandbox died", f"sandbox {WEB} die", "state sandbox died"),
    ],
)
def test_a_state_fault_is_called_by_its_text(what: str, fault: str, title: str) -> None:
    script = Script().add("state", what=what, fault=fault, id=NGINX)
    assert build(script.recording).marks[0].title == title


def test_a_restart_and_the_clock_concern_every_lane() -> None:
    script = Script().add("state", what="restart", down_ns=2_000_000_000)
    script.add("clock", what="jump", by_ns=-5_000_000_000)
    marks = build(script.recording).marks
    assert [mark.is_global for mark in marks] == [True, True]
    assert [mark.title for mark in marks] == ["state restart down_ns=2s", "clock jump by_ns=-5s"]


def test_that_time_is_advanced_is_no_mark() -> None:
    script = Script().add("clock", what="advance", by_ns=10**9).at(1).read("Version")
    assert build(script.recording).marks == ()


def test_rules_are_counted_by_the_calls_that_they_fired_on() -> None:
    script = Script(rules=["a", "b"]).add("rule", rule="c", did="armed", fired=0)
    for call in (1, 1, 2):
        script.add("fault", call=call, rule="a", hit=call, action="x", phase="before")
    script.add("rule", rule="c", did="disarmed", fired=7)
    counts = [(rule.text, rule.fired) for rule in build(script.recording).rules]
    assert counts == [("a", 2), ("b", 0), ("c", 7)]


# A runtime behind a proxy, of which nothing but calls is recorded.


def proxied() -> Script:
    script = Script()
    metadata = {"name": "web", "namespace": "default"}
    script.reply(
        script.call("RunPodSandbox", config={"metadata": metadata}),
        response={"pod_sandbox_id": WEB},
    )
    config = {"metadata": {"name": "nginx", "attempt": 2}}
    script.reply(
        script.call("CreateContainer", pod_sandbox_id=WEB, config=config),
        response={"container_id": NGINX},
    )
    return script.read("StartContainer", container_id=NGINX)


def test_without_moves_lanes_are_made_of_what_calls_say() -> None:
    timeline = build(proxied().recording)
    assert lanes(timeline) == [("sandbox", "default/web"), ("container", "nginx")]
    assert timeline.lanes[1].attempt == 2
    assert timeline.lanes[1].parent == WEB


def test_without_moves_states_are_what_calls_and_lists_say() -> None:
    script = proxied()
    listed = [{"id": NGINX, "state": "CONTAINER_EXITED", "pod_sandbox_id": WEB}]
    script.reply(script.call("ListContainers"), response={"containers": listed})
    script.read("RemoveContainer", container_id=NGINX)
    bands = [band for band in build(script.recording).bands if band.lane == NGINX]
    assert [band.state for band in bands] == ["CREATED", "RUNNING", "EXITED"]
    assert bands[-1].end is not None


def test_without_moves_a_status_tells_of_an_end() -> None:
    script = proxied()
    status = {"id": NGINX, "state": "CONTAINER_EXITED", "exit_code": 3, "reason": "Error"}
    call = script.call("ContainerStatus", container_id=NGINX)
    band = build(script.reply(call, response={"status": status}).recording).bands[-1]
    assert (band.state, band.note) == ("EXITED", "3 Error")


def test_without_moves_a_call_that_failed_changes_no_state() -> None:
    script = proxied()
    script.failed(script.call("StopContainer", container_id=NGINX))
    assert build(script.recording).bands[-1].state == "RUNNING"


def test_what_was_there_before_is_known_from_lists() -> None:
    script = Script()
    listed = [{"id": NGINX, "metadata": {"name": "old"}, "pod_sandbox_id": WEB}]
    pods = [{"id": WEB, "metadata": {"name": "web", "namespace": "default"}}]
    script.reply(script.call("ListPodSandbox"), response={"items": pods})
    script.reply(script.call("ListContainers"), response={"containers": listed})
    assert ("container", "old") in lanes(build(script.recording))
