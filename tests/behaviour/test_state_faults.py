"""What clients see of what happens to the node by itself."""

import json
from io import StringIO
from typing import Any

import grpc
import pytest

from fakecri import UsageError
from fakecri.api import runtime_pb2 as pb
from tests.behaviour.steps import (
    CREATED,
    DEADLINE_EXCEEDED,
    EXITED,
    NOT_FOUND,
    NOTREADY,
    READY,
    RUNNING,
    UNKNOWN,
    all_ended,
    begin_stop,
    container,
    containers,
    exec_sync,
    heard,
    held,
    listen,
    put_image,
    sandboxes,
    still_node,
    until,
    wait,
)
from tests.support import Node, create_request, node, raises_status, sandbox_config

LOST = pb.CONTAINER_UNKNOWN


def run_one(node: Node, **fields: Any) -> tuple[str, str]:
    """Run a pod with a container that goes on; return both ids."""
    pod = node.run_sandbox(**fields)
    return pod, node.run(pod, "cat", name="app", stdin=True)


# Containers: X1, X2.


def test_a_container_exits_by_itself_and_its_event_tells(still: Node) -> None:
    _, id_ = run_one(still)
    events = listen(still)
    still.cri.state.container("web/app").exit(7)
    status = still.status(id_)
    assert (status.state, status.exit_code, status.reason) == (EXITED, 7, "Error")
    assert heard(events) == [(id_, "STOPPED")]


def test_a_container_exits_for_a_reason_of_its_own(still: Node) -> None:
    _, id_ = run_one(still)
    still.cri.state.container(id_[:12]).exit(0, "Evicted")
    status = still.status(id_)
    assert (status.exit_code, status.reason) == (0, "Evicted")


def test_what_is_due_later_happens_at_its_time(still: Node) -> None:
    _, id_ = run_one(still)
    struck = still.cri.state.after("5s").container("app").exit(3)
    at = still.cri.state.at(60).sandbox("web").die()
    wait(still, 4.9)
    assert (still.status(id_).state, struck.is_done) == (RUNNING, False)
    wait(still, 0.1)
    assert (still.status(id_).state, struck.is_done, at.is_done) == (EXITED, True, False)
    wait(still, 55)
    assert at.is_done


def test_what_finds_nothing_when_it_is_due_is_missed(face: str) -> None:
    record = StringIO()
    with still_node(face, record=record) as still:
        _, id_ = run_one(still)
        struck = still.cri.state.after(5).container("app").exit(3)
        called_off = still.cri.state.after(5).sandbox("web").die()
        called_off.cancel()
        still.stop(id_)
        wait(still, 5)
        assert (struck.is_done, called_off.is_done) == (False, False)
        assert struck.missed == f'container "{id_}" is EXITED, not RUNNING or UNKNOWN'
    told = map(json.loads, record.getvalue().splitlines())
    (missed,) = [each for each in told if each["kind"] == "state"]
    assert missed["what"] == "missed"
    assert missed["fault"] == "after 5s container app exit 3"


def test_a_fault_is_recorded_before_what_it_does(face: str) -> None:
    record = StringIO()
    with still_node(face, record=record) as still:
        pod, id_ = run_one(still)
        record.truncate(0)
        still.cri.state.container("app").exit(3)
        lines = [json.loads(each) for each in record.getvalue().lstrip("\0").splitlines()]
    kinds = [each["kind"] for each in lines]
    assert kinds == ["state", "move", "event"]
    assert lines[0] | {"n": 0, "t": 0, "v": 0} == {
        "kind": "state",
        "n": 0,
        "t": 0,
        "v": 0,
        "what": "exit",
        "fault": "container app exit 3",
        "id": id_,
        "name": "app",
        "pod": "default/web",
        "sandbox": pod,
    }


def test_a_signal_from_outside_reaches_what_handles_it(still: Node) -> None:
    pod = still.run_sandbox()
    id_ = still.run(pod, "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 1; done", name="app")
    still.cri.state.container("app").signal("SIGTERM")
    wait(still, 1)
    assert still.status(id_).exit_code == 5
    with pytest.raises(UsageError, match="SIGNONE"):
        still.cri.state.container("app").signal("SIGNONE")


@pytest.mark.parametrize(
    ("choices", "exit_code", "reason"),
    [
        ({}, 137, "OOMKilled"),
        ({"reason": ""}, 137, "Error"),
        ({"code": 143}, 143, "OOMKilled"),
        ({"code": 0}, 0, "OOMKilled"),
    ],
)
def test_runtimes_tell_of_an_oom_kill_in_their_ways(
    still: Node, choices: dict[str, Any], exit_code: int, reason: str
) -> None:
    _, id_ = run_one(still)
    still.cri.state.container("app").oom(**choices)
    status = still.status(id_)
    assert (status.exit_code, status.reason) == (exit_code, reason)


def test_an_oom_kill_of_a_child_sticks_to_a_container_that_goes_on(still: Node) -> None:
    _, id_ = run_one(still)
    still.cri.state.container("app").oom(child=True)
    assert (still.status(id_).state, still.status(id_).reason) == (RUNNING, "OOMKilled")
    still.cri.state.container("app").exit(0)
    assert (still.status(id_).exit_code, still.status(id_).reason) == (0, "OOMKilled")


# X5, X6, E9.


def test_a_lost_container_is_unknown_until_it_is_found_again(still: Node) -> None:
    _, id_ = run_one(still)
    events = listen(still)
    state = still.cri.state.container(id_)
    state.lose()
    assert still.status(id_).state == LOST
    with raises_status(UNKNOWN):
        exec_sync(still, id_, "true")
    state.recover()
    assert (still.status(id_).state, heard(events)) == (RUNNING, [])
    assert exec_sync(still, id_, "echo", "ok").stdout == b"ok\n"


def test_a_lost_container_that_ends_is_unknown_until_somebody_looks(still: Node) -> None:
    _, id_ = run_one(still)
    state = still.cri.state.container(id_)
    state.lose()
    state.exit(4)
    assert still.status(id_).state == LOST
    still.stop(id_)
    assert (still.status(id_).state, still.status(id_).exit_code) == (EXITED, 4)


def test_a_created_container_that_was_lost_is_created_again(still: Node) -> None:
    id_ = still.create(still.run_sandbox(), "cat")
    still.cri.state.container(id_).lose()
    still.cri.state.container(id_).recover()
    assert still.status(id_).state == CREATED
    still.start(id_)


def test_a_container_vanishes_as_if_somebody_had_removed_it(still: Node) -> None:
    _, id_ = run_one(still)
    events = listen(still)
    still.cri.state.container(id_).forget()
    with raises_status(NOT_FOUND):
        still.status(id_)
    assert heard(events) == [(id_, "STOPPED"), (id_, "DELETED")]
    assert held(still)[1] == set()
    still.stop(id_)
    still.remove(id_)


def test_a_container_vanishes_and_nobody_hears_of_it(still: Node) -> None:
    pod, id_ = run_one(still)
    process = container(still, id_).process
    assert process is not None
    stopping = begin_stop(still, id_, 30)
    events = listen(still)
    still.cri.state.container(id_).forget(silent=True)
    assert (containers(still), heard(events)) == ([], [])
    assert process.exited.done
    stopping.result()
    still.create(pod, "cat", name="app")


def test_an_unkillable_container_stays_until_the_client_gives_up(still: Node) -> None:
    _, id_ = run_one(still)
    state = still.cri.state.container("app")
    state.unkillable()
    pending = begin_stop(still, id_, 2, timeout=10)
    wait(still, 10)
    with raises_status(DEADLINE_EXCEEDED):
        pending.result()
    until(lambda: all_ended(still))
    assert still.status(id_).state == RUNNING
    state.killable()
    assert (still.status(id_).state, still.status(id_).exit_code) == (EXITED, 137)


# Sandboxes: X4.


def test_a_dead_sandbox_does_not_kill_its_containers(still: Node) -> None:
    pod, id_ = run_one(still)
    events = listen(still)
    still.cri.state.sandbox("web").die()
    assert heard(events) == [(pod, "STOPPED")]
    status = still.sandbox_status(pod)
    assert (status.state, status.network.ip) == (NOTREADY, "10.88.0.2")
    assert still.status(id_).state == RUNNING
    still.stop_sandbox(pod)
    assert still.status(id_).state == EXITED


def test_containers_that_share_the_pid_namespace_of_a_sandbox_die_with_it(still: Node) -> None:
    pod = still.run_sandbox()
    linux = pb.LinuxContainerConfig()
    linux.security_context.namespace_options.pid = pb.POD
    id_ = still.run(pod, "cat", stdin=True, linux=linux)
    still.cri.state.sandbox(pod).die()
    assert (still.status(id_).state, still.status(id_).exit_code) == (EXITED, 137)


@pytest.mark.parametrize("is_held", [False, True])
def test_a_sandbox_loses_its_address_and_stays_ready(still: Node, is_held: bool) -> None:
    pod, _ = run_one(still)
    still.cri.state.sandbox("default/web").drop_ip(held=is_held)
    status = still.sandbox_status(pod)
    assert (status.state, status.network.ip, status.HasField("network")) == (READY, "", True)
    assert bool(held(still)[2]) == is_held
    with pytest.raises(UsageError, match="has no address"):
        still.cri.state.sandbox("web").drop_ip()
    still.remove_sandbox(pod)
    assert held(still)[2] == []


def test_a_lost_sandbox_is_not_ready_until_it_is_found_again(still: Node) -> None:
    pod, id_ = run_one(still)
    state = still.cri.state.sandbox(pod)
    state.lose()
    assert still.sandbox_status(pod).state == NOTREADY
    with raises_status(UNKNOWN):
        still.create(pod, "cat", name="other")
    state.recover()
    assert still.sandbox_status(pod).state == READY
    state.die()
    with pytest.raises(UsageError, match="not lost, but dead"):
        state.recover()
    assert still.status(id_).state == RUNNING


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_sandbox_vanishes_with_its_containers(still: Node, is_silent: bool) -> None:
    pod, id_ = run_one(still)
    events = listen(still)
    still.cri.state.sandbox("web").forget(silent=is_silent)
    assert (sandboxes(still), containers(still), held(still)) == ([], [], (set(), set(), []))
    told = [(id_, "STOPPED"), (pod, "STOPPED"), (id_, "DELETED"), (pod, "DELETED")]
    assert heard(events) == ([] if is_silent else told)
    assert still.cri.host.world.disk.accounts.get("pods") is None


# Names.


def test_of_several_attempts_the_newest_is_meant(still: Node) -> None:
    pod, first = run_one(still)
    still.stop(first)
    second = still.run(pod, "cat", name="app", attempt=1, stdin=True)
    still.cri.state.container("app").exit(1)
    assert still.status(second).exit_code == 1


def test_a_name_in_two_pods_needs_the_pod(still: Node) -> None:
    run_one(still)
    other = still.run_sandbox("db")
    still.run(other, "cat", name="app", pod="db", stdin=True)
    with pytest.raises(UsageError, match='container "app": there are 2'):
        still.cri.state.container("app").exit(1)
    still.cri.state.container("db/app").exit(1)
    for nothing in (still.cri.state.container("x/app").lose, still.cri.state.sandbox("x").die):
        with pytest.raises(UsageError, match="there is no"):
            nothing()


# The node: X9, X10, X12, R1, R7, E5.


def test_a_stranger_s_pod_has_no_labels_and_a_container_without_a_name(still: Node) -> None:
    pod, id_ = still.cri.state.add_foreign("stray")
    status = still.status(id_)
    assert (status.state, status.metadata.name, dict(status.labels)) == (RUNNING, "", {})
    assert still.sandbox_status(pod).metadata.name == "stray"
    assert still.cri.state.after(5).add_foreign("later", container="x") == ("", "")
    wait(still, 5)
    assert len(sandboxes(still)) == 2


def conditions(still: Node) -> dict[str, tuple[bool, str, str]]:
    """Return what Status says."""
    answer = still.runtime.Status(pb.StatusRequest())
    return {
        each.type: (each.status, each.reason, each.message) for each in answer.status.conditions
    }


def test_conditions_say_what_a_test_wants(still: Node) -> None:
    true = conditions(still)
    state = still.cri.state
    state.condition("NetworkReady", False, "Flaky", "it comes and goes")
    state.condition("DiskHappy", True)
    state.drop_condition("RuntimeReady")
    said = conditions(still)
    assert said["NetworkReady"] == (False, "Flaky", "it comes and goes")
    assert said["DiskHappy"] == (True, "", "")
    assert "RuntimeReady" not in said
    for each in ("NetworkReady", "DiskHappy", "RuntimeReady"):
        state.restore_condition(each)
    assert conditions(still) == true


def test_a_condition_flaps_through_virtual_time(still: Node) -> None:
    still.cri.state.flap_condition("NetworkReady", off=5, on=10, reason="Flap")
    seen = []
    for _ in range(7):
        seen.append(conditions(still)["NetworkReady"])
        wait(still, 4)
    off, on = (False, "Flap", ""), (True, "", "")
    assert seen == [off, off, on, on, off, on, on]


def test_a_status_may_be_nil_or_empty(still: Node) -> None:
    still.cri.state.nil_status()
    assert not still.runtime.Status(pb.StatusRequest()).HasField("status")
    still.cri.state.empty_status()
    assert still.runtime.Status(pb.StatusRequest()).HasField("status")
    assert conditions(still) == {}
    still.cri.state.restore_status()
    assert "RuntimeReady" in conditions(still)


def test_a_full_disk_refuses_pods_until_it_is_cleared(still: Node) -> None:
    still.cri.state.fill_disk()
    with pytest.raises(grpc.RpcError) as refusal:
        still.run_sandbox()
    assert "no space left on device" in (refusal.value.details() or "")
    still.cri.state.clear_disk()
    still.run_sandbox()


def test_no_address_is_left_but_what_others_give_back(still: Node) -> None:
    first = still.run_sandbox("a")
    still.cri.state.exhaust_ips(leave=1)
    still.run_sandbox("b")
    with pytest.raises(grpc.RpcError) as refusal:
        still.run_sandbox("c")
    assert "no IP addresses available in range set" in (refusal.value.details() or "")
    still.stop_sandbox(first)
    still.run_sandbox("c")
    still.cri.state.restore_ips()
    still.run_sandbox("d")


def test_a_network_that_cannot_be_set_up_fails_pods(still: Node) -> None:
    still.cri.state.fail_network("plugin failed (add)")
    with pytest.raises(grpc.RpcError) as refusal:
        still.run_sandbox()
    assert (refusal.value.details() or "").endswith(": plugin failed (add)")
    still.cri.state.restore_network()
    still.run_sandbox()


def test_a_network_that_cannot_be_torn_down_fails_stops_after_the_pause_is_dead(
    still: Node,
) -> None:
    pod, id_ = run_one(still)
    still.cri.state.fail_teardown("cni del failed")
    failed = f'failed to destroy network for sandbox "{pod}": cni del failed'
    for _ in range(2):
        with raises_status(UNKNOWN, failed):
            still.stop_sandbox(pod)
    with raises_status(UNKNOWN, f'failed to forcibly stop sandbox "{pod}": {failed}'):
        still.remove_sandbox(pod)
    assert (still.sandbox_status(pod).state, still.status(id_).state) == (NOTREADY, EXITED)
    assert still.sandbox_status(pod).network.ip == "10.88.0.2"
    still.cri.state.restore_network()
    still.remove_sandbox(pod)


def test_a_pod_that_cannot_be_undone_stays_and_holds_its_name(still: Node) -> None:
    still.cri.state.fail_teardown("cni del failed")
    config = sandbox_config()
    config.linux.security_context.run_as_group.value = 1
    request = pb.RunPodSandboxRequest(config=config)
    with raises_status(UNKNOWN):
        still.runtime.RunPodSandbox(request)
    (pod,) = sandboxes(still)
    assert still.sandbox_status(pod).state == NOTREADY
    with raises_status(grpc.StatusCode.FAILED_PRECONDITION):
        still.runtime.RunPodSandbox(request)
    still.cri.state.restore_network()
    still.remove_sandbox(pod)
    assert held(still) == (set(), set(), [])


def test_the_image_of_a_running_container_disappears(still: Node) -> None:
    _, id_ = run_one(still)
    before = still.status(id_)
    still.cri.state.image("busybox").forget()
    request = pb.ImageStatusRequest(image=pb.ImageSpec(image=before.image_id))
    assert not still.images.ImageStatus(request).HasField("image")
    status = still.status(id_)
    assert (status.state, status.image_id) == (RUNNING, before.image_id)
    assert status.image.image == "busybox"


def test_an_image_half_removed_is_listed_without_names_and_of_no_use(face: str) -> None:
    with node(face) as opened:
        image_id = opened.pull()
        opened.cri.state.image("busybox").half_remove()
        (image,) = opened.images.ListImages(pb.ListImagesRequest()).images
        assert (image.id, list(image.repo_tags), list(image.repo_digests)) == (image_id, [], [])
        pod = opened.run_sandbox()
        with pytest.raises(grpc.RpcError) as refusal:
            opened.runtime.CreateContainer(create_request(pod, "cat", image=image_id))
        assert refusal.value.code() is NOT_FOUND
        assert "failed to get reader from content store" in (refusal.value.details() or "")
        assert held(opened)[1] == set()
        assert opened.pull() == image_id
        opened.create(pod, "cat", image=image_id)


def test_an_image_that_is_not_there_cannot_vanish(still: Node) -> None:
    put_image(still, "nginx")
    still.cri.state.strike("image nginx forget")
    with pytest.raises(UsageError, match='there is no image "nginx" on the node'):
        still.cri.state.strike("image nginx forget")


def test_a_line_of_text_says_itself_when_it_is_due(still: Node) -> None:
    run_one(still)
    struck = still.cri.state.strike("after 3s container app exit 1")
    still.cri.state.after(2).strike("condition NetworkReady false")
    wait(still, 2)
    assert not conditions(still)["NetworkReady"][0]
    wait(still, 1)
    assert struck.is_done
    with pytest.raises(UsageError, match="says itself when it is due"):
        still.cri.state.after(2).strike("after 3s container app exit 1")
