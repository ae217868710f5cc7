"""The trace: it keeps the rules of the Trace Event Format, and says what happened."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from fakecri.core.recording import Recording
from fakecri.timeline import Selection, render_trace
from tests.timeline.recordings import DB, NGINX, WEB, Script

Event = dict[str, Any]


def trace_of(recording: Recording, **options: Any) -> list[Event]:
    trace = json.loads(render_trace(recording, **options))
    events: list[Event] = trace["traceEvents"]
    check(trace)
    return events


# The rules, as the format's document has them.


def check(trace: dict[str, Any]) -> None:
    """Fail where a trace breaks a rule of the format, or one that Perfetto reads it by."""
    assert trace["displayTimeUnit"] in {"ms", "ns"}
    events = trace["traceEvents"]
    for event in events:
        check_event(event)
    check_names(events)
    check_slices(events)
    check_async(events)
    check_flows(events)


def check_event(event: Event) -> None:
    """Each has a name, a phase, a time in µs, and a process and thread, both integers."""
    assert isinstance(event["name"], str)
    assert event["ph"] in set("MXibesf")
    assert is_number(event["ts"])
    assert type(event["pid"]) is int
    assert type(event["tid"]) is int
    assert isinstance(event.get("args", {}), dict)
    if event["ph"] == "X":
        assert is_number(event["dur"])
        assert event["dur"] >= 0
    if event["ph"] == "i":
        assert event["s"] in {"g", "p", "t"}
    if event["ph"] in set("besf"):
        assert isinstance(event["cat"], str)
        assert isinstance(event["id"], str | int)


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def check_names(events: list[Event]) -> None:
    """Metadata names each process and thread once, and each that is used."""
    names = Counter(
        (event["pid"], event["tid"] if event["name"] == "thread_name" else None)
        for event in events
        if event["ph"] == "M" and event["name"] in {"process_name", "thread_name"}
    )
    assert set(names.values()) <= {1}
    for event in events:
        if event["ph"] == "M":
            assert set(event["args"]) in ({"name"}, {"sort_index"})
        elif event.get("s") != "g":
            assert (event["pid"], None) in names
            assert (event["pid"], event["tid"]) in names


def check_slices(events: list[Event]) -> None:
    """Complete events of a thread nest: none ends within another that began later."""
    for slices in by_thread(event for event in events if event["ph"] == "X"):
        open_until: list[float] = []
        for event in sorted(slices, key=lambda each: (each["ts"], -each["dur"])):
            while open_until and open_until[-1] <= event["ts"]:
                open_until.pop()
            end = event["ts"] + event["dur"]
            assert not open_until or end <= open_until[-1]
            open_until.append(end)


def check_async(events: list[Event]) -> None:
    """Each begin has one end with its category, id, name and process, which is not before it."""
    begun: dict[tuple[object, ...], float] = {}
    for event in events:
        key = (event.get("cat"), event.get("id"), event["name"], event["pid"])
        if event["ph"] == "b":
            assert key not in begun
            begun[key] = event["ts"]
        elif event["ph"] == "e":
            assert begun.pop(key) <= event["ts"]
    assert not begun


def check_flows(events: list[Event]) -> None:
    """An arrow begins within a slice of its thread, and ends at what is next on its thread."""
    begun: dict[object, Event] = {}
    for place, event in enumerate(events):
        if event["ph"] == "s":
            assert event["id"] not in begun
            begun[event["id"]] = event
            assert any(is_around(each, event) for each in events[:place])
        elif event["ph"] == "f":
            begin = begun.pop(event["id"])
            assert (begin["name"], begin["cat"]) == (event["name"], event["cat"])
            assert begin["ts"] <= event["ts"]
            after = next(each for each in events[place + 1 :] if thread(each) == thread(event))
            assert after["ph"] == "i"
            assert after["ts"] == event["ts"]
    assert not begun


def is_around(slice_: Event, flow: Event) -> bool:
    if slice_["ph"] != "X" or thread(slice_) != thread(flow):
        return False
    return bool(slice_["ts"] <= flow["ts"] <= slice_["ts"] + slice_["dur"])


def by_thread(events: Iterable[Event]) -> Iterable[list[Event]]:
    threads = defaultdict(list)
    for event in events:
        threads[thread(event)].append(event)
    return threads.values()


def thread(event: Event) -> tuple[int, int]:
    return event["pid"], event["tid"]


@pytest.mark.parametrize(
    "broken",
    [
        {"ph": "Q"},
        {"ph": "X", "dur": -1},
        {"ph": "X", "dur": 10, "tid": 7},
        {"ph": "i", "s": "x"},
        {"ph": "b", "cat": "c", "id": 1},
        {"ph": "e", "cat": "c", "id": 1},
        {"ph": "s", "cat": "c", "id": 1, "ts": 99},
        {"ph": "X", "dur": 9, "ts": 5},
        {"ph": "i", "s": "t", "ts": "1"},
    ],
)
def test_the_check_finds_what_breaks_a_rule(broken: Event) -> None:
    place = {"pid": 1, "tid": 1}
    sound: list[Event] = [
        {"name": "process_name", "ph": "M", "ts": 0, **place, "args": {"name": "p"}},
        {"name": "thread_name", "ph": "M", "ts": 0, **place, "args": {"name": "t"}},
        {"name": "a", "ph": "X", "ts": 0, "dur": 10, **place},
    ]
    check({"displayTimeUnit": "ms", "traceEvents": sound})
    event = {"name": "x", "ts": 0, **place, **broken}
    with pytest.raises((AssertionError, KeyError)):
        check({"displayTimeUnit": "ms", "traceEvents": [*sound, event]})


# What is in it.


def named(events: list[Event], name: str) -> Event:
    (found,) = [event for event in events if event["name"] == name and event["ph"] not in "se"]
    return found


def names(events: list[Event], kind: str) -> list[str]:
    return [event["args"]["name"] for event in events if event["name"] == kind]


def test_pods_are_processes_and_containers_are_threads() -> None:
    events = trace_of(Script().read("Version").pod().pod(DB, "db").container().recording)
    assert names(events, "process_name") == ["node", "pod default/web", "pod default/db"]
    start = named(events, "StartContainer")
    place = [
        event["args"]["name"]
        for event in events
        if event["name"] == "thread_name" and thread(event) == thread(start)
    ]
    assert place == ["nginx"]


def test_a_call_lasts_as_long_as_it_took() -> None:
    script = Script().at(1)
    call = script.call("PullImage", image={"image": "busybox"})
    pull = named(trace_of(script.at(1.0050005).reply(call).recording), "PullImage")
    assert (pull["ph"], pull["ts"], pull["dur"]) == ("X", 1_000_000, 5000.5)
    assert pull["args"]["subject"] == "busybox"
    assert pull["args"]["outcome"] == "ok"


def test_calls_that_overlap_are_async() -> None:
    script = Script().pod().container()
    stop = script.call("StopContainer", container_id=NGINX)
    script.at(1).read("ContainerStatus", container_id=NGINX).at(10).reply(stop)
    events = trace_of(script.recording)
    assert named(events, "StopContainer")["ph"] == "X"
    assert named(events, "ContainerStatus")["ph"] == "b"


def test_an_arrow_leads_from_a_call_to_each_event_it_caused() -> None:
    script = Script().pod().container()
    call = script.call("RemovePodSandbox", pod_sandbox_id=WEB)
    script.move(NGINX, "RUNNING", "EXITED", "exit", call=call)
    script.move(WEB, "READY", "NOTREADY", "exit", call=call).reply(call)
    events = trace_of(script.recording)
    remove = named(events, "RemovePodSandbox")
    begins = [event["id"] for event in events if event["ph"] == "s"]
    caused = events[events.index(remove) + 1 : events.index(remove) + 3]
    assert len(begins) == 5
    assert [event["ph"] for event in caused] == ["s", "s"]


def test_states_are_slices_beside_the_calls() -> None:
    events = trace_of(Script().pod().container().at(4).read("Version").recording)
    running = named(events, "RUNNING")
    assert (running["dur"], running["cat"]) == (4_000_000, "state")
    assert "nginx state" in names(events, "thread_name")


def test_events_and_faults_are_instants() -> None:
    script = Script().pod()
    call = script.call("StopPodSandbox", pod_sandbox_id=WEB)
    script.add("fault", call=call, rpc="", rule="r", action="hang", phase="before", hit=1)
    events = trace_of(script.reply(call).recording)
    instants = {event["name"]: event["s"] for event in events if event["ph"] == "i"}
    assert instants == {"event created": "t", "fault before:hang": "t"}


def test_what_concerns_every_lane_is_a_global_instant() -> None:
    events = trace_of(Script().pod().add("clock", what="jump", by_ns=1).recording)
    assert named(events, "clock jump by_ns=1ns")["s"] == "g"


def test_a_call_that_never_ends_lasts_until_the_end() -> None:
    script = Script()
    script.call("GetContainerEvents")
    stream = named(trace_of(script.at(7).read("Version").recording), "GetContainerEvents")
    assert (stream["dur"], stream["args"]["outcome"]) == (7_000_000, "open")


def test_a_selection_leaves_the_rest_out() -> None:
    script = Script().pod(WEB, "web").pod(DB, "db").container()
    events = trace_of(script.recording, selection=Selection(pods=("db",)))
    assert names(events, "process_name") == ["pod default/db"]
