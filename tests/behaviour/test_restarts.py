"""The runtime dies and comes back, and the node reboots. Source: spec lifecycle 1.1 and 21."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import grpc
import pytest

from fakecri import UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.core.clock import NO_TIME_NS
from tests.behaviour.steps import (
    CREATED,
    EXITED,
    FAILED_PRECONDITION,
    NOT_FOUND,
    NOTREADY,
    READY,
    RUNNING,
    UNKNOWN,
    all_ended,
    begin,
    begin_stop,
    container,
    containers,
    exec_sync,
    heard,
    held,
    id_of,
    is_answered,
    listen,
    put_image,
    sandboxes,
    still_node,
    until,
    wait,
)
from tests.behaviour.test_halfway import gate
from tests.support import Node, create_request, raises_status, sandbox_config

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
LOST = pb.CONTAINER_UNKNOWN
EOF_TEXT = "error reading from server: EOF"
REFUSED = "dial unix /run/containerd/containerd.sock: connect: connection refused"


def restart(still: Node, down: float = 5, **found: Any) -> None:
    """Restart the runtime, and wait until it is back and its client has seen that."""
    still.cri.restart_runtime(down, **found)
    wait(still, down)
    reconnect(still)


def reconnect(still: Node) -> None:
    """Wait until a client that was refused has tried again."""
    until(lambda: is_answered(still.runtime))


def is_early(still: Node) -> bool:
    """Whether a call gets to the runtime, which is not initialized yet."""
    with pytest.raises(grpc.RpcError) as refusal:
        still.runtime.Version(pb.VersionRequest(), wait_for_ready=True)
    assert refusal.value.code() is UNAVAILABLE
    return refusal.value.details() == "server is not initialized yet: unavailable"


def run_one(still: Node, name: str = "app", pod: str = "web") -> tuple[str, str]:
    """Run a pod with a container that goes on; return both ids."""
    pod_id = still.run_sandbox(pod)
    return pod_id, still.run(pod_id, "cat", name=name, pod=pod, stdin=True)


# How clients see it.


def test_while_the_runtime_is_down_nobody_listens(still: Node) -> None:
    still.cri.restart_runtime("5s")
    for _ in range(2):
        with pytest.raises(grpc.RpcError) as refusal:
            still.runtime.Version(pb.VersionRequest())
        assert refusal.value.code() is UNAVAILABLE
        text = refusal.value.details() or ""
        assert (REFUSED if still.face == "object" else "Connection refused") in text
    assert still.cri.calls == []
    wait(still, 5)
    reconnect(still)


def test_calls_in_flight_end_with_the_runtime_and_streams_are_cut(still: Node) -> None:
    _, id_ = run_one(still)
    pending = begin_stop(still, id_, 30)
    events = still.runtime.GetContainerEvents(pb.GetEventsRequest())
    until(lambda: any(call.rpc == "GetContainerEvents" for call in still.cri.calls))
    still.cri.restart_runtime(5)
    with raises_status(UNAVAILABLE, EOF_TEXT):
        pending.result()
    with pytest.raises(grpc.RpcError) as end:
        list(events)
    assert end.value.code() is UNAVAILABLE
    assert all_ended(still)
    assert [each.cancelled for each in still.cri.calls[-2:]] == ["closed", "closed"]
    wait(still, 5)
    reconnect(still)
    assert still.status(id_).state == RUNNING


def test_a_runtime_that_restarts_at_once_cuts_connections_all_the_same(still: Node) -> None:
    _, id_ = run_one(still)
    pending = begin_stop(still, id_, 30)
    restart(still, 0)
    with raises_status(UNAVAILABLE, EOF_TEXT):
        pending.result()
    assert still.status(id_).state == RUNNING


def test_a_late_runtime_answers_that_it_is_not_initialized(still: Node) -> None:
    _, id_ = run_one(still)
    still.cri.restart_runtime(1, init=20)
    still.cri.state.container(id_).exit(3)
    wait(still, 1)
    until(lambda: is_early(still))
    with raises_status(UNAVAILABLE, "server is not initialized yet: unavailable"):
        list(still.runtime.GetContainerEvents(pb.GetEventsRequest()))
    wait(still, 20)
    assert still.status(id_).exit_code == 3


def test_a_server_that_is_opened_while_the_runtime_is_down_opens_when_that_is_back(
    still: Node, tmp_path: Path
) -> None:
    still.cri.restart_runtime(5)
    with still.cri.serve(f"unix://{tmp_path}/s") as server, connect(server.endpoint) as channel:
        still.cri.host.settle()
        runtime = runtime_stub(channel)
        with raises_status(UNAVAILABLE):
            runtime.Version(pb.VersionRequest())
        wait(still, 5)
        until(lambda: is_answered(runtime))
    assert list(tmp_path.iterdir()) == []


def test_the_socket_of_a_runtime_that_is_down_goes_with_its_server(
    still: Node, tmp_path: Path
) -> None:
    with still.cri.serve(f"unix://{tmp_path}/s"):
        still.cri.restart_runtime(5)
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
    wait(still, 5)
    reconnect(still)


def test_a_runtime_that_is_away_does_not_go_away(still: Node) -> None:
    still.cri.restart_runtime(5)
    with pytest.raises(UsageError, match="away already"):
        still.cri.reboot_node()
    wait(still, 5)
    reconnect(still)


def test_a_restart_is_recorded(face: str) -> None:
    record = StringIO()
    with still_node(face, record=record) as still:
        restart(still, 2)
    lines = [json.loads(each) for each in record.getvalue().splitlines()]
    told = [(each["what"], each["fault"]) for each in lines if each["kind"] == "state"]
    text = "runtime restart down=2s"
    assert told == [("restart", text), ("restarted", text)]


# What is found: the rows of the table.


def test_pods_that_run_are_found_as_they_were_and_nobody_is_told(still: Node) -> None:
    pod, id_ = run_one(still)
    made = still.create(pod, "cat", name="made", stdin=True)
    before = still.sandbox_status(pod), still.status(id_), still.status(made)
    restart(still)
    assert (still.sandbox_status(pod), still.status(id_), still.status(made)) == before
    events = listen(still)
    still.start(made)
    assert exec_sync(still, id_, "echo", "ok").stdout == b"ok\n"
    still.cri.state.container("app").exit(1)
    assert heard(events) == [(made, "STARTED"), (id_, "STOPPED")]


def test_a_pause_that_died_meanwhile_is_found_dead(still: Node) -> None:
    pod, id_ = run_one(still)
    still.cri.restart_runtime(5)
    still.cri.state.sandbox("web").die()
    wait(still, 5)
    reconnect(still)
    status = still.sandbox_status(pod)
    assert (status.state, status.network.ip) == (NOTREADY, "10.88.0.2")
    assert still.status(id_).state == RUNNING


def test_an_exit_meanwhile_is_found_with_its_own_time_and_code(still: Node) -> None:
    _, id_ = run_one(still)
    began_ns = still.cri.now_ns
    still.cri.restart_runtime(5)
    still.cri.state.after(2).container("app").exit(9)
    wait(still, 5)
    reconnect(still)
    status = still.status(id_)
    assert (status.state, status.exit_code, status.reason) == (EXITED, 9, "Error")
    assert status.finished_at - began_ns == pytest.approx(2 * 10**9, abs=1000)
    assert heard(listen(still)) == []


def test_that_it_was_for_memory_is_not_found_unless_it_was_stored(still: Node) -> None:
    pod, stored = run_one(still, "stored")
    other = still.run(pod, "cat", name="other", stdin=True)
    still.cri.state.container(stored).oom(child=True)
    still.cri.restart_runtime(5)
    still.cri.state.container(stored).exit(137)
    still.cri.state.container(other).oom()
    wait(still, 5)
    reconnect(still)
    assert still.status(stored).reason == "OOMKilled"
    assert (still.status(other).reason, still.status(other).exit_code) == ("Error", 137)


def test_containers_without_a_task_are_found_dead_now(still: Node) -> None:
    pod, id_ = run_one(still)
    made = still.create(pod, "cat", name="made")
    restart(still, keep="dead")
    status = still.status(id_)
    assert (status.state, status.exit_code, status.reason) == (EXITED, 255, "Unknown")
    assert status.finished_at >= still.cri.now_ns
    assert still.sandbox_status(pod).state == NOTREADY
    assert still.status(made).state == CREATED


def test_what_does_not_answer_is_unknown_and_can_be_stopped(still: Node) -> None:
    _, id_ = run_one(still)
    before = still.status(id_)
    restart(still, keep="unknown")
    status = still.status(id_)
    assert (status.state, status.started_at) == (LOST, before.started_at)
    with raises_status(UNKNOWN):
        exec_sync(still, id_, "true")
    still.stop(id_)
    assert (still.status(id_).state, still.status(id_).exit_code) == (EXITED, 137)


def test_an_unknown_container_is_known_again_after_another_restart(still: Node) -> None:
    pod, id_ = run_one(still)
    restart(still, keep="unknown", unknown=["web"])
    assert still.sandbox_status(pod).state == NOTREADY
    restart(still)
    assert (still.status(id_).state, still.sandbox_status(pod).state) == (RUNNING, READY)


@pytest.mark.parametrize("what", ["unreadable", "zeroed"])
def test_a_status_that_cannot_be_read_is_lost_for_good(still: Node, what: str) -> None:
    _, id_ = run_one(still)
    before = still.status(id_)
    restart(still, 5, **{what: ["web/app"]})
    for _ in range(2):
        status = still.status(id_)
        assert (status.state, status.exit_code, status.reason) == (LOST, 255, "Unknown")
        assert (status.started_at, status.finished_at) == (0, 0)
        assert status.created_at == (0 if what == "zeroed" else before.created_at)
        restart(still)
    still.remove(id_)


def test_what_has_lost_its_metadata_is_not_there_and_its_name_is_free(still: Node) -> None:
    pod, id_ = run_one(still)
    restart(still, lost=["web/app"])
    with raises_status(NOT_FOUND):
        still.status(id_)
    assert still.run(pod, "cat", name="app", stdin=True) != id_


def test_a_pod_that_has_lost_its_metadata_leaves_orphans(still: Node) -> None:
    _, id_ = run_one(still)
    restart(still, lost=["web"])
    assert (sandboxes(still), containers(still)) == ([], [id_])
    still.remove(id_)
    still.run_sandbox()


def test_names_of_what_is_lost_may_stay_reserved(still: Node) -> None:
    pod, _ = run_one(still)
    restart(still, keep="none", leak_names=True)
    assert (sandboxes(still), containers(still)) == ([], [])
    with raises_status(FAILED_PRECONDITION):
        still.run_sandbox()
    still.remove_sandbox(pod)
    restart(still)
    still.run_sandbox()


def test_nothing_is_left_of_what_nothing_is_known(still: Node) -> None:
    _, id_ = run_one(still)
    process = container(still, id_).process
    assert process is not None
    restart(still, keep="none")
    assert (sandboxes(still), containers(still), held(still)) == ([], [], (set(), set(), []))
    assert process.exited.done
    run_one(still)


def test_a_start_that_was_not_stored_is_found_now(still: Node) -> None:
    pod = still.run_sandbox()
    id_ = still.create(pod, "cat", name="app", stdin=True)
    restart(still, started=["app"])
    status = still.status(id_)
    assert status.state == RUNNING
    assert status.started_at >= still.cri.now_ns


def test_a_restart_names_what_is_there(still: Node) -> None:
    with pytest.raises(UsageError, match='no container and no pod sandbox "app"'):
        still.cri.restart_runtime(lost=["app"])
    assert still.cri.host.world.outage is None


# What is lost with the memory.


def test_the_backlog_of_events_is_lost(still: Node) -> None:
    run_one(still)
    restart(still)
    with still.cri.host.turn() as world:
        assert world.events.subscribe().drain() == []


def test_the_mark_of_a_stop_signal_is_lost_so_that_it_is_sent_again(still: Node) -> None:
    pod = still.run_sandbox()
    script = "n=0; trap 'n=$((n+1)); [ $n = 2 ] && exit 42' TERM; while :; do sleep 1; done"
    id_ = still.run(pod, "sh", "-c", script, name="app")
    wait(still, 1)
    begin_stop(still, id_, 100)
    wait(still, 1)
    restart(still, 1)
    pending = begin_stop(still, id_, 100)
    wait(still, 2)
    pending.result()
    assert still.status(id_).exit_code == 42


def test_the_urls_of_execs_are_lost(still: Node) -> None:
    _, id_ = run_one(still)
    request = pb.ExecRequest(container_id=id_, cmd=["true"], stdout=True)
    token = still.runtime.Exec(request).url.rpartition("/")[2]
    restart(still)
    with still.cri.host.turn() as world:
        assert world.tokens.consume(token) is None


def test_an_exec_goes_on_without_the_runtime(still: Node) -> None:
    _, id_ = run_one(still)
    pending = begin(still, "ExecSync", pb.ExecSyncRequest(container_id=id_, cmd=["sleep", "9"]))
    (process,) = container(still, id_).execs
    restart(still, 5)
    with raises_status(UNAVAILABLE, EOF_TEXT):
        pending.result()
    assert not process.exited.done
    wait(still, 4)
    assert process.exited.result() == 0
    assert container(still, id_).execs == []


def test_a_sandbox_cut_off_half_way_is_found_without_a_name_or_a_time(still: Node) -> None:
    request = pb.RunPodSandboxRequest(config=sandbox_config())
    with gate(still, "RunPodSandbox"):
        pending = begin(still, "RunPodSandbox", request)
        still.cri.restart_runtime(5)
    with raises_status(UNAVAILABLE, EOF_TEXT):
        pending.result()
    wait(still, 5)
    reconnect(still)
    (item,) = still.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert (item.id, item.state, item.created_at) == (id_of("sandbox", 1), NOTREADY, NO_TIME_NS)
    other = still.runtime.RunPodSandbox(request).pod_sandbox_id
    still.remove_sandbox(item.id)
    assert sandboxes(still) == [other]
    assert held(still)[0] == {"web_default_uid-web_0"}


def test_a_container_cut_off_half_way_leaves_no_trace(still: Node) -> None:
    request = create_request(still.run_sandbox(), "cat")
    with gate(still, "CreateContainer"):
        begin(still, "CreateContainer", request)
        restart(still)
    assert (containers(still), held(still)[1]) == ([], set())
    still.runtime.CreateContainer(request)


def test_a_start_and_a_removal_cut_off_half_way_can_be_made_again(still: Node) -> None:
    id_ = still.create(still.run_sandbox(), "cat", name="app", stdin=True)
    with gate(still, "StartContainer"):
        begin(still, "StartContainer", pb.StartContainerRequest(container_id=id_))
        restart(still)
    assert still.status(id_).state == CREATED
    with gate(still, "RemoveContainer"):
        begin(still, "RemoveContainer", pb.RemoveContainerRequest(container_id=id_))
        restart(still)
    still.start(id_)


# A reboot.


@pytest.mark.parametrize(
    ("exit_code", "reason"), [(255, "Unknown"), (137, "Error"), (0, "Completed")]
)
def test_after_a_reboot_nothing_runs_and_images_are_there(
    still: Node, exit_code: int, reason: str
) -> None:
    pod, id_ = run_one(still)
    made = still.create(pod, "cat", name="made")
    boot_id = exec_sync(still, id_, "cat", "/proc/sys/kernel/random/boot_id").stdout
    went_ns = still.cri.now_ns
    still.cri.reboot_node(30, exit_code=exit_code)
    wait(still, 30)
    reconnect(still)
    status, sandbox = still.status(id_), still.sandbox_status(pod)
    assert (status.state, status.exit_code, status.reason) == (EXITED, exit_code, reason)
    assert (status.finished_at - went_ns >= 30 * 10**9) == (exit_code == 255)
    assert (sandbox.state, sandbox.network.ip) == (NOTREADY, "")
    assert still.status(made).state == CREATED
    assert held(still)[2] == []
    again = still.run_sandbox(attempt=1)
    new = still.run(again, "cat", name="app", attempt=1, stdin=True)
    assert exec_sync(still, new, "cat", "/proc/sys/kernel/random/boot_id").stdout != boot_id


def test_the_clock_is_wrong_for_a_while_after_a_reboot(still: Node) -> None:
    _, id_ = run_one(still)
    before_ns, day_ns = still.cri.now_ns, 86_400 * 10**9
    still.cri.reboot_node(10, clock="-320d", clock_for="1m")
    wait(still, 10)
    reconnect(still)
    status = still.status(id_)
    assert before_ns - status.finished_at > 319 * day_ns
    assert status.finished_at < status.started_at
    wait(still, 60)
    assert still.cri.now_ns == before_ns + 70 * 10**9


def test_the_clock_may_show_the_beginning_of_time(still: Node) -> None:
    still.cri.reboot_node(clock="1970-01-01", clock_for=0)
    reconnect(still)
    assert still.cri.now_ns == 0
    wait(still, 120)
    assert still.cri.now_ns == 120 * 10**9


def test_what_was_due_happens_after_the_reboot(still: Node) -> None:
    put_image(still, "nginx")
    still.cri.state.after(60).image("nginx").forget()
    still.cri.reboot_node(30)
    wait(still, 60)
    reconnect(still)
    with still.cri.host.turn() as world:
        assert world.images.resolve("nginx") is None
