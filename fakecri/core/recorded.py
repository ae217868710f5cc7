"""One line of a recording, and one call that several lines tell of."""

import json
from base64 import b64decode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from fakecri.core.recorder import Fired
from fakecri.errors import Code, CRIError, UsageError
from fakecri.rpcs import RPCS, Rpc

_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


class RecordingError(UsageError):
    """A text is no recording; it says in which line, and what was expected."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line."""

    n: int
    """Its place in the one order of all that happened."""
    kind: str
    t: int
    """What the wall clock showed: nanoseconds since the epoch. It may go back."""
    v: int
    """Virtual nanoseconds since the runtime began. They never go back."""
    facts: Mapping[str, Any]
    """What else the line has: see docs/recording.md."""

    @property
    def text(self) -> str:
        """The line, without its end."""
        return _json({"n": self.n, "kind": self.kind, "t": self.t, "v": self.v, **self.facts})


@dataclass(slots=True, eq=False)
class RecordedCall:
    """One call, joined from its lines. It has what a live CallRecord has, under the same names."""

    begin: Record
    cancel: Record | None = None
    reply: Record | None = None
    """None where the recording ends before the call does."""
    sent: list[Record] = field(default_factory=list)
    """The lines of the messages of a stream."""
    faulted: list[Record] = field(default_factory=list)
    """The lines of what rules did to it."""

    @property
    def serial(self) -> int:
        """Its number, from 1, in the order of arrival."""
        number: int = self.begin.facts["call"]
        return number

    @property
    def rpc(self) -> str:
        """The name of its RPC."""
        name: str = self.begin.facts["rpc"]
        return name

    @property
    def peer(self) -> str:
        """Who made it."""
        name: str = self.begin.facts["peer"]
        return name

    @property
    def timeout_ns(self) -> int | None:
        """The client's deadline, from `began_ns`; None: it set none."""
        timeout_ns: int | None = self.begin.facts["timeout_ns"]
        return timeout_ns

    @property
    def metadata(self) -> Mapping[str, Sequence[str]]:
        """What the client sent beside the transport's own."""
        metadata: Mapping[str, Sequence[str]] = self.begin.facts.get("metadata", {})
        return metadata

    @property
    def n(self) -> int:
        """The place of its arrival in the one order of all that happened."""
        return self.begin.n

    @property
    def began_ns(self) -> int:
        """When it arrived, in virtual nanoseconds since the runtime began."""
        return self.begin.v

    @property
    def ended_n(self) -> int | None:
        """The place of its end in that order."""
        return self.reply.n if self.reply else None

    @property
    def ended_ns(self) -> int | None:
        """When it ended; None: not in this recording."""
        return self.reply.v if self.reply else None

    @property
    def cancelled(self) -> str:
        """`deadline`, `client` or `closed`, where the call was cancelled before it ended."""
        cause: str = self.cancel.facts["cause"] if self.cancel else ""
        return cause

    @property
    def cancelled_ns(self) -> int | None:
        """When that was."""
        return self.cancel.v if self.cancel else None

    @property
    def error(self) -> CRIError | None:
        """What it was answered, where that is no response."""
        error = self.reply.facts.get("error") if self.reply else None
        if not error:
            return None
        return CRIError(
            error["text"], Code[error["code"]], b64decode(error.get("details", ""), validate=False)
        )

    @property
    def touched(self) -> tuple[str, ...]:
        """The ids of sandboxes, containers and images that it named, made or moved; sorted."""
        return tuple(self.reply.facts.get("touched", ())) if self.reply else ()

    @property
    def unsent(self) -> bool:
        """Whether the client never got the answer."""
        return bool(self.reply and self.reply.facts.get("unsent"))

    @property
    def faults(self) -> list[Fired]:
        """What rules did to it."""
        return [
            Fired(each.n, each.v, *(each.facts[key] for key in Fired.FACTS))
            for each in self.faulted
        ]

    # Messages: as JSON's types under the names of fields, and as messages of the contract.

    @property
    def request_fields(self) -> Mapping[str, Any]:
        """The request as JSON's types."""
        fields: Mapping[str, Any] = self.begin.facts["request"]
        return fields

    @property
    def response_fields(self) -> Mapping[str, Any] | None:
        """The response as JSON's types; None: there is none."""
        return self.reply.facts.get("response") if self.reply else None

    @property
    def message_fields(self) -> list[Mapping[str, Any]]:
        """What a stream sent, as JSON's types."""
        return [each.facts["message"] for each in self.sent]

    @property
    def request(self) -> Any:
        """The request. RecordingError where it is none of the RPC's."""
        return message_of(self._rpc.request, self.request_fields, self.begin)

    @property
    def response(self) -> Any:
        """The response, or None. RecordingError where it is none of the RPC's."""
        fields = self.response_fields
        if fields is None or self.reply is None:
            return None
        return message_of(self._rpc.response, fields, self.reply)

    @property
    def messages(self) -> list[Any]:
        """What a stream sent. RecordingError where a message is none of the RPC's."""
        return [message_of(self._rpc.response, each.facts["message"], each) for each in self.sent]

    @property
    def _rpc(self) -> Rpc:
        if self.rpc not in RPCS:
            raise RecordingError(f"record {self.n}: {shown(self.rpc)} is not an RPC of the CRI")
        return RPCS[self.rpc]


_SHOWN = 60


def shown(value: object) -> str:
    """Return the beginning of what was found instead of what was expected."""
    text = value if isinstance(value, str) else _json(value)
    text = text.strip()
    return ascii(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def message_of(kind: type[Message], fields: Mapping[str, Any], record: Record) -> Message:
    """Return a message that stands in a line. RecordingError where it is none of that type."""
    try:
        return ParseDict(dict(fields), kind(), ignore_unknown_fields=True)
    except Exception as error:  # noqa: BLE001  # whatever protobuf makes of what somebody wrote
        name = kind.DESCRIPTOR.name
        raise RecordingError(f"record {record.n} has no {name}: {shown(str(error))}") from None
