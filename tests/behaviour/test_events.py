"""GetContainerEvents: what is told, in which order, and to whom. Source: lifecycle 18."""

from itertools import islice
from typing import Any

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import (
    CANCELLED,
    CREATED,
    DEADLINE_EXCEEDED,
    EXITED,
    NOTREADY,
    READY,
    RUNNING,
    UNKNOWN,
    all_ended,
    crash_sandbox,
    exec_sync,
    leave,
    listen,
    named,
    still_node,
    subscribe,
    wait,
)
from tests.support import Node, raises_status


def take(stream: Any, number: int) -> list[tuple[str, str]]:
    """Return id and kind of the next events."""
    return [named(event) for event in islice(stream, number)]


def live(node: Node, pod: str) -> list[tuple[str, str]]:
    """Lead a life from a container to the end of its pod; return what is told of it."""
    made = node.run(pod, "sleep", "99")
    node.remove_sandbox(pod)
    return [
        (made, "CREATED"),
        (made, "STARTED"),
        (made, "STOPPED"),
        (pod, "STOPPED"),
        (made, "DELETED"),
        (pod, "DELETED"),
    ]


# What is told (18.1, 18.2).


def test_a_life_is_told_from_beginning_to_end(ready: Node) -> None:
    stream = subscribe(ready)
    pod = ready.run_sandbox()
    told = live(ready, pod)
    assert take(stream, 8) == [(pod, "CREATED"), (pod, "STARTED"), *told]
    leave(ready, stream)


def test_events_show_the_pod_and_all_its_containers_as_they_are(ready: Node) -> None:
    stream = subscribe(ready)
    pod = ready.run_sandbox(labels={"app": "web"})
    other = ready.create(pod, name="other")
    running = ready.run(pod, "sleep", "5")
    wait(ready, 5)
    last = ready.status(running)
    ready.remove(other)
    ready.stop_sandbox(pod)
    told = list(islice(stream, 8))
    leave(ready, stream)
    states = [
        (
            *named(event)[1:],
            event.pod_sandbox_status.state,
            [each.state for each in event.containers_statuses],
        )
        for event in told
    ]
    assert states == [
        ("CREATED", READY, []),
        ("STARTED", READY, []),
        ("CREATED", READY, [CREATED]),
        ("CREATED", READY, [CREATED, CREATED]),
        ("STARTED", READY, [CREATED, RUNNING]),
        ("STOPPED", READY, [CREATED, EXITED]),
        ("DELETED", READY, [EXITED]),
        ("STOPPED", NOTREADY, [EXITED]),
    ]
    # Statuses are those of the calls.
    assert told[5].containers_statuses[1] == last
    assert told[7].pod_sandbox_status == ready.sandbox_status(pod)
    assert {event.pod_sandbox_status.id for event in told} == {pod}
    assert [event.pod_sandbox_status.labels["app"] for event in told] == ["web"] * 8
    # The time is that of the telling, and no two are equal.
    times = [event.created_at for event in told]
    assert times == sorted(set(times))
    assert last.finished_at < told[5].created_at < last.finished_at + 10


def test_events_of_one_pod_show_nothing_of_another(ready: Node) -> None:
    pods = [ready.run_sandbox(name) for name in ("web", "db")]
    ready.create(pods[0])
    events = listen(ready)
    made = ready.create(pods[1], pod="db")
    (event,) = events.drain()
    assert event.pod_sandbox_status.id == pods[1]
    assert [each.id for each in event.containers_statuses] == [made]


def test_much_is_told_to_nobody(ready: Node) -> None:
    pod = ready.run_sandbox()
    running = ready.run(pod, "sleep", "99")
    ended = ready.run(pod, "true", name="ended")
    failing = ready.create(pod, "nosuch", name="failing")
    events = listen(ready)
    ready.pull("alpine")
    exec_sync(ready, running, "true")
    ready.runtime.Exec(pb.ExecRequest(container_id=running, cmd=["true"], stdout=True))
    ready.runtime.ReopenContainerLog(pb.ReopenContainerLogRequest(container_id=running))
    ready.runtime.UpdateContainerResources(
        pb.UpdateContainerResourcesRequest(
            container_id=running, linux=pb.LinuxContainerResources(cpu_shares=2)
        )
    )
    ready.runtime.UpdatePodSandboxResources(pb.UpdatePodSandboxResourcesRequest(pod_sandbox_id=pod))
    ready.runtime.CheckpointContainer(
        pb.CheckpointContainerRequest(container_id=running, location="/checkpoint.tar")
    )
    for id_ in (ended, failing):
        ready.stop(id_, timeout=3)
    with raises_status(UNKNOWN):
        ready.start(failing)
    with raises_status(grpc.StatusCode.FAILED_PRECONDITION):
        ready.run_sandbox()
    with raises_status(grpc.StatusCode.FAILED_PRECONDITION):
        ready.create(pod)
    ready.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image="alpine")))
    assert events.drain() == []
    ready.stop_sandbox(pod)
    events.drain()
    for _ in range(2):
        ready.stop_sandbox(pod)
        ready.stop(running)
    assert events.drain() == []


def test_a_pause_that_dies_is_told_by_the_id_of_the_sandbox(ready: Node) -> None:
    stream = subscribe(ready)
    pod = ready.run_sandbox()
    crash_sandbox(ready, pod)
    ready.stop_sandbox(pod)
    ready.remove_sandbox(pod)
    assert take(stream, 4) == [(pod, kind) for kind in ("CREATED", "STARTED", "STOPPED", "DELETED")]
    leave(ready, stream)


def test_an_oom_kill_is_told_as_an_exit(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "sleep", "99")
    events = listen(ready)
    ready.cri.oom_kill(running)
    (event,) = events.drain()
    assert event.container_event_type == pb.CONTAINER_STOPPED_EVENT
    assert event.containers_statuses[0].reason == "OOMKilled"


# To whom (18.4).


def test_who_comes_first_gets_what_was_told_to_nobody(ready: Node) -> None:
    pod = ready.run_sandbox()
    told = live(ready, pod)
    stream = subscribe(ready)
    assert take(stream, 8) == [(pod, "CREATED"), (pod, "STARTED"), *told]
    # Once.
    other = subscribe(ready)
    later = ready.run_sandbox("later")
    for each in (stream, other):
        assert take(each, 2) == [(later, "CREATED"), (later, "STARTED")]
        leave(ready, each)


def test_what_was_told_to_nobody_is_kept_for_five_minutes(ready: Node) -> None:
    ready.run_sandbox("early")
    wait(ready, 200)
    late = ready.run_sandbox("late")
    wait(ready, 200)
    stream = subscribe(ready)
    assert take(stream, 2) == [(late, "CREATED"), (late, "STARTED")]
    leave(ready, stream)


def test_nothing_is_told_of_what_is_there_already(ready: Node) -> None:
    pod = ready.run_sandbox()
    first = subscribe(ready)
    take(first, 2)
    second = subscribe(ready)
    made = ready.create(pod)
    assert take(second, 1) == [(made, "CREATED")]
    for each in (first, second):
        leave(ready, each)


def test_everybody_is_told_everything_in_the_same_order(ready: Node) -> None:
    streams = [subscribe(ready) for _ in range(3)]
    pod = ready.run_sandbox()
    told = [(pod, "CREATED"), (pod, "STARTED"), *live(ready, pod)]
    assert [take(stream, 8) for stream in streams] == [told] * 3
    for each in streams:
        leave(ready, each)


def test_who_does_not_read_holds_up_nobody(ready: Node) -> None:
    slow = subscribe(ready)
    pod = ready.run_sandbox()
    made = ready.create(pod)
    for number in range(150):
        ready.remove(ready.create(pod, name=f"c{number}"))
    kinds = [kind for _, kind in take(slow, 303)]
    assert kinds == ["CREATED", "STARTED", "CREATED", *["CREATED", "DELETED"] * 150]
    assert ready.status(made).state == CREATED
    leave(ready, slow)


def test_the_event_that_finds_everybody_gone_is_lost(ready: Node) -> None:
    leave(ready, subscribe(ready))
    pod = ready.run_sandbox()
    stream = subscribe(ready)
    # CREATED was lost, STARTED was kept.
    assert take(stream, 1) == [(pod, "STARTED")]
    leave(ready, stream)


def test_who_leaves_takes_nothing_from_who_stays(ready: Node) -> None:
    leaving, staying = subscribe(ready), subscribe(ready)
    leave(ready, leaving)
    pod = ready.run_sandbox()
    assert take(staying, 2) == [(pod, "CREATED"), (pod, "STARTED")]
    with ready.cri.host.turn() as world:
        assert len(world.events._subscribers) == 1
    leave(ready, staying)


def test_who_hangs_up_gets_no_more(ready: Node) -> None:
    stream = subscribe(ready)
    ready.run_sandbox()
    assert [kind for _, kind in take(stream, 1)] == ["CREATED"]
    leave(ready, stream)
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as refusal:
            next(stream)
        assert refusal.value.code() is CANCELLED


def test_a_stream_ends_with_the_deadline_of_its_client(face: str) -> None:
    with still_node(face) as node:
        stream = subscribe(node, timeout=60)
        pod = node.run_sandbox()
        assert take(stream, 2) == [(pod, "CREATED"), (pod, "STARTED")]
        wait(node, 60)
        with raises_status(DEADLINE_EXCEEDED):
            next(stream)
        assert all_ended(node)


def test_a_stream_that_was_left_holds_nothing(ready: Node) -> None:
    for _ in range(3):
        leave(ready, subscribe(ready))
    ready.run_sandbox()
    with ready.cri.host.turn() as world:
        assert world.events._subscribers == []
        assert world.scheduler.next_ns() is None
