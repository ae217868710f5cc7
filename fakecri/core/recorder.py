"""The record of all that happened: calls, answers, moves and events, in one total order.

`calls` is for assertions. As JSON Lines (one object a line, keys sorted) it goes to a sink, when
there is one; equal runs give equal bytes.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from fakecri.core.faults.printing import action_text
from fakecri.errors import CRIError

if TYPE_CHECKING:
    from fakecri.core.faults.engine import Armed
    from fakecri.core.faults.rules import Phase
    from fakecri.core.faults.shots import Shot

FORMAT = 1


@dataclass(slots=True, eq=False)
class CallRecord:
    """One call: what was asked, and what came of it. Times are virtual, in nanoseconds."""

    serial: int
    rpc: str
    request: Any
    """The request message of the RPC."""
    peer: str
    timeout_ns: int | None
    """The client's deadline, from `began_ns`; None: it set none."""
    began_ns: int
    ended_ns: int | None = None
    """None while the call is in flight."""
    response: Any = None
    messages: list[Any] = field(default_factory=list)
    """What a stream sent."""
    error: CRIError | None = None


class Recorder:
    """Writes down what the doors tell it."""

    def __init__(
        self,
        now_ns: Callable[[], int],
        sink: Callable[[str], object] | None = None,
        keep: int | None = None,
    ) -> None:
        """`sink` takes the lines; `keep` bounds how many calls `calls` remembers (None: all)."""
        self.calls: deque[CallRecord] = deque(maxlen=keep)
        self._now_ns = now_ns
        self._sink = sink
        self._serial = 0

    def header(self, **facts: Any) -> None:
        """Write the first line: the format, and what the run depends on."""
        self._write("header", format=FORMAT, contract="runtime.v1", **facts)

    def began(self, rpc: str, request: Message, peer: str, timeout_ns: int | None) -> CallRecord:
        """Write that a call arrived."""
        self._serial += 1
        call = CallRecord(self._serial, rpc, request, peer, timeout_ns, self._now_ns())
        self.calls.append(call)
        if self._sink:
            self._write(
                "call", call=call.serial, rpc=rpc, request=plain(request), timeout_ns=timeout_ns
            )
        return call

    def sent(self, call: CallRecord, message: Message) -> None:
        """Write that a stream gave its client a message."""
        if self.calls.maxlen is None:  # else an event stream would grow for ever
            call.messages.append(message)
        if self._sink:
            self._write("message", call=call.serial, rpc=call.rpc, message=plain(message))

    def ended(self, call: CallRecord, response: Message | None, error: CRIError | None) -> None:
        """Write what a call was answered."""
        call.ended_ns, call.response, call.error = self._now_ns(), response, error
        if not self._sink:
            return
        if error is not None:
            answer: dict[str, Any] = {"error": {"code": error.code.name, "text": error.message}}
        else:
            answer = {"response": plain(response)} if response is not None else {}
        self._write("reply", call=call.serial, rpc=call.rpc, **answer)

    def fired(self, call: CallRecord, shot: "Shot", phase: "Phase", effect: str) -> None:
        """Write that a rule acted on a call."""
        if self._sink:
            self._write(
                "fault",
                call=call.serial,
                rpc=call.rpc,
                rule=shot.armed.text,
                term=shot.index,
                action=action_text(shot.term.action),
                phase=phase.value,
                hit=shot.hit,
                effect=effect,
            )

    def rule(self, armed: "Armed", did: str) -> None:
        """Write that a rule was armed, disarmed or reset."""
        if self._sink:
            self._write("rule", rule=armed.text, did=did, fired=armed.fired)

    def moved(self, kind: str, id_: str, trigger: str, before: str, after: str) -> None:
        """Write that a sandbox or a container changed its state."""
        self._write(
            "move", **{"thing": kind, "id": id_, "trigger": trigger, "from": before, "to": after}
        )

    def published(self, event: Message) -> None:
        """Write that a CRI event was published."""
        if self._sink:
            self._write("event", event=plain(event))

    def _write(self, kind: str, **facts: Any) -> None:
        if self._sink:
            line = {"kind": kind, "t": self._now_ns(), **facts}
            self._sink(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n")


def plain(message: Message) -> dict[str, Any]:
    """Return a message as JSON's types, under the contract's field names, without secrets."""
    fields: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    if "auth" in fields:
        fields["auth"] = dict.fromkeys(fields["auth"], "***")
    return fields
