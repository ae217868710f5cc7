"""Probes of a real kubelet, by exec, HTTP, TCP and gRPC, that pass, fail and recover."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from fakecri import Code
from fakecri.core.net.grpc_health import ServingStatus, serve_statuses
from fakecri.programs import http_server
from tests.real.kubelet_suite.manifests import await_running, box, pod
from tests.real.kubelet_suite.seen import calls, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fakecri.core.processes import Process
    from fakecri.core.scheduler import Waits
    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

SWITCH = "/switch/on"
"""A file of the machine, which a test makes and removes: while it is there, probes pass."""
OFTEN = {"periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 60}
HASTY = {**OFTEN, "timeoutSeconds": 1}
LOOK = ["cat", SWITCH]
TCP_IMAGE = "probes.test/tcp"
GRPC_IMAGE = "probes.test/grpc"
SLOW_IMAGE = "probes.test/slow"

KINDS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "exec": (
        box(),
        {"exec": {"command": LOOK}},
        f"cat: can't open '{SWITCH}': No such file or directory\n",
    ),
    "http": (
        box(
            *("httpd", "-f", "-p", "8080", "-h", "/switch"),
            ports=[{"name": "web", "containerPort": 8080}],
        ),
        {"httpGet": {"path": "/on", "port": "web"}},
        "HTTP probe failed with statuscode: 404",
    ),
    "tcp": (
        {"name": "main", "image": TCP_IMAGE},
        {"tcpSocket": {"port": 7000}},
        "dial tcp ADDRESS:7000: connect: connection refused",
    ),
    "grpc": (
        {"name": "main", "image": GRPC_IMAGE},
        {"grpc": {"port": 5000, "service": "db"}},
        'service unhealthy (responded with "NOT_SERVING")',
    ),
}
"""By the kind of a probe: a container, its probe, and what is said of one that fails."""
READY = {f"ready-{kind}": kind for kind in KINDS}
LIVE = {f"live-{kind}": kind for kind in KINDS}
PASSES_AGAIN = {"lifecycle": {"postStart": {"exec": {"command": ["touch", SWITCH]}}}}
"""Each life of a container turns its switch on, so that one life alone comes to a bad end."""


def gate(process: Process) -> Waits[int]:
    """A server that listens while the switch is on."""
    listener = None
    while True:
        if listener is None and process.files.exists(SWITCH):
            listener = process.listen(7000)
        elif listener is not None and not process.files.exists(SWITCH):
            listener.close()
            listener = None
        yield from process.sleep(0.1)


def health(process: Process) -> Waits[int]:
    """A server whose health is good while the switch is on."""

    def status(service: str) -> ServingStatus | None:
        if service != "db":
            return None
        is_on = process.files.exists(SWITCH)
        return ServingStatus.SERVING if is_on else ServingStatus.NOT_SERVING

    yield from serve_statuses(process, process.listen(5000), status)
    return 0


PROGRAMS = {
    TCP_IMAGE: gate,
    GRPC_IMAGE: health,
    SLOW_IMAGE: http_server(8080, delay_s=9),
}


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""
    with ExitStack() as stack:
        for image, program in PROGRAMS.items():
            stack.callback(kubelet_node.cri.register(program, image=image))
        stack.enter_context(kubelet_node.placed(*pods_of(kubelet_node)))
        yield kubelet_node


def pods_of(node: KubeletNode) -> Iterator[dict[str, Any]]:
    for name, kind in READY.items():
        container, probe, _ = KINDS[kind]
        yield switched(node, name, {**container, "readinessProbe": {**probe, **OFTEN}})
    for name, kind in LIVE.items():
        container, probe, _ = KINDS[kind]
        # It may take a moment until it listens.
        starts = {"startupProbe": {**probe, **OFTEN, "failureThreshold": 1000}, **PASSES_AGAIN}
        yield switched(node, name, {**container, "livenessProbe": {**probe, **OFTEN}, **starts})
    starting = {"exec": {"command": LOOK}, **OFTEN}
    yield switched(
        node,
        "starting",
        box(
            startupProbe={**starting, "failureThreshold": 1000},
            readinessProbe={"exec": {"command": ["echo", "readiness"]}, **OFTEN},
            livenessProbe={"exec": {"command": ["echo", "liveness"]}, **OFTEN},
        ),
    )
    yield switched(node, "never-starting", box(startupProbe={**starting, "failureThreshold": 2}))
    yield pod("slow-exec", box(livenessProbe={"exec": {"command": ["sleep", "9"]}, **HASTY}))
    asking = {"httpGet": {"path": "/healthz", "port": 8080}, **HASTY}
    yield pod("slow-http", {"name": "main", "image": SLOW_IMAGE, "readinessProbe": asking})


def switched(node: KubeletNode, name: str, container: dict[str, Any]) -> dict[str, Any]:
    directory = switch_of(node, name).parent
    directory.mkdir(parents=True, exist_ok=True)
    return pod(
        name,
        {**container, "volumeMounts": [{"name": "switch", "mountPath": "/switch"}]},
        volumes=[{"name": "switch", "hostPath": {"path": str(directory)}}],
    )


def switch_of(node: KubeletNode, name: str) -> Path:
    return node.directory / "switches" / name / "on"


def turn(node: KubeletNode, name: str, *, on: bool) -> None:
    """Let the probes of a pod pass, or fail."""
    switch = switch_of(node, name)
    switch.parent.mkdir(parents=True, exist_ok=True)
    if on:
        switch.touch()
    else:
        switch.unlink()


def passed(node: KubeletNode, name: str) -> float:
    """How many liveness probes of a pod have passed."""
    return node.kubelet.metrics("/metrics/probes").total(
        "prober_probe_total",
        probe_type="Liveness",
        result="successful",
        pod=f"{name}-{node.kubelet.name}",
    )


def failure(node: KubeletNode, name: str, kind: str) -> str:
    """What is said of a probe that fails."""
    address = (node.kubelet.pod(name) or {}).get("status", {}).get("podIP", "")
    return KINDS[kind][2].replace("ADDRESS", address)


def test_a_pod_is_ready_and_is_not_as_its_probe_says(node: KubeletNode) -> None:
    await_running(node, *READY)
    await_readiness(node, expected=False)
    for is_good in (True, False, True):
        for name in READY:
            turn(node, name, on=is_good)
        await_readiness(node, expected=is_good)
    for name, kind in READY.items():
        expected = f"Readiness probe failed: {failure(node, name, kind)}"
        assert expected in told(node, "Unhealthy", name)
        # Who is not ready is left alone.
        assert restarts_of(node, name) == 0


def await_readiness(node: KubeletNode, *, expected: bool) -> None:
    node.until(
        lambda: {is_ready(node, each) for each in READY} == {expected},
        f"{', '.join(READY)} to be ready: {expected}",
    )


def is_ready(node: KubeletNode, name: str) -> bool:
    return bool(node.kubelet.container(name, "main").get("ready", False))


def test_a_container_that_is_not_alive_is_restarted_and_left_alone_once_it_is(
    node: KubeletNode,
) -> None:
    for name in LIVE:
        await_passes(node, name, 1)
    for name in LIVE:
        turn(node, name, on=False)
    for name, kind in LIVE.items():
        await_told(node, "Killing", name)
        await_restart(node, name)
        await_passes(node, name, passed(node, name) + 2)
        assert restarts_of(node, name) == 1
        assert told(node, "Killing", name) == [
            "Container main failed liveness probe, will be restarted"
        ]
        expected = f"Liveness probe failed: {failure(node, name, kind)}"
        assert expected in told(node, "Unhealthy", name)


def await_passes(node: KubeletNode, name: str, count: float) -> None:
    node.until(lambda: passed(node, name) >= count, f"{count} probes of {name} to pass")


def await_told(node: KubeletNode, reason: str, name: str) -> None:
    node.until(lambda: told(node, reason, name), f"{reason} of {name}")


def await_restart(node: KubeletNode, name: str) -> None:
    node.until(lambda: restarts_of(node, name), f"{name} to be restarted")


def restarts_of(node: KubeletNode, name: str) -> int:
    return int(node.kubelet.container(name, "main").get("restartCount", 0))


def test_a_startup_probe_holds_back_the_others(node: KubeletNode) -> None:
    await_running(node, "starting")
    await_told(node, "Unhealthy", "starting")
    assert not node.kubelet.container("starting", "main")["started"]
    turn(node, "starting", on=True)
    node.until(lambda: is_ready(node, "starting"), "the pod to be ready")
    await_passes(node, "starting", 1)
    assert node.kubelet.container("starting", "main")["started"]
    probes = calls(node, "ExecSync", "starting")
    looks = [each for each in probes if each.request.cmd == LOOK]
    others = [each for each in probes if each.request.cmd != LOOK]
    # The others begin when one has passed, and it was the last one that could fail.
    first_pass = next(each for each in looks if each.response.exit_code == 0)
    assert 0 < (first_pass.ended_n or 0) < min(each.n for each in others)
    codes = [each.response.exit_code for each in looks]
    assert codes == sorted(codes, reverse=True)
    assert {each.request.cmd[-1] for each in others} == {"readiness", "liveness"}


def test_a_container_that_never_starts_is_restarted(node: KubeletNode) -> None:
    await_restart(node, "never-starting")
    assert told(node, "Killing", "never-starting")[0] == (
        "Container main failed startup probe, will be restarted"
    )


def test_an_exec_that_takes_too_long_has_failed(node: KubeletNode) -> None:
    await_restart(node, "slow-exec")
    expected = 'Liveness probe failed: command timed out: "sleep 9" timed out after 1s'
    assert expected in told(node, "Unhealthy", "slow-exec")
    call = node.cri.history.select("ExecSync", pod=f"slow-exec-{node.kubelet.name}")[0]
    assert call.request.timeout == 1
    assert call.error is not None
    assert call.error.code is Code.DEADLINE_EXCEEDED


def test_an_answer_that_takes_too_long_has_failed(node: KubeletNode) -> None:
    await_told(node, "Unhealthy", "slow-http")
    assert "Client.Timeout exceeded" in told(node, "Unhealthy", "slow-http")[0]
