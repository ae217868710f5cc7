"""Level 3 of the taxonomy: what a stream says, and how it ends."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import leave, subscribe
from tests.support import Node, raises_status
from tests.taxonomy.shows import shows

S = grpc.StatusCode
EVENTS = pb.GetEventsRequest()
CONTAINERS = pb.StreamContainersRequest()
CREATED, STARTED, STOPPED, DELETED = "CREATED", "STARTED", "STOPPED", "DELETED"
LIFE = [CREATED, STARTED, STOPPED, DELETED]


@pytest.fixture
def events(node: Node, rule: None) -> Iterator[Any]:
    """Listen to events, with the rule in force."""
    stream = subscribe(node)
    yield stream
    stream.cancel()


def live(node: Node) -> str:
    """Let a sandbox go through its life, without containers: four events."""
    pod_sandbox_id = node.run_sandbox()
    node.stop_sandbox(pod_sandbox_id)
    node.remove_sandbox(pod_sandbox_id)
    return pod_sandbox_id


def kinds(stream: Any, count: int) -> list[str]:
    """Take the kinds of the next events."""
    return [kind(next(stream)) for _ in range(count)]


def kind(event: pb.ContainerEventResponse) -> str:
    name = pb.ContainerEventType.Name(event.container_event_type)
    return name.removeprefix("CONTAINER_").removesuffix("_EVENT")


@shows("S1", 'GetContainerEvents = error(UNIMPLEMENTED, "no events")', "UNIMPLEMENTED at once")
def test_an_error_at_the_opening(node: Node, rule: None) -> None:
    with raises_status(S.UNIMPLEMENTED, "no events"):
        next(node.runtime.GetContainerEvents(EVENTS))


@shows("S1", 'GetContainerEvents = at 2 error(UNIMPLEMENTED, "no more")', "UNIMPLEMENTED later")
@shows("S3", 'GetContainerEvents = at 2 error(INTERNAL, "broken")', "an event, then the error")
def test_an_error_after_some_messages(node: Node, events: Any, text: str) -> None:
    live(node)
    assert kinds(events, 1) == [CREATED]
    code = S.INTERNAL if "INTERNAL" in text else S.UNIMPLEMENTED
    with raises_status(code, text.split('"')[1]):
        next(events)


@shows("S2", "GetContainerEvents = end(OK)", "the end, with OK and without an event")
def test_it_ends_at_once(node: Node, rule: None) -> None:
    live(node)
    assert list(node.runtime.GetContainerEvents(EVENTS)) == []


@shows("S4", "StreamContainers = at 2 end(OK)", "the first batch, taken for all")
def test_it_ends_before_all_was_said(node: Node, rule: None) -> None:
    pod_sandbox_id = node.run_sandbox()
    world = node.cri.host.world
    world.profile = replace(world.profile, stream_batch=2)
    for number in range(3):
        node.create(pod_sandbox_id, name=f"c{number}")
    answers = list(node.runtime.StreamContainers(CONTAINERS))
    assert [len(each.containers) for each in answers] == [2]


@shows("S5", "GetContainerEvents = at 2 stall", "one event, then nothing; other calls are answered")
def test_nothing_comes_any_more(node: Node, rule: None) -> None:
    stream = subscribe(node, timeout=60)
    live(node)
    assert kinds(stream, 1) == [CREATED]
    assert node.runtime.Version(pb.VersionRequest()).version
    node.cri.advance(61)
    with raises_status(S.DEADLINE_EXCEEDED):
        next(stream)


@shows("S6", "GetContainerEvents = drop(STARTED)", "no STARTED")
@shows("S6", "GetContainerEvents = dup(STARTED)", "STARTED twice")
@shows("S6", "GetContainerEvents = reorder", "STARTED before CREATED")
def test_events_are_dropped_doubled_or_out_of_order(node: Node, events: Any, text: str) -> None:
    live(node)
    expected = {
        "drop(STARTED)": [CREATED, STOPPED, DELETED],
        "dup(STARTED)": [CREATED, STARTED, STARTED, STOPPED, DELETED],
        "reorder": [STARTED, CREATED, DELETED, STOPPED],
    }[text.partition("= ")[2]]
    assert kinds(events, len(expected)) == expected


@shows("S7", "GetContainerEvents = hold(STARTED, 2s)", "READY for 2 s before the event says so")
def test_a_state_before_its_event(node: Node, events: Any) -> None:
    pod_sandbox_id = node.run_sandbox()
    assert kinds(events, 1) == [CREATED]
    assert node.sandbox_status(pod_sandbox_id).state == pb.SANDBOX_READY
    before_ns = node.cri.now_ns
    node.cri.advance(2)
    event = next(events)
    assert kind(event) == STARTED
    assert event.created_at <= before_ns + 10


@shows("S8", "GetContainerEvents = reply:unset(pod_sandbox_status)", "no pod_sandbox_status")
@shows("S8", "GetContainerEvents = reply:unset(containers_statuses)", "no containers_statuses")
def test_an_event_without_statuses(node: Node, events: Any, text: str) -> None:
    node.create(node.run_sandbox())
    field = text.partition("unset(")[2].rstrip(")")
    seen = [next(events) for _ in range(3)]
    assert all(not each.HasField("pod_sandbox_status") for each in seen) is ("pod_" in field)
    assert all(not each.containers_statuses for each in seen) is ("containers_" in field)


@shows("S9", "GetContainerEvents = reply:shift(created_at, -1h)", "an hour early")
def test_an_event_with_a_wrong_stamp(node: Node, events: Any) -> None:
    live(node)
    assert next(events).created_at == pytest.approx(node.cri.now_ns - 3600 * 10**9, abs=10**9)


@shows("S10", "GetContainerEvents = on_connect drop(1)", "the first event of each subscription")
def test_the_first_event_after_a_subscription_is_lost(node: Node, rule: None) -> None:
    for _ in range(2):
        stream = subscribe(node)
        live(node)
        assert kinds(stream, 3) == [STARTED, STOPPED, DELETED]
        leave(node, stream)


@shows("S13", "GetContainerEvents = starve", "nothing for the first subscriber")
def test_a_second_subscriber_starves_the_first(node: Node, rule: None) -> None:
    first = subscribe(node, timeout=60)
    node.run_sandbox("one")
    assert kinds(first, 2) == [CREATED, STARTED]
    second = subscribe(node, timeout=90)
    node.run_sandbox("two")
    assert kinds(second, 2) == [CREATED, STARTED]
    node.cri.advance(61)
    with raises_status(S.DEADLINE_EXCEEDED):
        next(first)


@shows("S12", "GetContainerEvents = overflow(3)", "some events of a burst are missing")
def test_events_come_faster_than_they_are_read(node: Node, events: Any) -> None:
    with node.cri.host.turn() as world:
        for number in range(2000):
            event = pb.ContainerEventResponse(container_id=str(number) + "x" * 10_000)
            world.events.publish(event)
    seen, pods = [next(events).container_id], set[str]()
    while seen[-1] not in pods:
        # Its events are dropped as well, while others are still to be read.
        pods.add(node.run_sandbox(str(len(pods))))
        seen.append(next(events).container_id)
    assert seen[0].startswith("0x")
    assert 3 <= len(seen) < 2000


@shows("S20", 'Exec = reply:set(url, "http://127.0.0.1:1/exec/gone")', "a URL that nobody answers")
def test_a_url_that_leads_nowhere(node: Node, rule: None) -> None:
    container_id = node.run(node.run_sandbox(), "sleep", "infinity")
    request = pb.ExecRequest(container_id=container_id, cmd=["sh"], stdout=True)
    assert node.runtime.Exec(request).url == "http://127.0.0.1:1/exec/gone"
