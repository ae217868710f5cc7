"""Hooks of containers, by exec and HTTP: when they are called, and what becomes of failures."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from fakecri.programs import Request, Response, http_server
from tests.real.kubelet_suite.manifests import await_running, box_named, pod, run_in
from tests.real.kubelet_suite.seen import calls, hear, told, waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.core.history.about import PastCall
    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

HOOKED_IMAGE = "hooks.test/web"
GRACE_S = 20
STOP_S = 2
"""How long a preStop hook takes."""


def shell(script: str) -> dict[str, Any]:
    return {"exec": {"command": ["sh", "-c", script]}}


def get(path: str, port: int = 8080) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": port}}


STARTS = {"postStart": shell("echo hooked >/tmp/started")}
STOPS = {"preStop": shell(f"sleep {STOP_S}; echo over")}
FAILS = {"postStart": shell("echo no good; exit 5")}
FAILS_TO_STOP = {"preStop": shell("exit 6")}
WEB = {"postStart": get("/started"), "preStop": get("/stopping")}
REFUSED = {"postStart": get("/started", port=8099)}
POLITE = ("sh", "-c", "trap 'exit 0' TERM; sleep 1d & wait")

PODS = [
    pod("starts", box_named("main", lifecycle=STARTS)),
    pod("starts-badly", box_named("main", *POLITE, lifecycle=FAILS), box_named("next")),
    pod("refused", box_named("main", *POLITE, lifecycle=REFUSED)),
    pod(
        "stops",
        box_named("main", *POLITE, lifecycle=STOPS),
        terminationGracePeriodSeconds=GRACE_S,
    ),
    pod("stops-badly", box_named("main", lifecycle=FAILS_TO_STOP)),
    pod("web", {"name": "main", "image": HOOKED_IMAGE, "lifecycle": WEB}),
]


@pytest.fixture(scope="module")
def asked() -> list[str]:
    """The paths that the container with HTTP hooks was asked for, by any kubelet so far."""
    return []


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode, asked: list[str]) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""

    def answer(request: Request) -> Response:
        asked.append(request.path)
        return Response(200)

    web = http_server(routes=dict.fromkeys(("/started", "/stopping"), answer))
    with ExitStack() as stack:
        stack.callback(kubelet_node.cri.register(web, image=HOOKED_IMAGE))
        stack.enter_context(kubelet_node.placed(*PODS))
        await_running(kubelet_node, "starts", "stops", "stops-badly", "web")
        yield kubelet_node


def stop(node: KubeletNode, name: str) -> PastCall:
    """Remove a pod; return the call that stops its container."""
    node.remove(name)
    (call,) = node.until(lambda: calls(node, "StopContainer", name), f"{name} to stop")
    return call


def test_a_container_runs_once_its_post_start_hook_is_done(node: KubeletNode) -> None:
    (hook,) = calls(node, "ExecSync", "starts")
    assert hook.request.timeout == 0
    assert hook.timeout_ns is None  # a kubelet waits for a hook for ever
    (start,) = calls(node, "StartContainer", "starts")
    assert start.ended_n is not None
    assert start.ended_n < hook.n
    assert run_in(node, "starts", ["cat", "/tmp/started"]) == "hooked\n"


def test_a_container_whose_post_start_hook_fails_is_killed_and_restarted(
    node: KubeletNode,
) -> None:
    message = waiting(node, "starts-badly", "main", "CrashLoopBackOff")
    assert "restarting failed container=main" in message
    assert "PostStartHook failed" in hear(node, "FailedPostStartHook", "starts-badly", "main")
    assert "FailedPostStartHook" in hear(node, "Killing", "starts-badly", "main")
    assert node.kubelet.lines('\\"main\\" with PostStartHookError')
    (line, *_) = node.kubelet.lines("Exec lifecycle hook ([sh -c echo no good; exit 5])")
    assert "exited with 5" in line.text
    assert len(calls(node, "StopContainer", "starts-badly", "main")) > 1
    # The others of the pod do not mind.
    assert len(calls(node, "CreateContainer", "starts-badly", "next")) == 1


def test_a_hook_that_cannot_connect_has_failed(node: KubeletNode) -> None:
    waiting(node, "refused", "main", "CrashLoopBackOff")
    address = (node.kubelet.pod("refused") or {})["status"]["podIP"]
    refusal = f"dial tcp {address}:8099: connect: connection refused"
    assert node.kubelet.lines(refusal)
    assert hear(node, "FailedPostStartHook", "refused")


def test_a_container_is_stopped_after_its_pre_stop_hook_with_the_grace_that_is_left(
    node: KubeletNode,
) -> None:
    stopped = stop(node, "stops")
    (hook,) = calls(node, "ExecSync", "stops")
    assert hook.response.stdout == b"over\n"
    assert hook.ended_n is not None
    assert hook.ended_n < stopped.n
    assert GRACE_S / 2 <= stopped.request.timeout <= GRACE_S - STOP_S


def test_a_pre_stop_hook_that_fails_is_told_of_and_the_container_stopped(
    node: KubeletNode,
) -> None:
    stop(node, "stops-badly")
    (hook,) = calls(node, "ExecSync", "stops-badly")
    assert hook.response.exit_code == 6
    assert hear(node, "FailedPreStopHook", "stops-badly", "main") == ["PreStopHook failed"]


def test_hooks_by_http_reach_the_pod(node: KubeletNode, asked: list[str]) -> None:
    assert asked == ["/started"]
    stop(node, "web")
    assert asked == ["/started", "/stopping"]
    assert not told(node, "FailedPreStopHook", "web")
