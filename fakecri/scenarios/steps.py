"""The steps of a scenario, line by line: what is done, and what is to be seen.

    arm ExecSync = error(UNKNOWN, "exec failed")
    never restarts web/app >= 1 for 15s

See docs/scenario_files.md.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fakecri.core.durations import parse_duration
from fakecri.core.faults.patterns import glob_matcher
from fakecri.core.faults.reading import RuleError
from fakecri.core.faults.texts import parse_rules
from fakecri.core.scheduler import SECOND_NS
from fakecri.core.state_faults import StateFault, StateFaultError
from fakecri.scenarios.conditions import Condition, Known, parse_condition
from fakecri.scenarios.lines import LineError, Words, span_ns

PATIENCE_NS = 30 * SECOND_NS
"""How long something is waited for where a step does not say."""

WATCHING: Mapping[str, str] = {
    "until": "it is waited for: if it does not come the run is inconclusive",
    "see": "a part of the symptom: if it does not come the bug is not reproduced",
    "never": "a part of the symptom: if it comes the bug is not reproduced",
    "instead": "waited for only where the symptom was missed: what comes in its place",
    "recovers": "how long that takes, since the last step that did something, is measured",
}
"""Verbs that look, and what it means."""

DOING: Mapping[str, tuple[str, str]] = {
    "put": ("[POD ...]", "write the manifests of these pods, by names or globs; of all"),
    "edit": ("POD PATH = JSON", "change a field of a manifest, and write it"),
    "remove": ("POD ...", "remove manifests"),
    "arm": ("RULE", "arm a rule, see faults.md"),
    "disarm": ("", "take back all rules that were armed"),
    "state": ("LINE", "a state fault, see state_faults.md"),
    "clock": (
        "jump SPAN | set TIME | freeze | thaw | stamps STAMP | trust",
        "turn the runtime's wall clock, see time.md; `trust` ends `stamps`",
    ),
    "release": ("GATE [NUMBER]", "let calls go on that a gate of a rule holds"),
    "open": ("GATE", "let all go on, and whatever comes"),
    "kubelet": ("start | stop | kill | restart", "without `start` it runs before the first step"),
    "wait": ("SPAN", "let real time pass"),
}
"""Verbs that do something: what follows them, and what it is."""

CLOCK = ("jump", "set", "freeze", "thaw", "stamps", "trust")
KUBELET = ("start", "stop", "kill", "restart")


@dataclass(frozen=True, slots=True)
class Step:
    """A line. What watches has a condition, what does something has arguments."""

    verb: str
    text: str
    line: int = 0
    arguments: tuple[Any, ...] = ()
    condition: Condition | None = None
    span_ns: int = 0
    """Within what time, or for how long."""

    @property
    def watches(self) -> bool:
        """Whether it only looks."""
        return self.condition is not None

    @property
    def injects(self) -> bool:
        """Whether it is a fault."""
        return self.verb in {"arm", "state", "clock"} or self.text == "kubelet kill"


class StepError(LineError):
    """A line of the steps is wrong. `line` counts from 1."""

    def __init__(self, line: int, error: LineError) -> None:
        super().__init__(error.column, error.text)
        self.args = (f"line {line}, {error}",)
        self.line = line


def parse_steps(text: str, pods: Mapping[str, Sequence[str]]) -> tuple[Step, ...]:
    """Return the steps. `pods`: their names, with those of their containers. StepError."""
    known, steps = Known(pods), []
    for number, line in enumerate(text.splitlines(), 1):
        stripped = Words(line).without_comment()
        if not stripped:
            continue
        try:
            steps.append(_step(stripped, number, known))
        except LineError as error:
            raise StepError(number, error) from None
    return tuple(steps)


def _step(line: str, number: int, known: Known) -> Step:
    words = Words(line)
    verb = words.one_of("a step", [*DOING, *WATCHING]).text
    text = line.strip()
    if verb in WATCHING:
        wanted, other = ("for", "within") if verb == "never" else ("within", "for")
        ns = words.span_at_end(wanted)
        if (ns is None and verb == "never") or words.span_at_end(other) is not None:
            raise LineError(len(line) + 1, f"{verb} ends with: {wanted} SPAN")
        condition = parse_condition(words, known)
        return Step(verb, text, number, (), condition, PATIENCE_NS if ns is None else ns)
    arguments = _READ[verb](words, known)
    words.end()
    span_ns = arguments[0] if verb == "wait" else 0
    return Step(verb, text, number, tuple(arguments), None, span_ns)


def _pods(words: Words, known: Known, *, least: int = 1) -> list[str]:
    globs: list[str] = []
    while len(words) or len(globs) < least:
        word = words.take("a pod")
        known.check_pod(word)
        globs.append(word.plain)
    return [name for name in known.pods if any(glob_matcher(each)(name) for each in globs)]


def _put(words: Words, known: Known) -> list[Any]:
    return _pods(words, known) if len(words) else list(known.pods)


def _edit(words: Words, known: Known) -> list[Any]:
    pod = words.take("a pod")
    known.check_pod(pod)
    path = words.take("a path, as spec.containers.app.image")
    words.one_of("what stands between a path and its value", ["="])
    value = words.rest("a value, as JSON")
    try:
        return [known.chosen(pod.plain), path.plain, json.loads(value.text)]
    except ValueError as error:
        raise value.error(f"{value.text} is no JSON: {error}") from None


def _arm(words: Words, _: Known) -> list[Any]:
    rule = words.rest("a rule")
    try:
        parse_rules(rule.text)
    except RuleError as error:
        raise LineError(rule.column + error.column - 1, error.complaint) from None
    return [rule.text]


def _state(words: Words, _: Known) -> list[Any]:
    line = words.rest("a state fault")
    try:
        StateFault.parse(line.text)
    except StateFaultError as error:
        raise LineError(line.column + error.column - 1, error.text) from None
    return [line.text]


def _clock(words: Words, _: Known) -> list[Any]:
    verb = words.one_of("what can be done to the clock", CLOCK).text
    if verb in {"freeze", "thaw", "trust"}:
        return [verb]
    word = words.take(
        {"jump": "a span, as -40s", "set": "a time"}.get(verb, "a stamp, as 0 or -1h")
    )
    if verb == "jump" and parse_duration(word.text, signed=True) is None:
        raise word.error(f"{word.text} is no span of time, as -40s")
    return [verb, word.plain]


def _release(words: Words, _: Known) -> list[Any]:
    gate = words.take("a gate").plain
    if not len(words):
        return [gate, None]
    number = words.take("a number")
    if not number.text.isdecimal():
        raise number.error(f"{number.text} is no number of calls")
    return [gate, int(number.text)]


_READ: Mapping[str, Callable[[Words, Known], list[Any]]] = {
    "put": _put,
    "edit": _edit,
    "remove": _pods,
    "arm": _arm,
    "disarm": lambda _words, _known: [],
    "state": _state,
    "clock": _clock,
    "release": _release,
    "open": lambda words, _: [words.take("a gate").plain],
    "kubelet": lambda words, _: [words.one_of("what a kubelet can do", KUBELET).text],
    "wait": lambda words, _: [span_ns(words.take("a span, as 10s"))],
}
