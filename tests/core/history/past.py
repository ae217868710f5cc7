"""Calls that were made up: when they began and ended, and how, a line each."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fakecri.core.history import History
from fakecri.core.recording import Recording

HEADER = {
    "n": 0,
    "kind": "header",
    "t": 0,
    "v": 0,
    "format": 2,
    "contract": "runtime.v1",
    "contract_version": "1.37",
    "fakecri": "0",
    "seed": 0,
    "profile": "containerd",
    "pace": "manual",
    "rules": [],
}


@dataclass(frozen=True)
class Past:
    """One call; times are seconds. It never ends where `end` is None."""

    rpc: str
    begin: float = 0
    end: float | None = 0
    request: Mapping[str, Any] | None = None
    response: Mapping[str, Any] | None = None
    error: str = ""
    timeout: float | None = None
    peer: str = "object"
    touched: tuple[str, ...] = ()


def history(*calls: Past) -> History:
    """Return the history of calls. What is at the same time is in the order given."""
    steps: list[tuple[float, dict[str, Any]]] = []
    for number, call in enumerate(calls, 1):
        steps.append((call.begin, _begin(number, call)))
        if call.end is not None:
            steps.append((max(call.begin, call.end), _end(number, call)))
    steps.sort(key=lambda step: step[0])
    lines = [HEADER] + [
        {**line, "n": n, "t": 0, "v": round(at * 1e9)} for n, (at, line) in enumerate(steps, 1)
    ]
    return Recording.parse(json.dumps(line) for line in lines).history


def _begin(number: int, call: Past) -> dict[str, Any]:
    timeout_ns = None if call.timeout is None else round(call.timeout * 1e9)
    of_call = {"kind": "call", "call": number, "rpc": call.rpc, "peer": call.peer}
    return {**of_call, "request": call.request or {}, "timeout_ns": timeout_ns}


def _end(number: int, call: Past) -> dict[str, Any]:
    line: dict[str, Any] = {"kind": "reply", "call": number, "rpc": call.rpc}
    if call.error:
        code, _, text = call.error.partition(" ")
        line["error"] = {"code": code, "text": text}
    else:
        line["response"] = call.response or {}
    return {**line, "touched": list(call.touched)} if call.touched else line


def ran(pod: str, begin: float = 0, **more: Any) -> Past:
    """Return a RunPodSandbox whose sandbox has the id `pod-id`."""
    config = {"metadata": {"name": pod, "namespace": "default", "uid": pod}}
    made = {"pod_sandbox_id": f"{pod}-id"}
    return Past("RunPodSandbox", begin, begin, {"config": config}, made, **more)


def created(pod: str, name: str, begin: float = 0, **more: Any) -> Past:
    """Return a CreateContainer whose container has the id `pod-name-id`."""
    config = {"metadata": {"name": name}, "image": {"image": "busybox"}}
    request = {"pod_sandbox_id": f"{pod}-id", "config": config}
    made = {"container_id": f"{pod}-{name}-id"}
    return Past("CreateContainer", begin, begin, request, made, **more)


def on(rpc: str, container_id: str, begin: float = 0, **more: Any) -> Past:
    """Return a call about a container."""
    return Past(rpc, begin, more.pop("end", begin), {"container_id": container_id}, **more)


def pulled(image: str, begin: float = 0, **more: Any) -> Past:
    """Return a pull."""
    request = {"image": {"image": image}}
    return Past("PullImage", begin, more.pop("end", begin), request, **more)
