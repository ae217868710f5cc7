"""A behaviour as keyword arguments, in seconds and plain numbers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from fakecri.core.behaviours.answers import Answer, Answering, ExecRule
from fakecri.core.behaviours.kinds import Amount
from fakecri.core.behaviours.rules import Rule
from fakecri.core.behaviours.steps import (
    Behaviour,
    CrashLoop,
    Exit,
    Http,
    IgnoreTerm,
    Log,
    Message,
    Oom,
    StartError,
    Step,
    Term,
    Unready,
)
from fakecri.core.scheduler import SECOND_NS
from fakecri.errors import UsageError


class Choices(TypedDict, total=False):
    """What a test can choose for a container. Times are in seconds, since the start."""

    run: str | Behaviour
    """In the text form; the rest is added to it."""
    exit_code: int
    after: float
    """When it exits; without it at once, or when its log is written."""
    crash_after: float
    """It crashes so long after each start, with `exit_code`, or 1."""
    attempts: int
    """How many attempts crash; the later ones go on. Without it all do."""
    oom_after: float
    ignore_term: bool
    term_time: float
    """How long it takes to end after SIGTERM."""
    log_bytes: int
    log_lines: int
    log_rate: float
    """Bytes a second, or lines a second where `log_lines` are given."""
    log_stream: str
    line_length: int
    http: int
    """The port on which it serves HTTP: 200 to everything, and 503 while it is unready."""
    execs: Mapping[str | tuple[str, ...], Answer | Answering | int | str | bytes]
    """By exact argv or by a glob for it; an int is an exit code, a text is stdout."""
    unready: Sequence[tuple[float, float | None]]
    """When probes fail: from, and until or None."""
    start_error: str
    message: str


def behaviour_of(choices: Choices) -> Behaviour:
    """Return the behaviour of keyword arguments. Raises UsageError."""
    unknown = sorted(set(choices) - set(Choices.__annotations__))
    if unknown:
        raise UsageError(f"{unknown[0]!r} is nothing that can be chosen")
    run = choices.get("run", Behaviour())
    base = Behaviour.parse(run) if isinstance(run, str) else run
    behaviour = Behaviour((*base.steps, *_steps(choices)))
    # What the text form has no words for is not possible.
    return Behaviour.parse(str(behaviour)) if behaviour.steps else behaviour


def exec_rules(choices: Choices) -> tuple[ExecRule, ...]:
    """Return the answers of keyword arguments, later ones first, since they win."""
    given = reversed(tuple(choices.get("execs", {}).items()))
    return tuple(ExecRule(pattern, _answer(answer)) for pattern, answer in given)


def chosen_rule(choices: Choices, *, image: str, pod: str, container: str) -> Rule:
    """Return the rule of keyword arguments. Raises UsageError."""
    behaviour, execs = behaviour_of(choices), exec_rules(choices)
    if not (behaviour.steps or execs):
        raise UsageError("nothing is chosen")
    return Rule(image=image, pod=pod, container=container, behaviour=behaviour, execs=execs)


def _answer(given: Answer | Answering | int | str | bytes) -> Answer | Answering:
    if isinstance(given, int):
        return Answer(exit_code=given)
    return Answer(stdout=given) if isinstance(given, str | bytes) else given


def _steps(choices: Choices) -> Iterator[Step]:
    yield from _ends(choices)
    if "oom_after" in choices:
        yield Oom(_ns(choices["oom_after"]))
    if choices.get("ignore_term"):
        yield IgnoreTerm()
    if "term_time" in choices:
        yield Term(_ns(choices["term_time"]))
    if choices.keys() & {"log_bytes", "log_lines", "log_rate"}:
        yield _log(choices)
    if "http" in choices:
        yield Http(choices["http"])
    for from_s, until_s in choices.get("unready", ()):
        yield Unready(_ns(from_s), None if until_s is None else _ns(until_s))
    if "start_error" in choices:
        yield StartError(choices["start_error"] or None)
    if choices.get("message"):
        yield Message(choices["message"])


def _ends(choices: Choices) -> Iterator[Step]:
    if "crash_after" in choices:
        if "after" in choices:
            raise UsageError("after and crash_after are two ends of one container")
        code, attempts = choices.get("exit_code"), choices.get("attempts")
        yield CrashLoop(_ns(choices["crash_after"]), code, attempts)
        return
    _require(choices, "attempts", "crash_after")
    if "exit_code" in choices or "after" in choices:
        after_ns = _ns(choices["after"]) if "after" in choices else None
        yield Exit(choices.get("exit_code", 0), after_ns)


def _log(choices: Choices) -> Log:
    if "log_bytes" in choices and "log_lines" in choices:
        raise UsageError("log_bytes and log_lines are two sizes of one log")
    lines = "log_lines" in choices
    size = choices.get("log_lines", choices.get("log_bytes"))
    rate = choices.get("log_rate")
    return Log(
        None if size is None else Amount(size, lines),
        None if rate is None else Amount(round(rate), lines),
        choices.get("log_stream"),
        choices.get("line_length"),
    )


def _require(choices: Mapping[str, Any], key: str, other: str) -> None:
    if key in choices and other not in choices:
        raise UsageError(f"{key} goes with {other}")


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
