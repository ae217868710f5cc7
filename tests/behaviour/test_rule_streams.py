"""What rules do to streams: their ends, and which messages come, when, and in which order."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import count, named, until, wait
from tests.support import Node, raises_status

INTERNAL, UNIMPLEMENTED = grpc.StatusCode.INTERNAL, grpc.StatusCode.UNIMPLEMENTED
ALL = ["CREATED", "STARTED", "STOPPED", "DELETED"]


def subscribers(node: Node) -> int:
    with node.cri.host.turn() as world:
        return len([each for each in world.events._subscribers if not each.gone])


@contextmanager
def events_of(node: Node) -> Iterator[Any]:
    """Subscribe to events, and wait until that has been heard."""
    before = count(node, "GetContainerEvents")
    stream = node.runtime.GetContainerEvents(pb.GetEventsRequest())
    until(lambda: count(node, "GetContainerEvents") > before)
    yield stream
    stream.cancel()


def live(node: Node, pod: str, name: str = "main") -> str:
    """Have a container live a whole life; return its id."""
    made = node.run(pod, "sleep", "999", name=name)
    node.stop(made)
    node.remove(made)
    return made


def kinds(stream: Any, number: int = 4) -> list[str]:
    """Take so many events; return their kinds."""
    return [named(next(stream))[1] for _ in range(number)]


@pytest.fixture
def pod(ready: Node) -> str:
    """Return a sandbox whose own events have been lost."""
    with events_of(ready) as stream:
        made = ready.run_sandbox()
        kinds(stream, 2)
    return made


@pytest.fixture
def five(ready: Node, pod: str) -> list[str]:
    """Return five containers, which streams send two by two."""
    with ready.cri.host.turn() as world:
        world.profile = replace(world.profile, stream_batch=2)
    return [ready.create(pod, "true", name=f"c{number}") for number in range(5)]


def streamed(node: Node) -> list[str]:
    """Return the ids of a streamed list."""
    stream = node.runtime.StreamContainers(pb.StreamContainersRequest())
    return [each.id for response in stream for each in response.containers]


# Lists.


def test_a_list_is_truncated_and_looks_complete(ready: Node, five: list[str]) -> None:
    with ready.cri.faults("StreamContainers = at 2 end(OK)"):
        assert streamed(ready) == five[:2]


def test_a_list_fails_after_some_messages(ready: Node, five: list[str]) -> None:
    stream = ready.runtime.StreamContainers(pb.StreamContainersRequest())
    with ready.cri.faults('StreamContainers = at 3 error(INTERNAL, "broken")'):
        stream = ready.runtime.StreamContainers(pb.StreamContainersRequest())
        assert [len(next(stream).containers) for _ in range(2)] == [2, 2]
        with raises_status(INTERNAL, "broken"):
            next(stream)


def test_an_error_can_stand_behind_the_last_message(ready: Node, five: list[str]) -> None:
    with ready.cri.faults("StreamContainers = at 4 end(INTERNAL, broken)"):
        stream = ready.runtime.StreamContainers(pb.StreamContainersRequest())
        assert sum(len(next(stream).containers) for _ in range(3)) == 5
        with raises_status(INTERNAL, "broken"):
            next(stream)


def test_a_list_is_not_implemented_on_first_receive(ready: Node, five: list[str]) -> None:
    with ready.cri.faults("StreamContainers = stream:error(UNIMPLEMENTED)"):
        stream = ready.runtime.StreamContainers(pb.StreamContainersRequest())
        with raises_status(UNIMPLEMENTED):
            next(stream)


@pytest.mark.parametrize(
    ("action", "seen"),
    [
        ("at 2 drop", [0, 1, 4]),
        ("drop(1)", [2, 3, 4]),
        ("drop", []),
        ("at 1 dup", [0, 1, 0, 1, 2, 3, 4]),
        ("dup(2)", [0, 1, 0, 1, 2, 3, 2, 3, 4]),
        ("at 1 reorder", [2, 3, 0, 1, 4]),
        ("reorder", [2, 3, 0, 1, 4]),
        ("at 3 reorder", [0, 1, 2, 3, 4]),
        ("at 2 omit(container=c2)", [0, 1, 3, 4]),
        ("shuffle", [1, 0, 3, 2, 4]),
        ("stream:delay(1s)", [0, 1, 2, 3, 4]),
        ("hold(ANY, 1s)", [0, 1, 2, 3, 4]),
    ],
)
def test_messages_of_a_list_are_lost_doubled_and_swapped(
    ready: Node, five: list[str], action: str, seen: list[int]
) -> None:
    with ready.cri.faults(f"StreamContainers = {action}"):
        assert streamed(ready) == [five[place] for place in seen]
    assert streamed(ready) == five


def test_a_window_is_mixed_and_loses_nothing(ready: Node, five: list[str]) -> None:
    with ready.cri.faults("StreamContainers = reorder(3)"):
        mixed = streamed(ready)
    assert mixed != five
    assert sorted(mixed) == sorted(five)


@pytest.mark.parametrize(
    ("action", "sizes"), [("split", [1] * 5), ("split(4)", [2, 2, 1]), ("at 1 split", [1, 1, 2, 1])]
)
def test_a_list_comes_in_smaller_messages(
    ready: Node, five: list[str], action: str, sizes: list[int]
) -> None:
    with ready.cri.faults(f"StreamContainers = {action}"):
        answers = list(ready.runtime.StreamContainers(pb.StreamContainersRequest()))
        assert [len(each.containers) for each in answers] == sizes
        assert streamed(ready) == five


def test_a_split_list_ends_after_so_many_items(ready: Node, five: list[str]) -> None:
    with ready.cri.faults("StreamContainers = split", "StreamContainers = at 4 end"):
        assert streamed(ready) == five[:3]


def test_a_list_that_stalls_lasts_until_its_client_goes(ready: Node, five: list[str]) -> None:
    with ready.cri.faults("StreamContainers = at 2 stall") as scope:
        stream = ready.runtime.StreamContainers(pb.StreamContainersRequest())
        assert len(next(stream).containers) == 2
        (call,) = scope.calls
        assert call.ended_n is None
        stream.cancel()
        until(lambda: call.ended_n)
    assert (len(call.messages), call.cancelled) == (1, "client")


def test_a_held_message_comes_before_the_end(ready: Node, five: list[str]) -> None:
    with ready.cri.faults("StreamContainers = at 1 hold(ANY, 10s)"):
        before_ns = ready.cri.now_ns
        assert streamed(ready) == [*five[2:], *five[:2]]
    assert ready.cri.now_ns >= before_ns + 10**10


# Events.


def test_an_event_stream_ends_at_once(ready: Node) -> None:
    with ready.cri.faults("GetContainerEvents = 2* end(OK)") as scope:
        for _ in range(2):
            assert list(ready.runtime.GetContainerEvents(pb.GetEventsRequest())) == []
        with events_of(ready) as stream:
            ready.run_sandbox()
            assert kinds(stream, 2) == ["CREATED", "STARTED"]
    assert scope.fired == 2


def test_an_event_stream_ends_after_two_events(ready: Node, pod: str) -> None:
    with (
        ready.cri.faults('GetContainerEvents = at 3 end(UNAVAILABLE, "restarting")'),
        events_of(ready) as stream,
    ):
        live(ready, pod)
        assert kinds(stream, 2) == ["CREATED", "STARTED"]
        with raises_status(grpc.StatusCode.UNAVAILABLE, "restarting"):
            next(stream)
    until(lambda: subscribers(ready) == 0)


@pytest.mark.parametrize(
    ("action", "seen"),
    [
        ("drop(STARTED)", ["CREATED", "STOPPED", "DELETED"]),
        ("on_connect drop(1)", ["STARTED", "STOPPED", "DELETED"]),
        ("dup(STOPPED)", ["CREATED", "STARTED", "STOPPED", "STOPPED", "DELETED"]),
        ("at 1 reorder", ["STARTED", "CREATED", "STOPPED", "DELETED"]),
        ("drop(ANY, 3)", ["DELETED"]),
    ],
)
def test_events_are_lost_doubled_and_swapped(
    ready: Node, pod: str, action: str, seen: list[str]
) -> None:
    with ready.cri.faults(f"GetContainerEvents = {action}"), events_of(ready) as stream:
        live(ready, pod)
        assert kinds(stream, len(seen)) == seen


def test_the_first_event_of_a_kind_is_lost(ready: Node, pod: str) -> None:
    with (
        ready.cri.faults("GetContainerEvents = drop(STARTED, 1)"),
        events_of(ready) as stream,
    ):
        first, second = (live(ready, pod, name) for name in "ab")
        seen = [named(next(stream)) for _ in range(7)]
    assert (first, "STARTED") not in seen
    assert (second, "STARTED") in seen


def test_events_of_a_kind_are_held_behind_others(still: Node) -> None:
    pod = still.run_sandbox()
    with (
        still.cri.faults("GetContainerEvents = hold(STARTED, 2s)"),
        events_of(still) as stream,
    ):
        kinds(stream, 1)
        first = still.run(pod, "sleep", "999", name="first")
        second = still.create(pod, "sleep", "999", name="second")
        assert [named(next(stream)) for _ in range(2)] == [(first, "CREATED"), (second, "CREATED")]
        wait(still, 2)
        assert [named(next(stream))[1] for _ in range(2)] == ["STARTED", "STARTED"]


def test_time_that_may_leap_leaps_to_a_held_event_and_others_pass_while_it_is_held(
    ready: Node,
) -> None:
    with (
        ready.cri.faults("GetContainerEvents = hold(STARTED, 2s)"),
        events_of(ready) as stream,
    ):
        with ready.cri.clock.hold():
            began_ns = ready.cri.now_ns
            pod = ready.run_sandbox()
            made = ready.create(pod, "sleep", "999")
            assert [named(next(stream)) for _ in range(2)] == [(pod, "CREATED"), (made, "CREATED")]
            assert ready.cri.now_ns == began_ns
        assert named(next(stream)) == (pod, "STARTED")
        assert ready.cri.now_ns == began_ns + 2 * 10**9


def test_a_stalled_event_stream_stays_open(ready: Node, pod: str) -> None:
    with (
        ready.cri.faults("GetContainerEvents = at 2 stall") as scope,
        events_of(ready) as stream,
    ):
        live(ready, pod)
        assert kinds(stream, 1) == ["CREATED"]
        (call,) = scope.calls
        assert (len(call.messages), call.ended_n) == (1, None)


def test_an_event_has_a_wrong_stamp_and_no_sandbox(ready: Node, pod: str) -> None:
    rules = (
        "GetContainerEvents = shift(created_at, -1h)",
        "GetContainerEvents = unset(pod_sandbox_status)",
        "GetContainerEvents = unset(containers_statuses)",
    )
    with ready.cri.faults(*rules), events_of(ready) as stream:
        ready.create(pod, "true")
        event = next(stream)
    assert event.created_at < ready.cri.now_ns - 3599 * 10**9
    assert not event.HasField("pod_sandbox_status")
    assert not event.containers_statuses


def test_a_slow_consumer_loses_what_does_not_fit(ready: Node, pod: str) -> None:
    with ready.cri.faults("GetContainerEvents = overflow(3)"), events_of(ready) as stream:
        with ready.cri.host.turn() as world:  # a burst, in one instant
            for number in range(8):
                world.events.publish(pb.ContainerEventResponse(container_id=str(number)))
        seen = [next(stream).container_id for _ in range(3)]
        assert seen == ["0", "1", "2"]
        after = live(ready, pod)
        while after not in seen:
            seen.append(next(stream).container_id)
    assert seen == sorted(seen, key=lambda each: (each == after, each))
    if ready.face == "object":  # where nobody takes messages meanwhile
        assert seen[3:] == [after]


def test_a_second_subscriber_starves_the_first(ready: Node, pod: str) -> None:
    with (
        ready.cri.faults("GetContainerEvents = starve"),
        events_of(ready) as first,
    ):
        live(ready, pod, "a")
        assert kinds(first) == ALL
        with events_of(ready) as second:
            live(ready, pod, "b")
            assert kinds(second) == ALL
        until(lambda: subscribers_of_rules(ready) == 1)
        after = live(ready, pod, "c")
        assert named(next(first)) == (after, "CREATED")


def subscribers_of_rules(node: Node) -> int:
    return sum(call.ended_n is None for call in node.cri.calls if call.rpc == "GetContainerEvents")


def test_a_state_is_seen_before_its_event_and_an_event_before_its_state(
    ready: Node, pod: str
) -> None:
    made = ready.create(pod, "sleep", "999")
    with ready.cri.faults("ContainerStatus = freeze(1m)"), events_of(ready) as stream:
        assert ready.status(made).state == pb.CONTAINER_CREATED
        ready.start(made)
        assert kinds(stream, 1) == ["STARTED"]
        assert ready.status(made).state == pb.CONTAINER_CREATED


def test_the_recording_has_the_messages_that_were_sent(ready: Node, five: list[str]) -> None:
    with ready.cri.faults("StreamContainers = at 2 drop") as scope:
        streamed(ready)
    (call,) = scope.calls
    assert len(call.messages) == 2
    assert [(each.phase, each.effect) for each in call.faults] == [("stream", "")]
