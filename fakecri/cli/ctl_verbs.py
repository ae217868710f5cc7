"""What `fakecri ctl` can do: each verb with its method, its arguments, and how its answer looks."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf.message import Message

from fakecri.cli.tables import as_facts, as_table

Show: TypeAlias = Callable[[Any], str]
"""Returns an answer as text for people."""


_PLAIN = re.compile(r"[A-Za-z0-9_./:=+,-]+")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument; `field` is where it goes in the request, such as `options.seed`."""

    field: str
    flag: str = ""
    """`--all`; empty: it is told by its place."""
    rest: Mapping[str, Any] | None = None
    """What argparse wants to know besides."""


@dataclass(frozen=True, slots=True)
class Verb:
    """One thing to do: `faults add` is `rules.arm`."""

    name: str
    purpose: str
    method: str
    arguments: tuple[Argument, ...] = ()
    show: Show = as_facts
    fixed: Mapping[str, Any] | None = None
    """Fields of the request that are always the same."""
    complaint: Callable[[Any], str] | None = None
    """Returns what is not as it was asked after, if anything: exit status 1."""
    compose: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    """Makes the fields of the request of the arguments, where they are not the fields."""


def _place(field: str, metavar: str, **rest: Any) -> Argument:
    return Argument(field, rest={"metavar": metavar, **rest})


def _flag(field: str, flag: str, purpose: str) -> Argument:
    return Argument(field, flag, {"action": "store_true", "default": None, "help": purpose})


def _option(field: str, flag: str, metavar: str, purpose: str, **rest: Any) -> Argument:
    return Argument(field, flag, {"metavar": metavar, "help": purpose, **rest})


def _several(field: str, flag: str, metavar: str, purpose: str) -> Argument:
    return _option(field, flag, metavar, f"{purpose}; repeatable", action="append")


def _rows(field: str, *columns: str) -> Show:
    return lambda answer: as_table(getattr(answer, field), columns)


def _row(*columns: str) -> Show:
    return lambda answer: as_table([answer], columns)


def _line(field: str) -> Show:
    return lambda answer: f"{getattr(answer, field)}\n"


def _nothing(answer: Message) -> str:  # noqa: ARG001  # it has nothing to say
    return ""


def _unfired(answer: Any) -> str:
    unfired = [rule for rule in answer.rules if not rule.fired]
    return "; ".join(f"{rule.text} never fired: {rule.near_miss}" for rule in unfired)


_RULES = _rows("rules", "id", "fired", "hits", "text")
_SESSION = ("name", "endpoint", "seed", "pace", "generation", "snapshots")
_ALL = _flag("all", "--all", "all of them")

FAULTS = (
    Verb("add", "arm rules", "rules.arm", (_place("rules", "RULE", nargs="+"),), _RULES),
    Verb("ls", "list the rules in force", "rules.list", (), _RULES),
    Verb("rm", "disarm rules", "rules.disarm", (_place("ids", "ID", nargs="*"), _ALL), _RULES),
    Verb(
        "fired",
        "list on which calls rules have acted; status 1 if one has on none",
        "rules.list",
        (),
        _rows("rules", "id", "fired", "calls", "text"),
        complaint=_unfired,
    ),
    Verb(
        "reset", "let rules begin again", "rules.reset", (_place("ids", "ID", nargs="*"),), _RULES
    ),
    Verb(
        "on", "turn a switch on", "rules.switch", (_place("name", "SWITCH"),), _nothing, {"on": 1}
    ),
    Verb("off", "turn a switch off", "rules.switch", (_place("name", "SWITCH"),), _nothing),
)

CLOCK = (
    Verb("now", "show the clock", "clock.now"),
    Verb("advance", "let virtual time pass", "clock.advance", (_place("span", "SPAN"),)),
    Verb("jump", "set the wall forward, or back: -40s", "clock.jump", (_place("by", "SPAN"),)),
    Verb("set", "set the wall", "clock.jump", (_place("to", "TIME"),)),
    Verb("freeze", "let the wall stand still", "clock.freeze"),
    Verb("thaw", "let the wall go on", "clock.thaw"),
    Verb(
        "pace",
        "let time pass in another way",
        "clock.set_pace",
        (_place("pace", "PACE", choices=("manual", "autojump", "rate")),),
    ),
    Verb(
        "rate",
        "let time run X times as fast as real time; 0: not at all",
        "clock.set_pace",
        (_place("rate", "X", type=float),),
        fixed={"pace": "rate"},
    ),
    Verb("hold", "keep time from leaping", "clock.hold", (), _line("id")),
    Verb("release", "give up a hold", "clock.release", (_place("id", "ID", nargs="?"), _ALL)),
    Verb(
        "stamps",
        "falsify created_at: 0, a time, or how far off; without one: true stamps",
        "clock.falsify",
        (_place("stamp", "STAMP", nargs="?"),),
    ),
)


def _fault(text: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return what makes a state fault of arguments: `container {name} exit {code}`."""

    def compose(given: dict[str, Any]) -> dict[str, Any]:
        due = [f"{word} {given[word]}" for word in ("after", "at") if word in given]
        named = {key: _quoted(str(value)) for key, value in given.items() if key != "options"}
        options = [_quoted(option) for option in given.get("options", ())]
        return {"fault": " ".join([*due, text.format(**named), *options])}

    return compose


def _quoted(word: str) -> str:
    """Return a word as state faults have it: `a`, `"two words"`, `reason="two words"`."""
    key, equals, value = word.partition("=")
    if _PLAIN.fullmatch(word):
        return word
    return f"{key}={json.dumps(value)}" if equals else json.dumps(word)


def _strike(name: str, purpose: str, text: str, *places: Argument) -> Verb:
    rest = (
        _place("options", "OPTION", nargs="*"),
        _option("after", "--after", "SPAN", "so much later, in virtual time"),
        _option("at", "--at", "SPAN", "so long after the runtime began"),
    )
    show = _row("id", "done", "fault")
    return Verb(name, purpose, "state.strike", (*places, *rest), show, compose=_fault(text))


_ENDS = ("state", "exit_code", "reason")


def _state(answer: Any) -> str:
    tables = (
        as_table(answer.sandboxes, ("id", "namespace", "name", "attempt", "state", "ips")),
        as_table(
            answer.containers, ("id", "pod", "name", "attempt", "state", "exit_code", "reason")
        ),
        as_table(answer.images, ("id", "names")),
        as_table(answer.strikes, ("id", "done", "fault", "missed")),
        "" if answer.up else "The runtime is down.\n",
    )
    return "\n".join(filter(None, tables))


_CONTAINER = _place("name", "CONTAINER")
_SANDBOX = _place("name", "SANDBOX")
_CODE = _place("code", "CODE")
_VERB = _place("verb", "VERB")

STATE = (
    Verb("ls", "list what is on the node", "state.list", (), _state),
    Verb(
        "strike",
        "let a state fault happen, such as 'image busybox forget'",
        "state.strike",
        (_place("fault", "FAULT"),),
        _row("id", "done", "fault"),
    ),
    Verb(
        "cancel",
        "let one that is due later not happen",
        "state.cancel",
        (_place("id", "ID"),),
        _nothing,
    ),
    _strike(
        "exit",
        "a container ends",
        "container {name} exit {code}",
        _CONTAINER,
        _place("code", "CODE"),
    ),
    _strike("oom", "a container is killed for memory", "container {name} oom", _CONTAINER),
    _strike("lose", "a container is UNKNOWN", "container {name} lose", _CONTAINER),
    _strike("recover", "a container is known again", "container {name} recover", _CONTAINER),
    _strike("forget", "a container vanishes", "container {name} forget", _CONTAINER),
    _strike("unkillable", "a container gets no signal", "container {name} unkillable", _CONTAINER),
    _strike("killable", "a container gets signals again", "container {name} killable", _CONTAINER),
    _strike("die", "a pod sandbox dies", "sandbox {name} die", _SANDBOX),
    _strike("drop-ip", "a pod sandbox loses its address", "sandbox {name} drop-ip", _SANDBOX),
    _strike(
        "condition",
        "Status says something of a condition: true, false, missing, flap, restore",
        "condition {name} {verb}",
        _place("name", "TYPE"),
        _VERB,
    ),
    _strike("disk", "the disk is full, or not: fill, clear", "disk {verb}", _VERB),
    _strike(
        "ips",
        "no address is left, or all are: exhaust, restore",
        "ips {verb}",
        _VERB,
    ),
)

RUNTIME = (_strike("restart", "the runtime dies, and comes back", "runtime restart"),)
NODE = (_strike("reboot", "the node reboots", "node reboot"),)

_GATE = ("name", "waiting", "arrived", "most", "open")
GATE = (
    Verb("ls", "list gates", "gates.list", (), _rows("gates", *_GATE)),
    Verb(
        "wait",
        "wait until a gate holds calls",
        "gates.wait",
        (
            _place("name", "NAME"),
            _option("waiting", "--calls", "N", "how many (1)", type=int),
            _option("timeout", "--timeout", "SECONDS", "of real time; then status 1", type=float),
        ),
        _row(*_GATE),
    ),
    Verb(
        "release",
        "let calls go on",
        "gates.release",
        (
            _place("name", "NAME"),
            _option("calls", "--calls", "N", "how many (all that it holds)", type=int),
            _flag("open", "--open", "let those that are still to come through, too"),
        ),
        _row(*_GATE),
    ),
)

SESSION = (
    Verb(
        "new",
        "begin a runtime with a socket of its own",
        "sessions.create",
        (
            _place("name", "NAME", nargs="?"),
            _option("listen", "--listen", "ADDRESS", "where it is served (beside the first one)"),
            _option("options.seed", "--seed", "N", "what all else random follows from", type=int),
            _option("options.pace", "--pace", "PACE", "how time passes (rate)"),
            _option("options.rate", "--rate", "X", "X times as fast as real time", type=float),
            _several("options.rules", "--rule", "RULE", "a rule that is armed from the start"),
            _flag("options.strict_images", "--strict-images", "pull only images that were added"),
            _several("options.images", "--add-image", "REFERENCE", "publish an image"),
            _several("options.registries", "--registry", "HOST=OPTIONS", "how one behaves"),
            _several("options.behaviours", "--behave", "RULE", "what containers do"),
            _flag("options.annotations", "--annotations", "let those of pods choose that, too"),
            _option("options.disk_bytes", "--disk-bytes", "N", "how big the disk is", type=int),
            _option("options.network", "--network", "NAME", "memory or loopback (memory)"),
            _option("options.streaming_address", "--streaming-address", "ADDRESS", "of streams"),
            _several("options.state", "--state", "FAULT", "what happens by itself"),
            _several("options.mask", "--mask", "FIELD", "hide fields from the recording"),
            _flag("options.wire_faults", "--wire-faults", "let rules break connections"),
            _several("options.pod_subnets", "--pod-subnet", "CIDR", "where pods get addresses"),
            _option("options.api_level", "--api-level", "1.N", "the Kubernetes minor it speaks"),
            _option("options.personality", "--personality", "NAME", "the runtime that is played"),
        ),
        _row(*_SESSION),
    ),
    Verb("ls", "list sessions", "sessions.list", (), _rows("sessions", *_SESSION)),
    Verb("close", "end a session", "sessions.close", (_place("session", "NAME"),), _nothing),
)

IMAGE = (
    Verb(
        "add",
        "publish images, so that they can be pulled",
        "node.add_images",
        (_place("references", "REFERENCE", nargs="+"),),
        lambda answer: "".join(f"{id_}\n" for id_ in answer.ids),
    ),
    Verb(
        "registry",
        "say how a registry behaves",
        "node.configure_registry",
        (_place("registry", "HOST=OPTIONS"),),
        _nothing,
    ),
)

BEHAVE = (
    Verb("add", "say what containers do", "node.behave", (_place("rule", "RULE"),), _line("id")),
    Verb("rm", "take that back", "node.stop_behaving", (_place("id", "ID"),), _nothing),
)

GROUPS: Mapping[str, tuple[str, tuple[Verb, ...]]] = {
    "faults": ("rules: what goes wrong", FAULTS),
    "clock": ("time, and the wall", CLOCK),
    "gate": ("gates, which hold calls", GATE),
    "state": ("what is on the node, and what happens to it", STATE),
    "runtime": ("the runtime itself", RUNTIME),
    "node": ("the node itself", NODE),
    "session": ("many runtimes in one process", SESSION),
    "image": ("images, and where they come from", IMAGE),
    "behave": ("what containers do", BEHAVE),
}

VERBS = (
    Verb(
        "log",
        "print the log of a container",
        "node.read_log",
        (_place("container_id", "CONTAINER"),),
        lambda answer: answer.log.decode("utf-8", "replace"),
    ),
    Verb(
        "record",
        "print the recording, as JSON Lines",
        "recording.stream",
        (
            _flag("from_now", "--from-now", "leave out what is there already"),
            _flag("follow", "--follow", "wait for more"),
        ),
        _line("json"),
    ),
    Verb("count", "count calls", "recording.count", (_place("rpcs", "RPC", nargs="*"),)),
    Verb("reset", "begin the runtime anew", "sessions.reset", (), _row(*_SESSION)),
    Verb("snapshot", "remember what was done so far", "sessions.snapshot", (), _line("id")),
    Verb(
        "restore",
        "begin anew, and do all of it again",
        "sessions.restore",
        (_place("id", "ID"),),
        _row(*_SESSION),
    ),
)
