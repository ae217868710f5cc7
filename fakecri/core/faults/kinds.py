"""The actions there are: their parameters, and the phases in which they make sense.

The grammar reads this table to tell a rule from a mistake; `actions` does what it says, and
`docs/fault_actions.md` lists it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from fakecri.core.faults.parameters import Parameter, Type, takes
from fakecri.core.faults.rules import Action, Phase, Value
from fakecri.core.faults.targets import WORDS
from fakecri.errors import Code
from fakecri.rpcs import RPCS


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
    """What it does, in a few words for the docs."""
    sessions: frozenset[str] = frozenset()
    """Of Exec, Attach and PortForward: on whose sessions it acts, in phase stream."""
    session_forms: tuple[tuple[Parameter, ...], ...] | None = None
    """Its lists of parameters there; None: the same ones as elsewhere."""
    session_does: str = ""
    """What it does there, where that is not what it does elsewhere."""

    @property
    def all_phases(self) -> tuple[Phase, ...]:
        """Where it may act, on calls or on sessions."""
        more = (Phase.STREAM,) if self.sessions and Phase.STREAM not in self.phases else ()
        return (*self.phases, *more)

    @property
    def call_forms(self) -> tuple[tuple[Parameter, ...], ...]:
        """Every list of parameters that it takes for what is no session."""
        return (self.parameters, *self.forms) if self.phases else ()

    @property
    def all_forms(self) -> tuple[tuple[Parameter, ...], ...]:
        """Every list of parameters that it takes, the first one first."""
        return (*self.call_forms, *(self.session_forms or ()))

    def forms_for(self, phase: Phase, rpc: str) -> tuple[tuple[Parameter, ...], ...]:
        """Return the lists of parameters that it takes in this phase of an RPC."""
        if is_session(phase, rpc) and self.session_forms is not None:
            return self.session_forms
        return self.call_forms


def default_phase(name: str, *, on_messages: bool) -> Phase:
    """Return the phase of an action that names none.

    `on_messages`: it has a trigger for messages of a stream (`at 2`).
    """
    phases = KINDS[name].all_phases
    if on_messages and Phase.STREAM in phases:
        return Phase.STREAM
    return phases[0]


def is_session(phase: Phase, rpc: str) -> bool:
    """Whether a term acts on what is behind the URL that an RPC answers with."""
    return phase is Phase.STREAM and rpc in URLS


def named_arguments(action: Action) -> dict[str, Value | None]:
    """Return the arguments of an action by their names, with the defaults of those left out."""
    forms = KINDS[action.name].all_forms
    parameters = next((each for each in forms if takes(each, action)), forms[0])
    given = (*action.arguments, *(None,) * len(parameters))
    return {
        parameter.name: parameter.default if value is None else value
        for parameter, value in zip(parameters, given, strict=False)
    }


_BEFORE, _DURING, _AFTER, _STREAM = Phase.BEFORE, Phase.DURING, Phase.AFTER, Phase.STREAM
_ANYWHERE = (_BEFORE, _DURING, _AFTER)
_ON_THE_WAY = (*_ANYWHERE, _STREAM)
_REPLY, _WIRE = (Phase.REPLY,), (Phase.WIRE,)


def _named(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


_WRITES = _named(WORDS["writes"])
_ANSWERING = _named(("RunPodSandbox", "CreateContainer", "RestorePod", "ExecSync"))
_COMMANDS = _named(("Exec", "Attach"))
URLS = _COMMANDS | {"PortForward"}
"""The RPCs that answer with a URL, behind which there is a session."""
_LATE = _WRITES - _ANSWERING - URLS
_TWICE = _WRITES - URLS
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
_BATCHED = _named(name for name in _LISTED if RPCS[name].streams) - {"GetContainerEvents"}
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

CHANNELS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(_COMMANDS, ("stdin", "stdout", "stderr", "error", "resize")),
    "PortForward": ("data", "error"),
}
"""What flows through a session, by its RPC."""
_CHANNEL = _word("channel", *dict.fromkeys(each for names in CHANNELS.values() for each in names))
_BYTES = Parameter("bytes", Type.INT)
_FEW_BYTES = Parameter("bytes", Type.INT, optional=True)

KINDS: Mapping[str, Kind] = {
    "off": Kind(
        (*_ON_THE_WAY, *_REPLY, *_WIRE), sessions=URLS, does="nothing: the call goes on as it is"
    ),
    "error": Kind(
        _ON_THE_WAY,
        (_CODE, _TEXT, Parameter("details", Type.TEXT, optional=True)),
        ends=True,
        sessions=URLS,
        session_forms=((_CODE, _TEXT), (Parameter("http_status", Type.INT), _TEXT)),
        does="answers with a status; in phase after the work is done all the same",
        session_does="answers with an error of HTTP instead of the upgrade",
    ),
    "delay": Kind(
        _ON_THE_WAY,
        (_span(),),
        forms=(
            (_word("law", "uniform"), _span("least"), _span("most")),
            (_word("law", "lognormal"), _span("median"), Parameter("sigma", Type.NUMBER)),
            (_word("law", "ramp"), _span("first"), _span("last"), Parameter("calls", Type.INT)),
        ),
        sessions=URLS,
        does="lets virtual time pass; in phase stream, before each message",
        session_does="lets virtual time pass before the upgrade is answered",
    ),
    "hang": Kind(
        _ANYWHERE,
        (_word("deadline", "deadline", optional=True),),
        ends=True,
        does="never answers, until the client goes; `deadline`: answers at once with what the "
        "client would see then",
        sessions=URLS,
        session_forms=((),),
        session_does="never answers the upgrade",
    ),
    "gate": Kind(
        _ANYWHERE,
        (_word("name"),),
        sessions=URLS,
        does="holds the call until the gate is released",
        session_does="holds the answer to the upgrade until the gate is released",
    ),
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
        sessions=frozenset({"Exec"}),
        session_forms=((_word("policy", "abort", "finish"),),),
        does="chooses what becomes of the work when the client goes half-way",
        session_does="`abort`: the process is killed when its client goes; `finish`: it goes on",
    ),
    "set": Kind(
        _REPLY,
        (_PATH, Parameter("value", Type.LITERAL)),
        sessions=URLS,
        does="sets a field",
        session_does="sets a field of the request, when its URL is used",
    ),
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
    "drop": Kind(
        (_STREAM,),
        (_COUNT,),
        forms=_SOME,
        sessions=URLS,
        session_forms=((_CHANNEL, _FEW_BYTES),),
        does="loses messages: the first n, or all",
        session_does="loses what a channel carries, all or what is behind so many bytes; its end "
        "comes",
    ),
    "dup": Kind((_STREAM,), (_COUNT,), forms=_SOME, does="sends messages two times"),
    "reorder": Kind(
        (_STREAM,),
        (Parameter("window", Type.INT, optional=True),),
        does="swaps a message with the next one, or mixes each `window` of them",
    ),
    "stall": Kind(
        (_STREAM,),
        sessions=URLS,
        session_forms=((), (_BYTES,), (_CHANNEL, _FEW_BYTES)),
        does="sends nothing more; the connection stays",
        session_does="sends nothing more, of all or of one channel, at once or behind so many "
        "bytes; of stdin: reads no more",
    ),
    "split": Kind(
        (_STREAM,),
        (Parameter("items", Type.INT, 1),),
        rpcs=_BATCHED,
        does="sends lists in messages of so many items",
    ),
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
        sessions=URLS,
        session_forms=((_word("when", "before", "after", optional=True),), (_BYTES,)),
        does="tears the connection, before the runtime saw the call or after the work",
        session_does="tears the connection: in place of an answer (`before`), of the proper end "
        "(`after`), or behind so many bytes of output",
    ),
    "goaway": Kind(_WIRE, ends=True, does="sends GOAWAY, and closes the connection"),
    "rst": Kind(
        _WIRE,
        (_word("code", "CANCEL", "INTERNAL_ERROR", "PROTOCOL_ERROR", "ENHANCE_YOUR_CALM"),),
        ends=True,
        does="resets the stream of the call with a code of HTTP/2 instead of a status",
    ),
    "half_open": Kind(_WIRE, ends=True, does="takes what comes, and sends nothing any more"),
    "slow": Kind(
        _WIRE,
        (Parameter("bytes_per_s", Type.INT),),
        sessions=URLS,
        does="sends so many bytes a second",
        session_does="sends so many bytes of output a second, in virtual time",
    ),
    "slice": Kind(
        _WIRE,
        (_BYTES,),
        sessions=URLS,
        does="sends so many bytes at a time",
        session_does="sends so many bytes at a time, as a frame or a message of their own",
    ),
    "expire": Kind(
        (),
        sessions=URLS,
        session_forms=((Parameter("duration", Type.DURATION, optional=True),),),
        session_does="lets the URL be good for so long, or not at all",
    ),
    "only": Kind(
        (),
        sessions=URLS,
        session_forms=(
            (_word("transport", "spdy", "websocket"),),
            (Parameter("protocols", Type.TEXT),),
        ),
        session_does="serves one transport, or the protocols that a glob matches, and no others",
    ),
    "idle": Kind(
        (),
        sessions=URLS,
        session_forms=((_span(),),),
        session_does="breaks off when nothing has come or gone for so long",
    ),
    "ignore_eof": Kind(
        (),
        sessions=_COMMANDS,
        session_forms=((),),
        session_does="does not pass the end of stdin on",
    ),
    "merge": Kind(
        (), sessions=_COMMANDS, session_forms=((),), session_does="sends stderr on stdout"
    ),
    "status": Kind(
        (),
        sessions=URLS,
        session_forms=((Parameter("exit_code", Type.INT),), (Parameter("content", Type.TEXT),)),
        session_does="tells another exit code, or has something else on the error channel",
    ),
    "linger": Kind(
        (),
        sessions=URLS,
        session_forms=((_word("until", "outputs", "status", optional=True),),),
        session_does="holds the end back: all of it, or what follows the ends of the outputs, "
        "or the status",
    ),
}
