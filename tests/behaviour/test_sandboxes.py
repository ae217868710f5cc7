"""Sandboxes: run, stop, remove, status. Source: lifecycle 1.4, 2.3 and 3 to 6."""

from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.addresses import AddressPool
from tests.behaviour.configs import mapped, pod_linux, userns
from tests.behaviour.steps import (
    FAILED_PRECONDITION,
    INVALID_ARGUMENT,
    NOTREADY,
    READY,
    RUNNING,
    UNKNOWN,
    crash_sandbox,
    heard,
    held,
    id_of,
    listen,
    sandboxes,
)
from tests.support import Node, raises_status, sandbox_config

NAME = "web_default_uid-web_0"
UNTRUSTED = {"io.kubernetes.cri.untrusted-workload": "true"}
HOST_NETWORK = pb.NamespaceOption(network=pb.NODE)


def run(node: Node, config: pb.PodSandboxConfig, runtime_handler: str = "") -> str:
    """Run a sandbox; return its id."""
    request = pb.RunPodSandboxRequest(config=config, runtime_handler=runtime_handler)
    return node.runtime.RunPodSandbox(request).pod_sandbox_id


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
    with raises_status(FAILED_PRECONDITION):
        run(node, config)
    assert held(node)[0] == {"___0"}


def test_created_at_of_two_sandboxes_is_never_equal(node: Node) -> None:
    # A kubelet takes the newer one for the pod's own (25).
    pods = [node.run_sandbox(f"pod-{number}") for number in range(3)]
    times = [node.sandbox_status(each).created_at for each in pods]
    assert times == sorted(set(times))


def test_the_pause_image_is_the_runtimes_own_affair(node: Node) -> None:
    pause = pb.ImageSpec(image="registry.k8s.io/pause:3.10.2")

    def is_there() -> bool:
        return node.images.ImageStatus(pb.ImageStatusRequest(image=pause)).HasField("image")

    assert not is_there()
    for name in ("web", "db"):
        node.run_sandbox(name)
        assert is_there()
        node.images.RemoveImage(pb.RemoveImageRequest(image=pause))


# Run: refused, with nothing left behind (3.1, 3.3).

ROOT, NOT_ROOT = pb.IDMapping(length=5), pb.IDMapping(container_id=1, length=5)
WRONG = "user namespace configuration: "
MODE = WRONG + 'unsupported user namespace mode: "{}"'
LINES = WRONG + "{} mapping: only one mapping line supported, got 2 mapping lines"
MAPPED = (
    'can\'t use user namespace mode "NODE" with mappings. Got 0 UID mappings and 1 GID mappings'
)
PINNED = "failed to pin user namespace: failed to open netns(): open : no such file or directory"
NOT_IN_A_SPEC = {
    "userns-of-a-container": (userns(pb.CONTAINER), MODE.format("CONTAINER")),
    "userns-of-a-target": (userns(pb.TARGET, 1, 1), MODE.format("TARGET")),
    "userns-of-no-mode": (userns(7), MODE.format(7)),
    "mapped-node": (userns(pb.NODE, 0, 1), WRONG + MAPPED),
    "two-uid-mappings": (userns(pb.CONTAINER, 2, 1), LINES.format("UID")),
    "two-gid-mappings": (userns(pb.POD, 1, 2, network=pb.NODE), LINES.format("GID")),
    "mapped-on-the-host-network": (userns(pb.POD, 1, 1, network=pb.NODE), PINNED),
}
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
            {"annotations": UNTRUSTED, "linux": pod_linux(namespace_options=options)}, {}, UNKNOWN,
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
    pytest.param({"linux": pod_linux(namespace_options=userns(pb.POD))}, {}, UNKNOWN,
        'failed to create network namespace for sandbox "{id}": '
        "required only one uid mapping, but got 0 uid mapping(s)", id="no-mapping"),
    pytest.param({"linux": pod_linux(namespace_options=userns(pb.POD, 1, 2))}, {}, UNKNOWN,
        'failed to create network namespace for sandbox "{id}": '
        "required only one gid mapping, but got 2 gid mapping(s)", id="two-mappings"),
    *(
        pytest.param({"linux": pod_linux(namespace_options=mapped(mapping))}, {}, UNKNOWN,
            'failed to create network namespace for sandbox "{id}": failed to start noop process '
            "for unshare: fork/exec /proc/self/exe: invalid argument", id=name)
        for name, mapping in (
            ("no-ids", pb.IDMapping(host_id=1000)),
            ("host-id-after-the-last", pb.IDMapping(host_id=2**32 - 6, length=6)),
            ("id-after-the-last", pb.IDMapping(container_id=2**32 - 6, length=6)),
        )
    ),
    *(
        pytest.param({"linux": pod_linux(namespace_options=options)}, {}, UNKNOWN,
            'failed to start sandbox "{id}": failed to generate sandbox container spec: ' + text,
            id=name)
        for name, (options, text) in NOT_IN_A_SPEC.items()
    ),
    pytest.param({"linux": pod_linux(namespace_options=mapped(NOT_ROOT))}, {}, UNKNOWN,
        'failed to start sandbox "{id}": failed to create containerd task: failed to create shim '
        "task: OCI runtime create failed: runc create failed: user namespaces enabled, but no "
        "mapping found for uid 0: unknown", id="nobody-is-root"),
    pytest.param({"linux": pod_linux(namespace_options=mapped(ROOT, NOT_ROOT))}, {}, UNKNOWN,
        'failed to start sandbox "{id}": failed to create containerd task: failed to create shim '
        "task: OCI runtime create failed: runc create failed: user namespaces enabled, but no "
        "mapping found for gid 0: unknown", id="nobody-is-in-the-group-of-root"),
    pytest.param({"linux": pod_linux(run_as_group=7)}, {}, UNKNOWN,
        'failed to start sandbox "{id}": failed to generate sandbox container spec options: '
        'failed to generate user string: user group "7" is specified without user',
        id="group"),
    pytest.param({"labels": {"key": "x" * 4094}}, {}, INVALID_ARGUMENT,
        'failed to start sandbox "{id}": failed to create containerd container: '
        "create container failed validation: "
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
    with raises_status(code, text.format(id=id_of("sandbox", 1))):
        run(node, config, runtime_handler)
    assert sandboxes(node) == []
    assert events.drain() == []
    assert held(node) == (set(), set(), [])


def test_a_run_without_metadata_is_refused(node: Node) -> None:
    for request in (
        pb.RunPodSandboxRequest(),
        pb.RunPodSandboxRequest(config=pb.PodSandboxConfig(hostname="web")),
    ):
        with raises_status(UNKNOWN, "sandbox config must include metadata"):
            node.runtime.RunPodSandbox(request)


def test_a_label_may_be_as_long_as_containerd_stores(node: Node) -> None:
    labels = {"key": "x" * 4093}
    assert node.sandbox_status(node.run_sandbox(labels=labels)).labels == labels


def test_the_same_attempt_succeeds_after_it_failed(node: Node) -> None:
    with raises_status(UNKNOWN):
        run(node, sandbox_config(), "kata")
    pod = run(node, sandbox_config())
    assert (pod, sandboxes(node)) == (id_of("sandbox", 2), [pod])


def test_a_host_network_pod_needs_no_network(node: Node) -> None:
    with node.cri.host.turn() as world:
        world.node.network_error = "cni plugin not initialized"
    pod = node.run_sandbox(linux=pod_linux(namespace_options=HOST_NETWORK))
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
    with raises_status(
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
        with raises_status(FAILED_PRECONDITION, text):
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
        linux=pod_linux(namespace_options=options),
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
