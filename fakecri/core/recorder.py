"""The record of all that happened: calls, answers, moves, events and faults, in one total order.

`calls` is for assertions. As JSON Lines (one object a line, keys sorted) it goes to a sink, when
there is one; equal runs give equal bytes. `recording` reads the lines.
"""

import json
from base64 import b64encode
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from google.protobuf.message import Message

from fakecri.core.faults.printing import action_text
from fakecri.core.metadata import sent_metadata
from fakecri.core.plain import plain, quote, require_fields
from fakecri.core.records import Container, Sandbox
from fakecri.errors import Code, CRIError
from fakecri.rpcs import PACKAGE, VERSION

if TYPE_CHECKING:
    from fakecri.core.faults.armed import Armed
    from fakecri.core.faults.rules import Phase
    from fakecri.core.faults.shots import Shot
    from fakecri.core.pipeline import Metadata
    from fakecri.core.scheduler import Scheduler

FORMAT = 2

_NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})

_STREAMED = frozenset({"Exec", "Attach", "PortForward"})

CAUSES = {Code.DEADLINE_EXCEEDED: "deadline", Code.CANCELLED: "client"}
"""Why a call was cancelled, by the code of it; any other: the runtime was closed."""


@dataclass(eq=False)  # without slots: what most calls do not have is a default, and costs nothing
class CallRecord:
    """One call: what was asked, and what came of it.

    Times are virtual: nanoseconds since the runtime began. The numbers `n` and `ended_n` are places
    in the one order of all that happened.
    """

    serial: int
    """From 1, in the order of arrival."""
    rpc: str
    request: Any
    """The request message of the RPC."""
    peer: str
    timeout_ns: int | None
    """The client's deadline, from `began_ns`; None: it set none."""
    n: int
    began_ns: int
    metadata: Mapping[str, Sequence[str]]
    """What the client sent beside the transport's own; secrets are masked."""
    ids: tuple[str, ...] = field(default=(), init=False, repr=False)
    ended_n: int | None = field(default=None, init=False)
    ended_ns: int | None = field(default=None, init=False)
    """None while the call is in flight."""
    response: Any = field(default=None, init=False)
    error: CRIError | None = field(default=None, init=False)
    cancelled: str = field(default="", init=False)
    """`deadline`, `client` or `closed`, where the call was cancelled before it ended."""
    cancelled_ns: int | None = field(default=None, init=False)
    lost: bool = field(default=False, init=False)
    """Whether a fault keeps the answer from the client."""

    @cached_property
    def messages(self) -> list[Any]:
        """What a stream sent."""
        return []

    @cached_property
    def faults(self) -> list["Fired"]:
        """What rules did to it."""
        return []

    @property
    def touched(self) -> tuple[str, ...]:
        """The ids of sandboxes, containers and images that it named, made or moved; sorted."""
        return tuple(sorted(set(self.ids)))

    @property
    def unsent(self) -> bool:
        """Whether the client never got the answer: it was lost, or the client had gone."""
        return self.lost or bool(self.cancelled)


@dataclass(frozen=True, slots=True)
class Fired:
    """One act of a rule on a call."""

    FACTS: ClassVar = ("rule", "term", "action", "phase", "hit", "effect")

    n: int
    v: int
    """When: virtual nanoseconds since the runtime began."""
    rule: str
    """Its text."""
    term: int
    """The place in the rule of the term that acted, from 0."""
    action: str
    """The text of its action."""
    phase: str
    hit: int
    """How many calls the rule had matched, with this one."""
    effect: str
    """`definite`: the client got an error and nothing happened; `indefinite`: it got an error, or
    no answer, and it happened or may have; else empty."""


class Recorder:
    """Writes down what the doors tell it."""

    def __init__(
        self,
        wall_ns: Callable[[], int],
        scheduler: "Scheduler",
        sink: Callable[[str], object] | None = None,
        keep: int | None = None,
        masks: Iterable[str] = (),
    ) -> None:
        """`sink` takes the lines; `keep` bounds how many calls `calls` remembers (None: all).

        `masks` are fields, as `Message.field`, that the lines do not tell. UsageError where there
        is no such field.
        """
        require_fields(masks)
        self.calls: deque[CallRecord] = deque(maxlen=keep)
        self.current: CallRecord | None = None
        """The call whose handler runs now."""
        self.urls = ("", "")
        """How URLs of streams begin, and how that is written: what port the machine gave must not
        show."""
        self._wall_ns = wall_ns
        self._scheduler = scheduler
        self._start_ns = scheduler.now_ns
        self._sink = sink
        self._text = plain(frozenset(masks)).text if sink else str
        self._calls = 0
        self._n = -1

    def _next(self) -> int:
        self._n += 1
        return self._n

    @property
    def _now_ns(self) -> int:
        return self._scheduler.now_ns - self._start_ns

    def header(self, **facts: Any) -> None:
        """Write the first line: the format, and what the run depends on."""
        self._write("header", format=FORMAT, contract=PACKAGE, contract_version=VERSION, **facts)

    # Calls.

    def began(
        self,
        rpc: str,
        request: Message,
        peer: str,
        timeout_ns: int | None,
        metadata: "Metadata" = (),
    ) -> CallRecord:
        """Write that a call arrived. What happens from now on is its doing."""
        self._calls += 1
        self._n += 1
        sent = sent_metadata(metadata) if metadata else _NOTHING
        began_ns = self._scheduler.now_ns - self._start_ns
        call = CallRecord(self._calls, rpc, request, peer, timeout_ns, self._n, began_ns, sent)
        self.calls.append(call)
        self.current = call
        if self._sink:
            told = f'"metadata":{_json(sent)},' if sent else ""
            self._sink(
                f'{{"call":{call.serial},"kind":"call",{told}"n":{call.n},"peer":{quote(peer)},'
                f'"request":{self._text(request)},"rpc":{quote(rpc)},"t":{self._wall_ns()},'
                f'"timeout_ns":{_json(timeout_ns)},"v":{call.began_ns}}}\n'
            )
        return call

    def cancelled(self, call: CallRecord, cause: str) -> None:
        """Write that the client of a call is gone, or that the runtime ends: see `CAUSES`."""
        if not call.cancelled:
            call.cancelled, call.cancelled_ns = cause, self._now_ns
            self._write("cancel", call=call.serial, rpc=call.rpc, cause=cause)

    def sent(self, call: CallRecord, message: Message) -> None:
        """Write that a stream gave its client a message."""
        n = self._next()
        if self.calls.maxlen is None:  # else an event stream would grow for ever
            call.messages.append(message)
        if self._sink:
            self._sink(
                f'{{"call":{call.serial},"kind":"message","message":{self._text(message)},'
                f'"n":{n},"rpc":{quote(call.rpc)},"t":{self._wall_ns()},"v":{self._now_ns}}}\n'
            )

    def ended(self, call: CallRecord, response: Message | None, error: CRIError | None) -> None:
        """Write what a call was answered."""
        self._n += 1
        call.ended_n, call.ended_ns = self._n, self._scheduler.now_ns - self._start_ns
        call.response, call.error = response, error
        if self._sink:
            self._sink(self._reply(call))

    def _reply(self, call: CallRecord) -> str:
        answer = response = touched = unsent = ""
        if call.error is not None:
            answer = f'"error":{_json(_told(call.error))},'
        if call.response is not None:
            response = f'"response":{self._text(call.response)},'
            if call.rpc in _STREAMED:
                response = response.replace(*self.urls)
        if call.ids:
            touched = f',"touched":{_json(call.touched)}'
        if call.unsent:
            unsent = ',"unsent":true'
        return (
            f'{{"call":{call.serial},{answer}"kind":"reply","n":{call.ended_n},{response}'
            f'"rpc":{quote(call.rpc)},"t":{self._wall_ns()}{touched}{unsent},"v":{call.ended_ns}}}\n'
        )

    # Faults.

    def fired(self, call: CallRecord, shot: "Shot", phase: "Phase", effect: str) -> None:
        """Write that a rule acted on a call."""
        fired = Fired(
            self._n + 1,
            self._now_ns,
            rule=shot.armed.text,
            term=shot.index,
            action=action_text(shot.term.action),
            phase=phase.value,
            hit=shot.hit,
            effect=effect,
        )
        call.faults.append(fired)
        facts = {key: getattr(fired, key) for key in Fired.FACTS}
        self._write("fault", call=call.serial, rpc=call.rpc, **facts)

    def rule(self, armed: "Armed", did: str) -> None:
        """Write that a rule was armed, disarmed or reset."""
        self._write("rule", rule=armed.text, did=did, fired=armed.fired)

    # What happens to things.

    def moved(self, thing: Sandbox | Container, trigger: str, before: str) -> None:
        """Write that a sandbox or a container changed its state."""
        call = self.current
        if call is not None:
            call.ids += (thing.id,)
        if not self._sink:
            self._n += 1
            return
        facts: dict[str, Any] = {"call": call.serial} if call else {}
        if isinstance(thing, Container):
            facts |= {"name": thing.config.metadata.name, "sandbox": thing.parent.id}
        pod = thing.parent.config.metadata
        self._write(
            "move",
            thing=type(thing).__name__.lower(),
            id=thing.id,
            pod=f"{pod.namespace}/{pod.name}",
            trigger=trigger,
            **{"from": before, "to": thing.state.name},
            **facts,
        )

    def published(self, event: Message) -> None:
        """Write that a CRI event was published."""
        n = self._next()
        if self._sink:
            self._sink(
                f'{{"event":{self._text(event)},"kind":"event","n":{n},"t":{self._wall_ns()},'
                f'"v":{self._now_ns}}}\n'
            )

    def struck(self, what: str, **facts: Any) -> None:
        """Write that a test changed the state of something: `exit`, `lose`, `restart`."""
        self._write("state", what=what, **facts)

    def session(self, what: str, **facts: Any) -> None:
        """Write what a client did with the URL of an Exec, Attach or PortForward."""
        self._write("session", what=what, **facts)

    # Plugins of NRI.

    def plugged(self, what: str, plugin: str, **facts: Any) -> None:
        """Write that a plugin of NRI is there now, or is there no more."""
        self._write("nri", what=what, plugin=plugin, **facts)

    def plugin_asked(self, plugin: str, method: str, request: Any) -> None:
        """Write what a plugin is asked; of the request, which is long, a digest."""
        if not self._sink:
            self._n += 1
            return
        ids = {
            name: getattr(request, name).id
            for name in ("pod", "container")
            if name in request.DESCRIPTOR.fields_by_name
        }
        digest = sha256(request.SerializeToString(deterministic=True)).hexdigest()
        facts = {"call": self.current.serial} if self.current else {}
        self._write(
            "nri", what="asked", plugin=plugin, method=method, digest=digest, **ids, **facts
        )

    def plugin_answered(self, plugin: str, method: str, response: Message) -> None:
        """Write what a plugin has answered."""
        n = self._next()
        if self._sink:
            self._sink(
                f'{{"kind":"nri","method":{quote(method)},"n":{n},"plugin":{quote(plugin)},'
                f'"response":{self._text(response)},"t":{self._wall_ns()},"v":{self._now_ns},'
                '"what":"answered"}\n'
            )

    def plugin_failed(
        self, plugin: str, method: str, code: Code, text: str, *, gone: bool = False
    ) -> None:
        """Write that a plugin has answered an error, or will answer no more: it is gone."""
        told: dict[str, Any] = {"error": {"code": code.name, "text": text}}
        if gone:
            told["gone"] = True
        self._write("nri", what="failed", plugin=plugin, method=method, **told)

    def plugin_wants(self, plugin: str, request: Message) -> None:
        """Write which updates a plugin wants, unasked."""
        n = self._next()
        if self._sink:
            self._sink(
                f'{{"kind":"nri","n":{n},"plugin":{quote(plugin)},"request":{self._text(request)},'
                f'"t":{self._wall_ns()},"v":{self._now_ns},"what":"wants"}}\n'
            )

    def undone(self, call: CallRecord, error: CRIError | None) -> None:
        """Write that work that a rule put off has failed, or will never be done: no error."""
        what = "late work failed" if error else "late work lost"
        told = {"error": _told(error)} if error else {}
        self._write("state", what=what, call=call.serial, rpc=call.rpc, **told)

    def turned(self, what: str, **facts: Any) -> None:
        """Write that somebody did something to the clock: `advance`, `jump`, `hold`."""
        self._write("clock", what=what, **facts)

    def _write(self, kind: str, **facts: Any) -> int:
        n = self._next()
        if self._sink:
            line = {"kind": kind, "n": n, "t": self._wall_ns(), "v": self._now_ns, **facts}
            self._sink(_json(line) + "\n")
        return n


def _told(error: CRIError) -> dict[str, str]:
    told = {"code": error.code.name, "text": error.message}
    return told | {"details": b64encode(error.details).decode()} if error.details else told


_json = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode
