"""Requests as a sequence writes them, made into what goes to one runtime."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message

from fakecri.errors import UsageError
from fakecri.rpcs import RPCS
from fakecri.verify.sequences import Step

LABEL = "fakecri.verify"
"""The label of all that is made, with the name of the run."""
NAMESPACE = "verify"
NOBODY = "dead" * 16
"""An id that nothing has."""

_NAME = re.compile(r"<([a-z][a-z0-9]*)(?:\[:(\d+)\])?>")


@dataclass(frozen=True)
class Run:
    """What is the same for all that is played on one runtime."""

    name: str
    """Unlike that of all other runs: what is made is found by it."""
    image: str
    logs: str
    cgroup_parent: str = ""
    runtime_handler: str = ""


def bound(value: Any, find: Callable[[str], str]) -> Any:
    """Return a value with what names stand for in their places."""
    if isinstance(value, Mapping):
        return {bound(key, find): bound(each, find) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [bound(each, find) for each in value]
    if isinstance(value, str):
        return _NAME.sub(lambda match: _cut(find(match[1]), match[2]), value)
    return value


def _cut(text: str, length: str | None) -> str:
    return text if length is None else text[: int(length)]


def names_in(text: str) -> list[str]:
    """Return the names that a text of a request mentions."""
    return [match[1] for match in _NAME.finditer(text)]


def build(step: Step, fields: Mapping[str, Any]) -> Message:
    """Return the message of a step. UsageError for fields that its RPC does not have."""
    try:
        message: Message = ParseDict(dict(fields), RPCS[step.act].request())
    except ParseError as error:
        raise UsageError(f"{step.text}: {error}") from error
    return message


def completed(step: Step, run: Run, pods: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the request of a step with what a kubelet would add. `pods`: configs by name."""
    if step.bare:
        return step.request
    if step.act == "RunPodSandbox":
        return _run_pod_sandbox(step, run)
    return _create_container(step, run, pods) if step.act == "CreateContainer" else step.request


def _run_pod_sandbox(step: Step, run: Run) -> Mapping[str, Any]:
    added: dict[str, Any] = {"config": pod_config(step.name or "p", run)}
    if run.runtime_handler:
        added["runtime_handler"] = run.runtime_handler
    return _merged(added, step.request)


def pod_config(name: str, run: Run) -> dict[str, Any]:
    """Return the config of a pod."""
    config = {
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": run.name},
        "log_directory": f"{run.logs}/{name}",
        "labels": {LABEL: run.name},
    }
    return config | ({"linux": {"cgroup_parent": run.cgroup_parent}} if run.cgroup_parent else {})


def _create_container(step: Step, run: Run, pods: Mapping[str, Any]) -> Mapping[str, Any]:
    name = step.name or "c"
    pod = next(iter(names_in(str(step.request.get("pod_sandbox_id", "")))), "p")
    config = {
        "metadata": {"name": name},
        "image": {"image": run.image},
        "labels": {LABEL: run.name},
        "log_path": f"{name}.log",
        # As a kubelet asks for it, unless a pod shares its processes.
        "linux": {"security_context": {"namespace_options": {"pid": "CONTAINER"}}},
    }
    added = {"config": config, "sandbox_config": pods.get(pod) or pod_config(pod, run)}
    return _merged(added, step.request)


def _merged(added: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = {**added, **given}
    for key in added.keys() & given.keys():
        if isinstance(added[key], Mapping) and isinstance(given[key], Mapping):
            merged[key] = _merged(added[key], given[key])
    return merged
