"""The actions there are: their parameters, and the phases in which they make sense.

The grammar reads this table to tell a rule from a mistake; `actions` does what it says, and
`docs/fault_actions.md` lists it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from fakecri.core.faults.rules import Action, Duration, Phase, Value
from fakecri.core.faults.targets import WORDS
from fakecri.errors import Code
from fakecri.rpcs import RPCS


class Type(Enum):
    """What an argument is."""

    CODE = "a status code"
    TEXT = "a text"
    INT = "a whole number"
    NUMBER = "a number"
    DURATION = "a duration"
    WORD = "a word"
    """One of the parameter's `words`; any where it has none. Likewise a code."""
    PATH = "a path of fields"
    """`status.network.ip`, `conditions[0].status`, `items[*].labels.app`."""
    LITERAL = "a text, a number, or true or false"
    """Whatever a field can be set to."""
    SELECTOR = "conditions"
    """`container=app, state=exited`."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of an action; required where it has no `default`."""

    name: str
    type: Type
    default: Value | None = None
    words: tuple[str, ...] = ()
    optional: bool = False
    """May be missing although there is no default."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be said of an action before it acts."""

    phases: tuple[Phase, ...]
    """Where it may act; the first one is meant where a rule does not say."""
    parameters: tuple[Parameter, ...] = ()
    streams: bool | None = None
    """Only for RPCs that stream, or only for those that do not; None: for all."""
    ends: bool = False
    """Whether a call that it acts on before the runtime sees it never gets that far."""
    forms: tuple[tuple[Parameter, ...], ...] = ()
    """Other lists of parameters. The type of the first argument says which one is meant."""
    rpcs: frozenset[str] | None = None
    """For which RPCs it is; None: for all that `streams` leaves."""
    does: str = ""
    """What it does, in a sentence for the docs."""

    @property
    def all_forms(self) -> tuple[tuple[Parameter, ...], ...]:
        """Every list of parameters that it takes, the first one first."""
        return (self.parameters, *self.forms)


def default_phase(name: str, *, on_messages: bool) -> Phase:
    """Return the phase of an action that names none.

    `on_messages`: it has a trigger for messages of a stream (`at 2`).
    """
    phases = KINDS[name].phases
    if on_messages and Phase.STREAM in phases:
        return Phase.STREAM
    return phases[0]


def find_misfit(name: str, phase: Phase, rpc: str) -> str:
    """Return why an action cannot act in this phase of an RPC, or nothing."""
    kind = KINDS[name]
    if phase not in kind.phases:
        words = ", ".join(each.value for each in kind.phases)
        return f"{name} acts in these phases: {words}; not in {phase.value}"
    streams = RPCS[rpc].streams
    if phase is Phase.STREAM and not streams:
        return f"{name} in phase stream is for RPCs that stream, and {rpc} does not"
    if kind.streams is not None and kind.streams is not streams:
        return f"{name} is for RPCs that {'stream' if kind.streams else 'do not stream'}, not {rpc}"
    if kind.rpcs is not None and rpc not in kind.rpcs:
        return f"{name} makes no sense for {rpc}"
    return ""


def named_arguments(action: Action) -> dict[str, Value | None]:
    """Return the arguments of an action by their names, with the defaults of those left out."""
    forms = KINDS[action.name].all_forms
    parameters = next((each for each in forms if _takes(each, action)), forms[0])
    given = (*action.arguments, *(None,) * len(parameters))
    return {
        parameter.name: parameter.default if value is None else value
        for parameter, value in zip(parameters, given, strict=False)
    }


def _takes(parameters: tuple[Parameter, ...], action: Action) -> bool:
    """Whether the first argument is what these parameters begin with."""
    if not action.arguments or not parameters:
        return not action.arguments
    first, parameter = action.arguments[0], parameters[0]
    expected = _PYTHON[parameter.type]
    return isinstance(first, expected) and (not parameter.words or first in parameter.words)


_PYTHON: Mapping[Type, tuple[type, ...]] = {
    Type.CODE: (Code,),
    Type.TEXT: (str,),
    Type.INT: (int,),
    Type.NUMBER: (int, float),
    Type.DURATION: (Duration,),
    Type.WORD: (str,),
    Type.PATH: (str,),
    Type.LITERAL: (str, int, float, bool),
    Type.SELECTOR: (tuple,),
}

_BEFORE, _DURING, _AFTER, _STREAM = Phase.BEFORE, Phase.DURING, Phase.AFTER, Phase.STREAM
_ANYWHERE = (_BEFORE, _DURING, _AFTER)
_ON_THE_WAY = (*_ANYWHERE, _STREAM)
_REPLY, _WIRE = (Phase.REPLY,), (Phase.WIRE,)


def _named(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


_WRITES = _named(WORDS["writes"])
_ANSWERING = _named(("RunPodSandbox", "CreateContainer", "RestorePod", "ExecSync"))
_URLS = _named(("Exec", "Attach", "PortForward"))
_LATE = _WRITES - _ANSWERING - _URLS
_TWICE = _WRITES - _URLS
_FILTERED = _named(
    name for name, rpc in RPCS.items() if "filter" in rpc.request.DESCRIPTOR.fields_by_name
)
_LISTED = _named(
    name
    for name, rpc in RPCS.items()
    if any(
        field.is_repeated and field.message_type and not field.message_type.GetOptions().map_entry
        for field in rpc.response.DESCRIPTOR.fields
    )
)
_EVENT_KINDS = ("CREATED", "STARTED", "STOPPED", "DELETED", "ANY")


def _word(name: str, *words: str, optional: bool = False) -> Parameter:
    return Parameter(name, Type.WORD, words=words, optional=optional)


def _span(name: str = "duration") -> Parameter:
    return Parameter(name, Type.DURATION)


_PATH = Parameter("path", Type.PATH)
_SELECTOR = Parameter("selector", Type.SELECTOR, optional=True)
_COUNT = Parameter("n", Type.INT, optional=True)
_FAILURES = tuple(code.name for code in Code if code is not Code.OK)
_CODE = Parameter("code", Type.CODE, words=_FAILURES)
_TEXT = Parameter("text", Type.TEXT, "")
_SOME = ((_word("kind", *_EVENT_KINDS), _COUNT),)
"""The other form of what acts on messages: those of a kind."""

KINDS: Mapping[str, Kind] = {
    "off": Kind((*_ON_THE_WAY, *_REPLY, *_WIRE), does="nothing: the call goes on as it is"),
    "error": Kind(
        _ON_THE_WAY,
        (_CODE, _TEXT, Parameter("details", Type.TEXT, optional=True)),
        ends=True,
        does="answers with a status; in phase after the work is done all the same",
    ),
    "delay": Kind(
        _ON_THE_WAY,
        (_span(),),
        forms=(
            (_word("law", "uniform"), _span("least"), _span("most")),
            (_word("law", "lognormal"), _span("median"), Parameter("sigma", Type.NUMBER)),
            (_word("law", "ramp"), _span("first"), _span("last"), Parameter("calls", Type.INT)),
        ),
        does="lets virtual time pass; in phase stream, before each message",
    ),
    "hang": Kind(
        _ANYWHERE,
        (_word("deadline", "deadline", optional=True),),
        ends=True,
        does="never answers, until the client goes; `deadline`: answers at once with what the "
        "client would see then",
    ),
    "gate": Kind(_ANYWHERE, (_word("name"),), does="holds the call until the gate is released"),
    "lost": Kind(
        (_AFTER,),
        (_word("deadline", "deadline", optional=True),),
        does="the work is done, and the reply is never sent: after:hang",
    ),
    "twice": Kind((_BEFORE,), rpcs=_TWICE, streams=False, does="does the work two times"),
    "noop": Kind(
        (_BEFORE,), rpcs=_WRITES, streams=False, does="answers as if it were done, and does nothing"
    ),
    "later": Kind(
        (_BEFORE,), (_span(),), rpcs=_LATE, streams=False, does="answers now, and does it later"
    ),
    "serial": Kind(
        (_BEFORE,),
        (
            Parameter("scope", Type.WORD, "object", words=("object", "all")),
            Parameter("workers", Type.INT, 1),
        ),
        does="lets one of the calls run at a time, for each object or of all",
    ),
    "cancel": Kind(
        (_DURING,),
        (_word("policy", "abort", "finish", "leak"),),
        streams=False,
        does="chooses what becomes of the work when the client goes half-way",
    ),
    "set": Kind(_REPLY, (_PATH, Parameter("value", Type.LITERAL)), does="sets a field"),
    "unset": Kind(_REPLY, (_PATH,), does="clears a field, or removes a key or an item"),
    "shift": Kind(_REPLY, (_PATH, _span()), does="adds to a number of nanoseconds that is not 0"),
    "omit": Kind(_REPLY, (_SELECTOR,), rpcs=_LISTED, does="leaves items out of a list"),
    "repeat": Kind(_REPLY, (_SELECTOR,), rpcs=_LISTED, does="lists items a second time"),
    "shuffle": Kind(_REPLY, rpcs=_LISTED, does="puts a list into another order"),
    "freeze": Kind(
        _REPLY, (_span(),), streams=False, does="gives the same answer for a while, stale or not"
    ),
    "pad": Kind(_REPLY, (Parameter("bytes", Type.INT),), does="makes a message larger"),
    "empty": Kind(_REPLY, does="answers OK with nothing in it"),
    "unfiltered": Kind(_REPLY, rpcs=_FILTERED, does="ignores the filter of the request"),
    "future": Kind(
        _REPLY,
        (Parameter("field", Type.INT), Parameter("text", Type.TEXT)),
        does="adds a field that no contract knows yet",
    ),
    "end": Kind(
        (_STREAM,), (Parameter("code", Type.CODE, optional=True), _TEXT), does="ends a stream"
    ),
    "drop": Kind((_STREAM,), (_COUNT,), forms=_SOME, does="loses messages: the first n, or all"),
    "dup": Kind((_STREAM,), (_COUNT,), forms=_SOME, does="sends messages two times"),
    "reorder": Kind(
        (_STREAM,),
        (Parameter("window", Type.INT, optional=True),),
        does="swaps a message with the next one, or mixes each `window` of them",
    ),
    "stall": Kind((_STREAM,), does="sends nothing more; the connection stays"),
    "hold": Kind(
        (_STREAM,),
        (_word("kind", *_EVENT_KINDS), _span()),
        does="delivers messages of a kind later, behind others",
    ),
    "overflow": Kind(
        (_STREAM,),
        (Parameter("n", Type.INT),),
        does="loses what comes while the client has n messages to take",
    ),
    "starve": Kind((_STREAM,), does="gives messages to the newest of its streams alone"),
    "refuse": Kind(
        _WIRE,
        (_span(),),
        ends=True,
        does="breaks the connection, and lets nobody connect for a while",
    ),
    "reset": Kind(
        _WIRE,
        (_word("when", "before", "after", optional=True),),
        ends=True,
        does="tears the connection, before the runtime saw the call or after the work",
    ),
    "goaway": Kind(_WIRE, ends=True, does="sends GOAWAY, and closes the connection"),
    "rst": Kind(
        _WIRE,
        (_word("code", "CANCEL", "INTERNAL_ERROR", "PROTOCOL_ERROR", "ENHANCE_YOUR_CALM"),),
        ends=True,
        does="resets the stream of the call with a code of HTTP/2 instead of a status",
    ),
    "half_open": Kind(_WIRE, ends=True, does="takes what comes, and sends nothing any more"),
    "slow": Kind(_WIRE, (Parameter("bytes_per_s", Type.INT),), does="sends so many bytes a second"),
    "slice": Kind(_WIRE, (Parameter("bytes", Type.INT),), does="sends so many bytes at a time"),
}
