"""Rules of a test: armed together, counted, and taken back together."""

from collections.abc import Iterable, Sequence
from typing import TypeAlias

from fakecri.contexts import UntilLeft
from fakecri.core.faults import Armed
from fakecri.core.faults.grammar import checked
from fakecri.core.faults.printing import text_of
from fakecri.core.faults.rules import Rule
from fakecri.core.faults.texts import parse_rules
from fakecri.core.recorder import CallRecord
from fakecri.errors import UsageError
from fakecri.host import Host

Rules: TypeAlias = str | Rule | Sequence[str | Rule]
"""Rules, or texts of one or more of them."""


class UnfiredRule(AssertionError):  # noqa: N818  # it reads as what happened
    """A rule that had to act on a call never did; the text says what came closest."""


class ArmedRule:
    """One rule that was armed, and what it has done."""

    def __init__(self, host: Host, armed: Armed) -> None:
        self._host = host
        self._armed = armed

    @property
    def rule(self) -> Rule:
        """The rule as data."""
        return self._armed.rule

    @property
    def text(self) -> str:
        """The rule as text, in its normal form."""
        return self._armed.text

    @property
    def hits(self) -> int:
        """How many calls it has matched, whether it acted on them or not."""
        return self._armed.hits

    @property
    def fired(self) -> int:
        """On how many calls it has acted."""
        return self._armed.fired

    @property
    def calls(self) -> list[CallRecord]:
        """Those calls."""
        with self._host.turn():
            return list(self._armed.calls)

    def reset(self) -> None:
        """Begin again, with all counts at 0."""
        with self._host.turn() as world:
            world.faults.reset(self._armed)

    def disarm(self) -> None:
        """Take it back; harmless when that is done. A call that it holds up it still holds up."""
        with self._host.turn() as world:
            world.faults.disarm(self._armed)

    @property
    def why_unfired(self) -> str | None:
        """What came closest, and why it did not act on that; None where it has acted."""
        with self._host.turn():
            if self._armed.fired or not self._armed.can_fire:
                return None
            return self._armed.why_unfired()

    def __repr__(self) -> str:
        return f"<{self.text!r}, fired {self.fired} times>"


class Scope(UntilLeft):
    """Rules that were armed together. As a context manager it disarms them at the end."""

    def __init__(self, rules: Iterable[ArmedRule], *, strict: bool) -> None:
        self.rules = tuple(rules)
        self.strict = strict
        """Whether each of them has to act."""
        self.left = False
        """Whether its context has been left, and that was checked."""

    @property
    def fired(self) -> int:
        """How often a rule has acted on a call."""
        return sum(rule.fired for rule in self.rules)

    @property
    def calls(self) -> list[CallRecord]:
        """The calls on which any of them has acted, in the order of their arrival."""
        calls = {call.serial: call for rule in self.rules for call in rule.calls}
        return [calls[serial] for serial in sorted(calls)]

    def reset(self) -> None:
        """Begin again, with all counts at 0."""
        for rule in self.rules:
            rule.reset()

    def disarm(self) -> None:
        """Take them back; harmless when that is done."""
        for rule in self.rules:
            rule.disarm()

    def check(self) -> None:
        """Raise UnfiredRule where one of them has not acted."""
        check_fired(self.rules)

    def _left(self, error: BaseException | None) -> None:
        self.disarm()
        self.left = True
        if self.strict and error is None:
            self.check()


class Faulting:
    """The faults of one runtime: call it with rules to arm them."""

    def __init__(self, host: Host, *, strict: bool = False) -> None:
        self._host = host
        self._strict = strict
        self._scopes: list[Scope] = []

    def __call__(self, *rules: Rules, strict: bool | None = None) -> Scope:
        """Arm rules, behind those that are. They stay until disarmed, or until the scope is left.

        A strict scope fails, with UnfiredRule, when it is left and a rule has not acted. UsageError
        where one is no rule: then none of them is armed.
        """
        parsed = as_rules(rules)
        with self._host.turn() as world:
            for rule in parsed:
                world.faults.check(rule)
            armed = [ArmedRule(self._host, world.faults.arm(rule)) for rule in parsed]
        scope = Scope(armed, strict=self._strict if strict is None else strict)
        if scope.strict:
            self._scopes.append(scope)
        return scope

    @property
    def armed(self) -> list[ArmedRule]:
        """All rules that are in force, in their order."""
        with self._host.turn() as world:
            return [ArmedRule(self._host, each) for each in world.faults.armed]

    def disarm(self) -> None:
        """Take all rules back, and ask of none that it has acted."""
        for rule in self.armed:
            rule.disarm()
        self._scopes.clear()

    def switch(self, name: str, *, on: bool = True) -> None:
        """Turn a switch on or off: `while NAME` in a rule asks for it. All are off at first."""
        with self._host.turn() as world:
            world.faults.switch(name, on=on)

    def check(self) -> None:
        """Raise UnfiredRule where a rule of a strict scope has not acted."""
        check_fired(rule for scope in self._scopes if not scope.left for rule in scope.rules)


def as_rules(rules: Iterable[Rules]) -> list[Rule]:
    """Return what was given in any form as rules. UsageError where one is none."""
    parsed: list[Rule] = []
    for each in rules:
        if isinstance(each, Rule):
            parsed.append(checked(each))
        elif isinstance(each, str):
            parsed += _parsed(each)
        elif isinstance(each, Sequence):
            parsed += as_rules(each)
        else:
            raise UsageError(f"{each!r} is neither a rule nor the text of one")
    return parsed


def texts_of(rules: Rules) -> tuple[str, ...]:
    """Return the texts of rules, in their normal form. UsageError where one is none."""
    return tuple(text_of(rule) for rule in as_rules([rules] if rules else []))


def _parsed(text: str) -> tuple[Rule, ...]:
    rules = parse_rules(text)
    if not rules:
        raise UsageError("there is no rule in this text")
    return rules


def check_fired(rules: Iterable[ArmedRule]) -> None:
    """Raise UnfiredRule where one of the rules has not acted."""
    unfired = [(rule.text, why) for rule in rules if (why := rule.why_unfired) is not None]
    if unfired:
        lines = [f"{text} never fired: {why}" for text, why in unfired]
        raise UnfiredRule("\n".join(lines))
