"""Assertions over past calls, live ones and those of a recording alike.

What fails says what was expected, what was seen, and which calls there were around it. Times are
virtual, in seconds. Each assertion returns the calls that it looked at.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import NoReturn, Unpack

from fakecri.core.faults.subjects import Subject
from fakecri.core.history import telling
from fakecri.core.history.about import PastCall, subjects_of
from fakecri.core.history.choosing import About, Calls, Choice
from fakecri.core.history.telling import seconds
from fakecri.core.scheduler import SECOND_NS
from fakecri.errors import UsageError

GROUPS = ("", "pod", "container", "image", "id", "peer", "object")


class History:
    """Calls in the order of their arrival."""

    def __init__(self, calls: Iterable[PastCall]) -> None:
        self.calls = tuple(calls)

    def __len__(self) -> int:
        return len(self.calls)

    @cached_property
    def _subjects(self) -> dict[int, Subject]:
        return subjects_of(self.calls)

    def select(self, calls: Calls = "*", **about: Unpack[About]) -> list[PastCall]:
        """Return the calls that are meant. UsageError for what cannot be meant."""
        return self._chosen(Choice(calls, about))

    def __str__(self) -> str:
        return "\n".join(telling.told(each, self._subjects[each.serial]) for each in self.calls)

    # How many.

    def count(
        self,
        calls: Calls,
        *,
        exactly: int | None = None,
        at_least: int | None = None,
        at_most: int | None = None,
        **about: Unpack[About],
    ) -> list[PastCall]:
        """Require so many calls; at least one where no number is given."""
        if exactly is not None:
            at_least = at_most = exactly
        elif at_least is None and at_most is None:
            at_least = 1
        choice = Choice(calls, about)
        found = self._chosen(choice)
        if not (at_least or 0) <= len(found) <= (len(found) if at_most is None else at_most):
            self._fail(
                f"expected {_quantity(at_least, at_most)} of {choice.text}, and saw {len(found)}",
                found or self._nearest(choice),
                "" if found else self._near_miss(choice),
            )
        return found

    def never(self, calls: Calls, **about: Unpack[About]) -> None:
        """Require that there was no such call."""
        self.count(calls, exactly=0, **about)

    def max_concurrent(self, calls: Calls, at_most: int, **about: Unpack[About]) -> list[PastCall]:
        """Require that at most so many of the calls were in flight at once; return the most."""
        choice = Choice(calls, about)
        most: list[PastCall] = []
        flying: list[PastCall] = []
        for call in self._chosen(choice):
            flying = [each for each in flying if each.ended_n is None or each.ended_n > call.n]
            flying.append(call)
            most = max(most, flying, key=len)
        if len(most) > at_most:
            self._fail(
                f"expected at most {at_most} of {choice.text} at once, and saw {len(most)} "
                f"at {seconds(most[-1].began_ns)}",
                most,
            )
        return most

    # In what order.

    def order(self, *steps: Calls, per: str = "pod", **about: Unpack[About]) -> list[PastCall]:
        """Require of each step that a call of the step before has ended before it begins.

        Other calls may be between. Each step must have been seen. With `per`, one of `GROUPS`, the
        order holds among the calls about the same pod, container, ...; calls about none are about
        all of them.
        """
        if len(steps) < 2:  # noqa: PLR2004  # an order is one of two
            raise UsageError("an order needs two steps")
        choices = [Choice(step, about) for step in steps]
        found = [self._seen(choice) for choice in choices]
        for (before, earlier), (after, later) in pairwise(zip(choices, found, strict=True)):
            for call in later:
                self._require_earlier(call, earlier, per, (before, after))
        return sorted((call for calls in found for call in calls), key=lambda call: call.n)

    def _require_earlier(
        self, call: PastCall, earlier: list[PastCall], per: str, choices: tuple[Choice, Choice]
    ) -> None:
        related = [each for each in earlier if self._are_alike(each, call, per)]
        if any(_is_before(each, call) for each in related):
            return
        before, after = choices
        which = self._group_text(call, per)
        known = f"the first of {len(related)} is #{related[0].serial}" if related else "saw none"
        self._fail(
            f"expected {before.text} before {after.text}{which}, and {known}; "
            f"#{call.serial} came at {seconds(call.began_ns)}",
            [*related[:1], call],
        )

    def within(
        self,
        seconds_: float,
        first: Calls,
        then: Calls,
        *,
        per: str = "",
        **about: Unpack[About],
    ) -> list[PastCall]:
        """Require that each `first` call is followed by a `then` call within so many seconds.

        From the end of the one to the beginning of the other. `per` as in `order`.
        """
        firsts, thens = Choice(first, about), Choice(then, about)
        candidates = self._chosen(thens)
        answered = []
        for call in self._seen(firsts):
            after = [
                each
                for each in candidates
                if each.n > (call.ended_n or call.n) and self._are_alike(call, each, per)
            ]
            if not after or _apart_ns(call, after[0]) > seconds_ * SECOND_NS:
                late = after and f"it came {seconds(_apart_ns(call, after[0]))} later"
                self._fail(
                    f"expected {thens.text} within {seconds_:g} s of {firsts.text}"
                    f"{self._group_text(call, per)}, and {late or 'saw none'}",
                    [call, *after[:1]],
                )
            answered.append(after[0])
        return answered

    # How far apart.

    def gap(
        self,
        calls: Calls,
        *,
        at_least: float = 0,
        at_most: float | None = None,
        per: str = "",
        **about: Unpack[About],
    ) -> list[PastCall]:
        """Require so many seconds from the beginning of each call to that of the next."""
        choice = Choice(calls, about)
        for group in self._groups(choice, per):
            for one, two in pairwise(group):
                apart_ns = two.began_ns - one.began_ns
                if apart_ns < at_least * SECOND_NS or (
                    at_most is not None and apart_ns > at_most * SECOND_NS
                ):
                    self._fail(
                        f"expected {_span(at_least, at_most)} between two of {choice.text}"
                        f"{self._group_text(one, per)}, and saw {seconds(apart_ns)}",
                        [one, two],
                    )
        return self._chosen(choice)

    def backoff(  # what a back-off has, by keyword
        self,
        calls: Calls,
        *,
        base: float,
        factor: float = 2,
        cap: float | None = None,
        slack: float = 0,
        per: str = "object",
        **about: Unpack[About],
    ) -> list[PastCall]:
        """Require of failed attempts at one thing that the pauses between them grow.

        From the end of a failed call to the beginning of the next: at least `base` seconds, then
        `factor` times as many, and so on up to `cap`; a call that succeeds begins anew. `slack` is
        the part of a pause that may be missing, such as 0.1.
        """
        choice = Choice(calls, about)
        for group in self._groups(choice, per):
            pause, failures = base, 0
            for one, two in pairwise(group):
                if one.error is None:
                    pause, failures = base, 0
                    continue
                failures += 1
                wanted = pause if cap is None else min(pause, cap)
                if _apart_ns(one, two) < wanted * (1 - slack) * SECOND_NS:
                    self._fail(
                        f"expected {choice.text}{self._group_text(one, per)} to wait at least "
                        f"{wanted:g} s after {_times(failures)}, and it waited "
                        f"{seconds(_apart_ns(one, two))}",
                        [one, two],
                    )
                pause *= factor
        return self._chosen(choice)

    # What they asked.

    def deadline_set(
        self,
        calls: Calls = "*",
        *,
        but: Sequence[str] = ("GetContainerEvents",),
        at_least: float = 0,
        at_most: float | None = None,
        **about: Unpack[About],
    ) -> list[PastCall]:
        """Require of each call that its client set a deadline, and one of so many seconds.

        `but`: RPCs that need none.
        """
        choice = Choice(calls, about)
        found = [call for call in self._chosen(choice) if call.rpc not in but]
        wrong = [call for call in found if not _has_deadline(call, at_least, at_most)]
        if wrong:
            span = f" of {_span(at_least, at_most)}" if at_least or at_most is not None else ""
            self._fail(
                f"expected {choice.text} to have a deadline{span}, and {len(wrong)} of "
                f"{len(found)} had none such",
                wrong,
            )
        return found

    def same_argument(
        self, calls: Calls, path: str, *, per: str = "", **about: Unpack[About]
    ) -> list[PastCall]:
        """Require that a field of the request is the same in all of the calls."""
        return self._compare(Choice(calls, about), path, per, same=True)

    def distinct_argument(
        self, calls: Calls, path: str, *, per: str = "", **about: Unpack[About]
    ) -> list[PastCall]:
        """Require that a field of the request is another in each of the calls."""
        return self._compare(Choice(calls, about), path, per, same=False)

    def _compare(self, choice: Choice, path: str, per: str, *, same: bool) -> list[PastCall]:
        value_of = choice.field(path)
        for group in self._groups(choice, per):
            seen: dict[tuple[str, ...], PastCall] = {}
            for call in group:
                value = value_of(self._subjects[call.serial])
                other = seen.get(value)
                if (seen and other is None) if same else other is not None:
                    one = next(iter(seen.values())) if same else other or call
                    values = [value_of(self._subjects[each.serial]) for each in (one, call)]
                    self._fail(
                        f"expected {'the same' if same else 'another'} {path} in each of "
                        f"{choice.text}{self._group_text(call, per)}, and saw "
                        f"{' and '.join(', '.join(each) or 'nothing' for each in values)}",
                        [one, call],
                    )
                seen[value] = call
        return self._chosen(choice)

    # Choosing.

    def _chosen(self, choice: Choice) -> list[PastCall]:
        return [call for call in self.calls if choice.holds(call, self._subjects[call.serial])]

    def _seen(self, choice: Choice) -> list[PastCall]:
        found = self._chosen(choice)
        if not found:
            self._fail(
                f"expected {choice.text}, and saw none",
                self._nearest(choice),
                self._near_miss(choice),
            )
        return found

    def _nearest(self, choice: Choice) -> list[PastCall]:
        return [call for call in self.calls if call.rpc in choice.rpcs][-3:]

    def _near_miss(self, choice: Choice) -> str:
        there = [call for call in self.calls if call.rpc in choice.rpcs]
        if there:
            return f"of {len(there)} with such an RPC none fits; the last of them:"
        rpcs = sorted({call.rpc for call in self.calls})
        return f"no such RPC was called; {len(self.calls)} calls of {', '.join(rpcs) or 'none'}"

    def _groups(self, choice: Choice, per: str) -> list[list[PastCall]]:
        groups: dict[str, list[PastCall]] = {}
        for call in self._chosen(choice):
            groups.setdefault(self._group(call, per), []).append(call)
        return list(groups.values())

    def _group(self, call: PastCall, per: str) -> str:
        if per not in GROUPS:
            raise UsageError(f"per={per!r}: expected one of {', '.join(GROUPS[1:])}")
        subject = self._subjects[call.serial]
        if per == "object":
            image = "" if subject.container else next(iter(subject.get("image")), "")
            return f"{subject.identity} {image}".strip()
        values = subject.get(per) if per else ()
        return values[-1] if per == "pod" and values else next(iter(values), "")

    def _are_alike(self, one: PastCall, two: PastCall, per: str) -> bool:
        groups = (self._group(one, per), self._group(two, per))
        return "" in groups or groups[0] == groups[1]

    def _group_text(self, call: PastCall, per: str) -> str:
        if not per or per == "object":
            return ""
        group = self._group(call, per)
        return f" of {per} {group}" if group else ""

    def _fail(self, what: str, calls: Iterable[PastCall], more: str = "") -> NoReturn:
        lines = telling.shown(self.calls, self._subjects, calls)
        raise AssertionError("\n".join(each for each in (what, more, lines) if each))


def _is_before(one: PastCall, two: PastCall) -> bool:
    return one.ended_n is not None and one.ended_n < two.n


def _apart_ns(one: PastCall, two: PastCall) -> int:
    return two.began_ns - (one.began_ns if one.ended_ns is None else one.ended_ns)


def _has_deadline(call: PastCall, at_least: float, at_most: float | None) -> bool:
    if call.timeout_ns is None:
        return False
    timeout_s = call.timeout_ns / SECOND_NS
    return at_least <= timeout_s and (at_most is None or timeout_s <= at_most)


def _quantity(at_least: int | None, at_most: int | None) -> str:
    if at_least == at_most:
        return str(at_least) if at_least else "none"
    if at_most is None:
        return f"at least {at_least}"
    return f"{at_least} to {at_most}" if at_least else f"at most {at_most}"


def _span(at_least: float, at_most: float | None) -> str:
    if at_most is None:
        return f"at least {at_least:g} s"
    return f"{at_least:g} to {at_most:g} s" if at_least else f"at most {at_most:g} s"


def _times(failures: int) -> str:
    return "1 failure" if failures == 1 else f"{failures} failures in a row"
