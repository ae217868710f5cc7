"""What a runtime answered, as plain JSON in which nothing is that must differ from run to run.

Names stand for ids, `<time>` for any time but 0, `<n>` for what is measured.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from google.protobuf.message import Message

from fakecri.core.plain import plain
from fakecri.replay.names import Names
from fakecri.replay.normalising import masked, normalise

Fields: TypeAlias = dict[str, Any]

_MEASURED = frozenset(
    {
        "ContainerStats",
        "ListContainerStats",
        "PodSandboxStats",
        "ListPodSandboxStats",
        "ListPodSandboxMetrics",
        "StreamContainerStats",
        "StreamPodSandboxStats",
        "StreamPodSandboxMetrics",
        "ImageFsInfo",
    }
)
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b")
_MOUNT = re.compile(r"/\S*/containerd-mount\d+")
_LATER = ("started_at", "finished_at")


class Account:
    """Makes plain what one runtime says."""

    def __init__(self, replaced: Mapping[str, str]) -> None:
        """`replaced`: texts of this run, and what stands for them."""
        self.names = Names()
        self._replaced = replaced

    def answer(self, rpc: str, messages: Iterable[Message]) -> Fields:
        """Return what an RPC answered. Lists are cut to what this run has made."""
        fields: Fields = {}
        for each in messages:
            fields = _joined(fields, json.loads(plain().text(each)))
        listed = _listed(rpc, fields)
        for key in listed:
            fields[key] = [each for each in fields[key] if self._is_ours(each)]
        fields = {key: each for key, each in fields.items() if each != []}
        if isinstance(fields.get("info"), dict):
            fields["info"] = {key: _keys(each) for key, each in fields["info"].items()}
        for each in (fields.get("image"), *fields.get("images", ())):
            # It is that of what was pulled, packed in whatever way.
            if isinstance(each, dict) and "size" in each:
                each["size"] = "<n>"
        if rpc in _MEASURED:
            fields = {key: _unmeasured(each) for key, each in fields.items()}
        tree: Fields = self._said(masked(normalise(_ordered_times(fields), self.names)))
        for key in tree.keys() & listed:
            # Runtimes list in any order.
            tree[key] = sorted(tree[key], key=lambda each: json.dumps(each, sort_keys=True))
        return tree

    def text(self, text: str) -> str:
        """Return a text with what stands for what differs."""
        said: str = self._said(masked(self.names.parts(text)))
        return said

    def _is_ours(self, item: Any) -> bool:
        ids = (item, item.get("attributes") or {})
        told = [each.get(key) for each in ids for key in ("id", "pod_sandbox_id")]
        found = [each for each in told if each]
        return not found or any(map(self.names.name, found))

    def _said(self, tree: Any) -> Any:
        if isinstance(tree, dict):
            return {self._said(key): self._said(each) for key, each in tree.items()}
        if isinstance(tree, list):
            return [self._said(each) for each in tree]
        if not isinstance(tree, str):
            return tree
        for text, shown in self._replaced.items():
            tree = tree.replace(text, shown)
        return _MOUNT.sub("<mount>", _ADDRESS.sub("<address>", tree))


def _listed(rpc: str, fields: Fields) -> set[str]:
    """Return which fields of an answer list things of the runtime."""
    if not rpc.startswith(("List", "Stream")):
        return set()
    return {key for key, each in fields.items() if isinstance(each, list)}


def _joined(one: Fields, other: Fields) -> Fields:
    """Return the messages of a stream as one."""
    joined = {**one, **other}
    for key in one.keys() & other.keys():
        if isinstance(one[key], list):
            joined[key] = [*one[key], *other[key]]
    return joined


def _keys(text: Any) -> Any:
    """Return what verbose information is about: the keys, and those below them."""
    try:
        opened = json.loads(text)
    except (TypeError, ValueError):
        return "<text>"
    if not isinstance(opened, dict):
        return f"<{type(opened).__name__}>"
    below = {key: sorted(each) if isinstance(each, dict) else "" for key, each in opened.items()}
    return {key: " ".join(each) for key, each in below.items()}


def _unmeasured(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() <= {"value"}:
            return "<n>"
        kept = value.keys() - _NOT_YET
        return {key: _SHOWN.get(key) or _unmeasured(value[key]) for key in sorted(kept)}
    if isinstance(value, list):
        return [_unmeasured(each) for each in value]
    # Times are what they are anywhere.
    return value


_NOT_YET = {"usage_nano_cores", "writable_layer"}
"""What is only there when a runtime has looked twice, or at all: it does so every few seconds."""
_SHOWN = {"mountpoint": "<path>", "psi": "<n>", "timestamp": "<time>"}


def _ordered_times(value: Any) -> Any:
    """Return a message that tells of times before its creation, if there are any."""
    if isinstance(value, list):
        return [_ordered_times(each) for each in value]
    if not isinstance(value, dict):
        return value
    told = {key: _ordered_times(each) for key, each in value.items()}
    created = int(value["created_at"]) if str(value.get("created_at", "")).isdigit() else 0
    for key in _LATER:
        if str(value.get(key, "")).isdigit() and 0 < int(value[key]) < created:
            told[key] = f"before {created}"
    return told


_LINE = re.compile(r"\S+ (?P<stream>stdout|stderr) (?P<rest>.*)")


def log_lines(content: bytes | None) -> Any:
    """Return tag and text of each line of a log by stream: those are copied side by side."""
    if content is None:
        return None
    lines: dict[str, list[str]] = {}
    for line in content.decode(errors="backslashreplace").split("\n"):
        match = _LINE.fullmatch(line)
        if match:
            lines.setdefault(match["stream"], []).append(match["rest"])
        elif line:
            lines.setdefault("none", []).append(line)
    return lines
