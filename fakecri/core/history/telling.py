"""Calls as lines of a failure: their numbers and times, what they were about, how they ended."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from fakecri.core.history.about import PastCall
from fakecri.core.scheduler import SECOND_NS

if TYPE_CHECKING:
    from fakecri.core.faults.subjects import Subject
    from fakecri.errors import CRIError

AROUND = 2
"""How many calls are shown before and after each that matters."""
MOST = 40
"""How many lines are shown at most."""

_SHORT = 12
_LONG = 100


def seconds(ns: int) -> str:
    """Return a span or an instant of virtual time in seconds: `1.005s`."""
    text = f"{ns / SECOND_NS:.6f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"{whole}.{part:0<3}s"


def told(call: PastCall, subject: "Subject") -> str:
    """Return one call as a line: `#4  0.005s  StartContainer pod=web-1 container=main -> OK`."""
    about = _about(subject)
    words = [f"#{call.serial:<4} {seconds(call.began_ns):>9}  {call.rpc}"]
    words += [f"{key}={value}" for key, value in about.items() if value]
    if call.timeout_ns is not None:
        words.append(f"timeout={seconds(call.timeout_ns)}")
    return f"{' '.join(words)} -> {_end(call)}"


def _about(subject: "Subject") -> dict[str, str]:
    first = {key: next(iter(subject.get(key)), "") for key in ("pod", "container", "image")}
    if subject.container is not None:
        del first["image"]  # which is the same as in the call that made it
    thing = subject.container or subject.pod
    return {**first, "id": thing.id[:_SHORT] if thing else ""}


def _end(call: PastCall) -> str:
    if call.ended_ns is None:
        end = f"cancelled ({call.cancelled}), no end" if call.cancelled else "no end yet"
    else:
        end = "OK" if call.error is None else _error(call.error)
        if call.ended_ns != call.began_ns:
            end += f" at {seconds(call.ended_ns)}"
        if call.cancelled:
            end += f", cancelled by {call.cancelled}"
        elif call.unsent:
            end += ", which the client never got"
    return "; ".join([end, *(f"rule: {each.action}" for each in call.faults)])


def _error(error: "CRIError") -> str:
    text = error.message
    return f"{error.code.name} {text if len(text) <= _LONG else f'{text[:_LONG]}...'!r}"


def shown(
    calls: Sequence[PastCall], subjects: Mapping[int, "Subject"], marked: Iterable[PastCall]
) -> str:
    """Return the calls that matter, each marked, among those around them."""
    serials = {call.serial for call in marked}
    places = [place for place, call in enumerate(calls) if call.serial in serials]
    near = sorted(
        {each for place in places for each in range(place - AROUND, place + AROUND + 1)}
        & set(range(len(calls)))
    )
    lines: list[str] = []
    last = -1
    for place in near:
        if len(lines) >= MOST:
            break
        if place != last + 1:
            lines.append("      ...")
        call = calls[place]
        mark = ">" if call.serial in serials else " "
        lines.append(f"  {mark} {told(call, subjects[call.serial])}")
        last = place
    if near and last != len(calls) - 1:
        lines.append(f"      ... {len(calls)} calls in all")
    return "\n".join(lines)
