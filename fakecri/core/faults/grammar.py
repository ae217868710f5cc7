"""The text of rules, read: `StartContainer{pod=web-*} = 1*after:error(UNAVAILABLE, "gone")`.

    rule     = targets [ "{" condition { "," condition } "}" ] "=" term { "->" term }
    targets  = target { "," target }              an RPC, or * reads writes lists streams images
    term     = { trigger } [ phase ":" ] action [ "(" argument { "," argument } ")" ]

What is between tokens, line ends too, does not matter. `printing` is the way back.
"""

import re
from collections.abc import Callable, Mapping

from fakecri.core.faults.arguments import read_arguments
from fakecri.core.faults.checks import ArgumentError, check_arguments
from fakecri.core.faults.conditions import read_conditions
from fakecri.core.faults.fits import find_misfit
from fakecri.core.faults.kinds import KINDS, default_phase, is_session
from fakecri.core.faults.printing import text_of
from fakecri.core.faults.reading import Reader, RuleError, similar
from fakecri.core.faults.rules import Action, Phase, Rule, Term, Value, When
from fakecri.core.faults.subjects import STATES
from fakecri.core.faults.targets import WORDS, expanded
from fakecri.errors import UsageError
from fakecri.rpcs import RPCS

__all__ = ["RuleError", "checked", "parse_rule"]

_ALWAYS = 100
_QUANTITY = re.compile(r"[\d.]")
_PHASES = {phase.value: phase for phase in Phase}


def parse_rule(text: str) -> Rule:
    """Return the rule that `text` says. RuleError where it says none."""
    reader = Reader(text)
    targets = _targets(reader)
    selector = read_conditions(reader, targets, "}") if reader.take("{") else ()
    reader.expect("=", "= and an action" if selector else "{, = or a comma")
    terms = [_term(reader, targets)]
    while reader.take("->"):
        terms.append(_term(reader, targets))
    if reader.skip() < len(text):
        raise reader.unexpected("-> or the end")
    return Rule(targets, tuple(terms), selector)


def checked(rule: Rule) -> Rule:
    """Return a rule that was made without a text. UsageError where no text could say it."""
    try:
        text = text_of(rule)
        same = parse_rule(text)
    except RuleError as error:
        raise UsageError(f"{text}: {error}") from error
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(f"{rule!r} is no rule: {error!r}") from error
    if same != rule:
        raise UsageError(f"{rule!r} is no rule: it reads as {text}, which is {same!r}")
    return rule


def is_switch(name: str) -> bool:
    """Whether `while NAME` asks for a switch of this name."""
    reader = Reader(name)
    try:
        return _state(reader) == name and name not in STATES
    except RuleError:
        return False


def _targets(reader: Reader) -> tuple[str, ...]:
    targets = [_target(reader)]
    while reader.take(","):
        at = reader.skip()
        target = _target(reader)
        if target in targets:
            raise reader.error(f"{target} is there already", at)
        targets.append(target)
    return tuple(targets)


def _target(reader: Reader) -> str:
    if reader.take("*"):
        return "*"
    return reader.word(f"an RPC or one of {', '.join(WORDS)}", (*RPCS, *WORDS))


def _term(reader: Reader, targets: tuple[str, ...]) -> Term:
    whens: list[When] = []
    at = reader.skip()
    while (when := _when(reader)) is not None:
        if whens and whens[-1].kind == "percent":
            raise reader.error("a chance is the last of the triggers: counts come before it", at)
        whens.append(when)
        at = reader.skip()
    phase = _phase(reader)
    action_at = reader.skip()
    name = reader.word(_expected(phase, whens), KINDS)
    on_messages = any(when.kind == "at" for when in whens)
    acts_in = phase or default_phase(name, on_messages=on_messages)
    _check_fit(reader, name, acts_in, targets, at if phase else action_at)
    if on_messages and acts_in not in (Phase.REPLY, Phase.STREAM):
        raise reader.error(f"at is for messages of streams; {name} acts {acts_in.value} a call", at)
    if on_messages and all(is_session(acts_in, rpc) for rpc in expanded(targets)):
        raise reader.error("at is for messages of streams; a session has none", at)
    action = Action(name, read_arguments(reader, name, acts_in, targets))
    try:
        check_arguments(action, acts_in, targets)
    except ArgumentError as error:
        where = reader.places[error.argument] + error.offset if reader.places else action_at
        raise reader.error(error.complaint, where) from None
    return Term(action, acts_in, tuple(whens))


def _expected(phase: Phase | None, whens: list[When]) -> str:
    if phase is not None:
        return "an action"
    return "a phase or an action" if whens else "a trigger, a phase or an action"


def _phase(reader: Reader) -> Phase | None:
    word = reader.peek_word()
    at = reader.at
    reader.at += len(word)
    if word and reader.take(":"):
        if word not in _PHASES:
            raise reader.unexpected(f"one of the phases {', '.join(_PHASES)}", _PHASES, at)
        return _PHASES[word]
    reader.at = at
    return None


def _when(reader: Reader) -> When | None:
    """Read a trigger, if one is next."""
    start = reader.skip()
    if reader.match(_QUANTITY) is not None:
        reader.at = start
        return _quantity(reader)
    word = reader.peek_word()
    if word not in _TRIGGERS:
        return None
    reader.at += len(word)
    if reader.comes(":"):  # the phase `after` is no count
        reader.at = start
        return None
    return When(word, tuple(read(reader) for read in _TRIGGERS[word]))


def _quantity(reader: Reader) -> When:
    """Read `3*` or `30%`."""
    at = reader.skip()
    number = reader.number()
    if reader.take("%"):
        if not 0 < number <= _ALWAYS:
            raise reader.error(f"a chance is above 0% and at most 100%, not {number}%", at)
        return When("percent", (number,))
    if not reader.take("*"):
        raise reader.unexpected("* or % after a number")
    if not isinstance(number, int) or number < 1:
        raise reader.error(f"expected a whole number from 1 on, not {number}", at)
    return When("next", (number,))


def _count(reader: Reader) -> Value:
    return reader.integer("a count", 1)


def _place(reader: Reader) -> Value:
    return reader.integer("the number of a message", 1)


def _span(reader: Reader) -> Value:
    at = reader.skip()
    span = reader.duration()
    if span.ns <= 0:
        raise reader.error("expected a duration above 0", at)
    return span


def _instant(reader: Reader) -> Value:
    at = reader.skip()
    span = reader.duration()
    if span.ns < 0:
        raise reader.error("expected a duration from the start of the runtime, 0s or more", at)
    return span


def _state(reader: Reader) -> Value:
    at = reader.skip()
    word = reader.word("a state or the name of a switch")
    meant = "" if word in STATES else similar(word, STATES)
    if meant:
        raise reader.error(f"{word} is too much like a state to be a switch{meant}", at)
    return word


_TRIGGERS: Mapping[str, tuple[Callable[[Reader], Value], ...]] = {
    "nth": (_count,),
    "after": (_count,),
    "every": (_count,),
    "max": (_count,),
    "at": (_place,),
    "for": (_span,),
    "first": (_span,),
    "from": (_instant,),
    "until": (_instant,),
    "while": (_state,),
    "on_connect": (),
    "once": (),
}


def _check_fit(reader: Reader, name: str, phase: Phase, targets: tuple[str, ...], at: int) -> None:
    """Refuse what does not fit an RPC that is named, or none of those that a word stands for."""
    misfits = {rpc: find_misfit(name, phase, rpc) for rpc in expanded(targets)}
    named = [misfit for rpc, misfit in misfits.items() if misfit and rpc in targets]
    if named or all(misfits.values()):
        raise reader.error(next(iter(named or misfits.values())), at)
