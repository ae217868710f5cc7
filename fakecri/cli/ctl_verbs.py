"""What `fakecri ctl` can do: each verb with its method, its arguments, and how its answer looks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from google.protobuf.message import Message

from fakecri.cli.tables import as_facts, as_table

Show: TypeAlias = Callable[[Any], str]
"""Returns an answer as text for people."""


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
            _several("options.pod_subnets", "--pod-subnet", "CIDR", "where pods get addresses"),
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
