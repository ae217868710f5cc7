"""Sandboxes: run, stop, remove, status. Source: lifecycle 1.4, 2.3 and 3 to 6."""

from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.addresses import AddressPool
from tests.behaviour.steps import (
    CREATED,
    EXITED,
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOT_FOUND,
    NOTREADY,
    READY,
    RUNNING,
    UNKNOWN,
    container,
    containers,
    crash_sandbox,
    heard,
    held,
    id_of,
    listen,
    sandboxes,
    wait,
)
from tests.support import LOGS, Node, refused, sandbox_config

NAME = "web_default_uid-web_0"
UNTRUSTED = {"io.kubernetes.cri.untrusted-workload": "true"}
HOST_NETWORK = pb.NamespaceOption(network=pb.NODE)


def run(node: Node, config: pb.PodSandboxConfig, runtime_handler: str = "") -> str:
    """Run a sandbox; return its id."""
    request = pb.RunPodSandboxRequest(config=config, runtime_handler=runtime_handler)
    return node.runtime.RunPodSandbox(request).pod_sandbox_id


def linux(**security: Any) -> pb.LinuxPodSandboxConfig:
    """Return the Linux part of a config."""
    return pb.LinuxPodSandboxConfig(
        security_context=pb.LinuxSandboxSecurityContext(**security),
    )


# Run: success (3.2).


def test_a_sandbox_has_a_full_id_and_is_ready_as_soon_as_it_is_seen(node: Node) -> None:
    assert sandboxes(node) == []
    pod = node.run_sandbox()
    assert pod == id_of("sandbox", 1)
    assert sandboxes(node) == [pod]
    assert node.sandbox_status(pod).state == READY


def test_a_sandbox_tells_created_then_started_when_it_is_ready(node: Node) -> None:
    events = listen(node)
    pod = node.run_sandbox()
    created, started = events.drain()
    for event, kind in ((created, "CONTAINER_CREATED_EVENT"), (started, "CONTAINER_STARTED_EVENT")):
        assert pb.ContainerEventType.Name(event.container_event_type) == kind
        assert event.container_id == event.pod_sandbox_status.id == pod
        assert event.pod_sandbox_status.state == READY
        assert event.pod_sandbox_status.network.ip == "10.88.0.2"
        assert event.containers_statuses == []
    assert created.pod_sandbox_status.created_at < created.created_at < started.created_at


def test_sandboxes_get_addresses_in_turn(node: Node) -> None:
    pods = [node.run_sandbox(f"pod-{number}") for number in range(3)]
    networks = [node.sandbox_status(each).network for each in pods]
    assert [each.ip for each in networks] == ["10.88.0.2", "10.88.0.3", "10.88.0.4"]
    assert [list(each.additional_ips) for each in networks] == [[], [], []]


def test_an_address_that_was_given_back_is_not_given_again_at_once(node: Node) -> None:
    node.remove_sandbox(node.run_sandbox("first"))
    assert node.sandbox_status(node.run_sandbox("second")).network.ip == "10.88.0.3"


def test_empty_metadata_are_a_name_like_any_other(node: Node) -> None:
    config = pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata())
    run(node, config)
    with refused(FAILED_PRECONDITION):
        run(node, config)
    assert held(node)[0] == {"___0"}


def test_created_at_of_two_sandboxes_is_never_equal(node: Node) -> None:
    # A kubelet takes the newer one for the pod's own (25).
    pods = [node.run_sandbox(f"pod-{number}") for number in range(3)]
    times = [node.sandbox_status(each).created_at for each in pods]
    assert times == sorted(set(times))


# Run: refused, with nothing left behind (3.1, 3.3).

REFUSED_RUNS = [
    pytest.param({}, {"network_error": "cni plugin not initialized"}, UNKNOWN,
        'failed to setup network for sandbox "{id}": cni plugin not initialized', id="no-cni"),
    pytest.param({"runtime_handler": "kata"}, {}, UNKNOWN,
        'unable to get OCI runtime for sandbox "{id}": no runtime for "kata" is configured',
        id="handler"),
    pytest.param({"annotations": UNTRUSTED}, {}, UNKNOWN,
        'unable to get OCI runtime for sandbox "{id}": no runtime for "untrusted" is configured',
        id="untrusted"),
    pytest.param({"annotations": UNTRUSTED, "runtime_handler": "runc"}, {}, UNKNOWN,
        'unable to get OCI runtime for sandbox "{id}": '
        "untrusted workload with explicit runtime handler is not allowed",
        id="untrusted-handler"),
    *(
        pytest.param(
            {"annotations": UNTRUSTED, "linux": linux(namespace_options=options)}, {}, UNKNOWN,
            'unable to get OCI runtime for sandbox "{id}": '
            "untrusted workload with host access is not allowed",
            id=f"untrusted-{name}",
        )
        for name, options in (
            ("network", HOST_NETWORK),
            ("pid", pb.NamespaceOption(pid=pb.NODE)),
            ("ipc", pb.NamespaceOption(ipc=pb.NODE)),
        )
    ),
    pytest.param({"linux": linux(run_as_group=pb.Int64Value(value=7))}, {}, UNKNOWN,
        'failed to start sandbox "{id}": failed to generate sandbox container spec options: '
        'failed to generate user string: user group "7" is specified without user',
        id="group"),
    pytest.param({"labels": {"key": "x" * 4094}}, {}, INVALID_ARGUMENT,
        'failed to start sandbox "{id}": failed to create containerd container: '
        "containers.Labels: label key and value length (4097 bytes) greater than maximum size "
        "(4096 bytes), key: key: invalid argument",
        id="label"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "conditions", "code", "text"), REFUSED_RUNS)
def test_a_run_that_fails_leaves_no_trace(
    node: Node, fields: dict[str, Any], conditions: dict[str, str], code: Any, text: str
) -> None:
    events = listen(node)
    with node.cri.host.turn() as world:
        for name, value in conditions.items():
            setattr(world.node, name, value)
    runtime_handler = fields.get("runtime_handler", "")
    config = sandbox_config(**{k: v for k, v in fields.items() if k != "runtime_handler"})
    with refused(code, text.format(id=id_of("sandbox", 1))):
        run(node, config, runtime_handler)
    assert sandboxes(node) == []
    assert events.drain() == []
    assert held(node) == (set(), set(), [])


def test_a_run_without_metadata_is_refused(node: Node) -> None:
    for request in (
        pb.RunPodSandboxRequest(),
        pb.RunPodSandboxRequest(config=pb.PodSandboxConfig(hostname="web")),
    ):
        with refused(UNKNOWN, "sandbox config must include metadata"):
            node.runtime.RunPodSandbox(request)


def test_a_label_may_be_as_long_as_containerd_stores(node: Node) -> None:
    labels = {"key": "x" * 4093}
    assert node.sandbox_status(node.run_sandbox(labels=labels)).labels == labels


def test_the_same_attempt_succeeds_after_it_failed(node: Node) -> None:
    with refused(UNKNOWN):
        run(node, sandbox_config(), "kata")
    pod = run(node, sandbox_config())
    assert (pod, sandboxes(node)) == (id_of("sandbox", 2), [pod])


def test_a_host_network_pod_needs_no_network(node: Node) -> None:
    with node.cri.host.turn() as world:
        world.node.network_error = "cni plugin not initialized"
    pod = node.run_sandbox(linux=linux(namespace_options=HOST_NETWORK))
    status = node.sandbox_status(pod)
    assert status.state == READY
    assert status.HasField("network")
    assert status.network == pb.PodSandboxNetworkStatus()
    assert status.linux.namespaces.options == HOST_NETWORK
    assert held(node)[2] == []


def test_a_subnet_without_a_free_address_refuses_until_one_is_given_back(node: Node) -> None:
    with node.cri.host.turn() as world:
        world.addresses = AddressPool("10.88.0.0/30")
    pod = node.run_sandbox("only")
    with refused(
        UNKNOWN,
        f'failed to setup network for sandbox "{id_of("sandbox", 2)}": plugin type="bridge" failed '
        "(add): failed to allocate for range 0: no IP addresses available in range set: "
        "10.88.0.1-10.88.0.2",
    ):
        node.run_sandbox("other")
    node.stop_sandbox(pod)
    assert node.sandbox_status(node.run_sandbox("other")).network.ip == "10.88.0.2"


# Names (1.4).


def test_a_name_is_taken_by_whoever_holds_it_ready_or_not(node: Node) -> None:
    pod = node.run_sandbox()
    text = f'failed to reserve sandbox name "{NAME}": name "{NAME}" is reserved for "{pod}"'
    for spoil in (lambda _: None, node.stop_sandbox):
        spoil(pod)
        with refused(FAILED_PRECONDITION, text):
            node.run_sandbox()
    assert sandboxes(node) == [pod]


def test_another_attempt_is_another_name(node: Node) -> None:
    pods = [node.run_sandbox(attempt=attempt) for attempt in (0, 1, 2**32 - 1)]
    assert sandboxes(node) == pods
    assert held(node)[0] == {NAME, "web_default_uid-web_1", f"web_default_uid-web_{2**32 - 1}"}


def test_a_name_is_free_when_its_sandbox_was_removed(node: Node) -> None:
    first = node.run_sandbox()
    node.remove_sandbox(first)
    assert node.run_sandbox() != first


# Status (6).


def test_a_status_shows_the_config_as_it_was_given(node: Node) -> None:
    options = pb.NamespaceOption(network=pb.POD, pid=pb.CONTAINER, ipc=pb.POD)
    config = sandbox_config(
        labels={"io.kubernetes.pod.uid": "uid-web", "ü": "\u2028"},
        annotations={"restarts": "3", "empty": ""},
        linux=linux(namespace_options=options),
    )
    before_ns = node.cri.now_ns
    pod = run(node, config, "runc")
    answer = node.runtime.PodSandboxStatus(pb.PodSandboxStatusRequest(pod_sandbox_id=pod))
    expected = pb.PodSandboxStatus(
        id=pod,
        metadata=config.metadata,
        state=READY,
        created_at=answer.status.created_at,
        network=pb.PodSandboxNetworkStatus(ip="10.88.0.2"),
        labels=config.labels,
        annotations=config.annotations,
        runtime_handler="runc",
    )
    expected.linux.namespaces.options.CopyFrom(options)
    assert answer.status == expected
    assert before_ns <= answer.status.created_at <= node.cri.now_ns + 10
    # A timestamp would make a kubelet trust the statuses, which are never there (26.20).
    assert (answer.timestamp, list(answer.containers_statuses)) == (0, [])


def test_what_the_config_left_out_stays_out(node: Node) -> None:
    status = node.sandbox_status(node.run_sandbox())
    assert status.runtime_handler == ""
    assert status.linux.HasField("namespaces")
    assert not status.linux.namespaces.HasField("options")


def test_a_status_has_info_in_both_forms(node: Node) -> None:
    pod = node.run_sandbox()
    for verbose in (False, True):
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=pod, verbose=verbose)
        assert list(node.runtime.PodSandboxStatus(request).info) == ["info"]


def test_a_sandbox_whose_pause_died_is_not_ready_and_keeps_its_address(ready: Node) -> None:
    pod = ready.run_sandbox()
    running = ready.run(pod, "sleep", "99")
    events = listen(ready)
    crash_sandbox(ready, pod)
    status = ready.sandbox_status(pod)
    assert (status.state, status.network.ip) == (NOTREADY, "10.88.0.2")
    assert sandboxes(ready, state=pb.PodSandboxStateValue(state=NOTREADY)) == [pod]
    # Its containers go on (26.12).
    assert ready.status(running).state == RUNNING
    (stopped,) = events.drain()
    assert stopped.container_id == pod
    assert stopped.container_event_type == pb.CONTAINER_STOPPED_EVENT
    assert stopped.pod_sandbox_status.state == NOTREADY
    assert stopped.pod_sandbox_status.network.ip == "10.88.0.2"
    assert [each.state for each in stopped.containers_statuses] == [RUNNING]
    ready.stop_sandbox(pod)
    assert ready.sandbox_status(pod).network.ip == ""
    assert ready.status(running).exit_code == 137
    assert heard(events) == [(running, "STOPPED")]


# Stop (4).


def test_stopping_a_sandbox_kills_what_runs_and_leaves_the_rest(ready: Node) -> None:
    pod = ready.run_sandbox(labels={"app": "web"})
    patient = ready.run(pod, "sleep", "99", name="patient")
    done = ready.run(pod, "false", name="done")
    made = ready.create(pod, "sleep", "9", name="made")
    other = ready.run(pod, "sleep", "99", name="other")
    wait(ready, 1)
    finished_ns = ready.status(done).finished_at
    events = listen(ready)
    ready.stop_sandbox(pod)
    killed = [ready.status(each) for each in (patient, other)]
    # SIGKILL at once, no stop signal; in the order of creation (25).
    assert [(each.state, each.exit_code, each.reason) for each in killed] == [
        (EXITED, 137, "Error")
    ] * 2
    assert not container(ready, patient).stop_signal_sent
    assert ready.status(made).state == CREATED
    assert (ready.status(done).exit_code, ready.status(done).finished_at) == (1, finished_ns)
    assert heard(events) == [(patient, "STOPPED"), (other, "STOPPED"), (pod, "STOPPED")]
    assert containers(ready) == [patient, done, made, other]
    status = ready.sandbox_status(pod)
    assert status.state == NOTREADY
    assert status.labels == {"app": "web"}
    assert status.HasField("network")
    assert status.network == pb.PodSandboxNetworkStatus()
    assert held(ready)[2] == []


def test_a_stop_takes_no_time(ready: Node) -> None:
    pod = ready.run_sandbox()
    ready.run(pod, "sleep", "99")
    before_ns = ready.cri.now_ns
    ready.stop_sandbox(pod)
    assert ready.cri.now_ns == before_ns


def test_the_stop_of_a_sandbox_can_be_repeated_and_tells_once(ready: Node) -> None:
    pod = ready.run_sandbox()
    events = listen(ready)
    for _ in range(3):
        ready.stop_sandbox(pod)
    (stopped,) = events.drain()
    # The address is gone by then: the stop was asked for (25).
    assert stopped.pod_sandbox_status.network == pb.PodSandboxNetworkStatus()
    assert sandboxes(ready) == [pod]


def test_a_stopped_sandbox_takes_no_address_from_its_successor(node: Node) -> None:
    with node.cri.host.turn() as world:
        world.addresses = AddressPool("10.88.0.0/30")
    first = node.run_sandbox()
    node.stop_sandbox(first)
    second = node.run_sandbox(attempt=1)
    node.stop_sandbox(first)
    node.remove_sandbox(first)
    assert node.sandbox_status(second).network.ip == "10.88.0.2"
    assert held(node)[2] == ["10.88.0.2"]


def test_the_stop_of_a_host_network_pod_makes_it_not_ready(node: Node) -> None:
    pod = node.run_sandbox(linux=linux(namespace_options=HOST_NETWORK))
    node.stop_sandbox(pod)
    status = node.sandbox_status(pod)
    assert (status.state, status.linux.namespaces.options.network) == (NOTREADY, pb.NODE)


# Remove (5).


def test_a_ready_sandbox_with_running_containers_can_be_removed(ready: Node) -> None:
    pod = ready.run_sandbox()
    running = ready.run(pod, "sleep", "99")
    made = ready.create(pod, name="made")
    events = listen(ready)
    ready.remove_sandbox(pod)
    stopped, pod_stopped, *deleted, pod_deleted = events.drain()
    assert stopped.container_id == running
    assert pod_stopped.container_id == pod
    assert [each.container_id for each in deleted] == [running, made]
    assert {each.container_event_type for each in deleted} == {pb.CONTAINER_DELETED_EVENT}
    # The sandbox can still be read in its own DELETED event, with its true time (25).
    assert pod_deleted.container_event_type == pb.CONTAINER_DELETED_EVENT
    last = pod_deleted.pod_sandbox_status
    assert (last.id, last.state) == (pod, NOTREADY)
    assert last.network == pb.PodSandboxNetworkStatus()
    assert last.created_at > 0
    assert pod_deleted.containers_statuses == []
    assert (sandboxes(ready), containers(ready)) == ([], [])
    assert held(ready) == (set(), set(), [])


def test_a_removed_sandbox_is_gone_and_its_removal_can_be_repeated(node: Node) -> None:
    pod = node.run_sandbox()
    events = listen(node)
    for _ in range(2):
        node.remove_sandbox(pod)
    node.stop_sandbox(pod)
    assert heard(events) == [(pod, "STOPPED"), (pod, "DELETED")]
    with refused(NOT_FOUND, "an error occurred when try to find sandbox: not found"):
        node.sandbox_status(pod)


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        ("starting", "container is in starting state, can't be removed"),
        ("removing", "container is already in removing state"),
    ],
)
def test_a_container_in_between_hinders_the_removal_of_its_sandbox(
    ready: Node, mark: str, text: str
) -> None:
    pod = ready.run_sandbox()
    made = ready.create(pod)
    setattr(container(ready, made), mark, True)
    with refused(
        UNKNOWN,
        f'failed to remove container "{made}": failed to set removing state for container '
        f'"{made}": {text}',
    ):
        ready.remove_sandbox(pod)
    assert ready.sandbox_status(pod).state == NOTREADY
    setattr(container(ready, made), mark, False)
    ready.remove_sandbox(pod)
    assert (sandboxes(ready), containers(ready)) == ([], [])


def test_logs_stay_when_a_sandbox_is_removed(ready: Node) -> None:
    pod = ready.run_sandbox()
    ready.run(pod, "echo", "hello")
    ready.remove_sandbox(pod)
    with ready.cri.host.turn() as world:
        assert world.files.read(f"{LOGS}/main/0.log").endswith(b" stdout F hello\n")
