"""What the runtime needs of a plugin, and what can go wrong with one."""

import re
from collections.abc import Mapping
from typing import Any, Protocol

from google.protobuf.message import Message

from fakecri.api import nri_pb2 as nri
from fakecri.core.executables import quoted
from fakecri.core.scheduler import Future
from fakecri.errors import Code

EVENTS: Mapping[str, int] = {
    name.title().replace("_", ""): number
    for name, number in nri.Event.items()
    if number not in {nri.UNKNOWN, nri.LAST}
}
"""The hooks, by the names of their methods; a plugin subscribes to one by a bit in its mask."""

LATER_METHODS = frozenset(EVENTS) - {
    "CreateContainer",
    "StopContainer",
    "UpdateContainer",
    "UpdatePodSandbox",
    "ValidateContainerAdjustment",
}
"""What older plugins do not have: they are told by StateChange instead."""

_GO_NAMES = {Code.OK: "OK", Code.CANCELLED: "Canceled"}


class Plugin(Protocol):
    """A plugin that has registered, over whatever connection."""

    index: str
    """Two digits; plugins are called in the order of these."""
    name: str

    def call(self, method: str, request: Message) -> Future[Any]:
        """Call a method of the service nri.pkg.api.v1alpha1.Plugin; return its response to come.

        The future fails with NRIError.
        """

    def close(self) -> None:
        """End the connection; harmless when it has ended."""


class NRIError(Exception):
    """What a plugin answers instead of a response."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        go_name = _GO_NAMES.get(self.code) or self.code.name.title().replace("_", "")
        return f"rpc error: code = {go_name} desc = {self.text}"


class PluginGone(NRIError):  # noqa: N818  # it reads as what happened
    """Its connection has ended, or what comes over it makes no sense, or it takes too long.

    The runtime closes the plugin and goes on as if it had never been there.
    """

    def __init__(self, text: str = "ttrpc: closed") -> None:
        super().__init__(Code.UNKNOWN, text)

    def __str__(self) -> str:
        return self.text


class OversizedRequest(NRIError):  # noqa: N818  # likewise
    """A request was too long for its connection, and was not sent."""

    def __init__(self, length: int, limit: int) -> None:
        """`length` and `limit` in bytes."""
        text = f"message length {length} exceed maximum message size of {limit}"
        super().__init__(Code.RESOURCE_EXHAUSTED, text)
        self.length = length
        self.limit = limit


def name_fault(name: str) -> str:
    """Return why a plugin cannot have this name; empty: it can."""
    if not name:
        return "invalid plugin name: name is empty"
    bad = re.search(r"[^a-zA-Z0-9_.+-]", name)
    if bad is None:
        return ""
    return f"invalid plugin name {quoted(name)}: contains invalid character '{bad[0]}'"


def index_fault(index: str) -> str:
    """Return why a plugin cannot have this index; empty: it can."""
    if len(index.encode()) != len("00"):
        return f"invalid plugin index {quoted(index)}, must be 2 digits"
    if not re.fullmatch("[0-9]{2}", index):
        return f"invalid plugin index {quoted(index)} (not [0-9][0-9])"
    return ""
