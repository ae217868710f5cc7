"""Two accounts of one sequence side by side."""

from collections.abc import Iterator
from dataclasses import dataclass

from fakecri.replay.ignoring import Ignore
from fakecri.replay.trees import ABSENT, Trees, Value
from fakecri.verify.accounts import Fields
from fakecri.verify.sequences import Sequence


@dataclass(frozen=True, slots=True)
class Difference:
    """One place where two runtimes differ."""

    path: str
    """Such as `ContainerStatus.status.reason`, `StopContainer.error.code`, `logs.c`."""
    where: str
    """What was done: a step of the sequence, or how things were in the end."""
    reference: Value
    subject: Value


def compare(
    sequence: Sequence, reference: Fields, subject: Fields, known: Ignore
) -> list[Difference]:
    """Return where two accounts of a sequence differ, but for what is known.

    A known path is one of Difference, or that after the name of a sequence and a slash.
    """
    found = [*_steps(sequence, reference, subject), *_state(reference, subject)]
    for part in ("logs", "events"):
        # What one side does not have is not compared: it may have no events, or no readable logs.
        if part in reference and part in subject:
            spots = Trees().spots(reference[part], subject[part], part)
            found += [Difference(spot.path, part, spot.left, spot.right) for spot in spots]
    return [
        each
        for each in found
        if not any([known.covers(each.path), known.covers(f"{sequence.name}/{each.path}")])
    ]


def _steps(sequence: Sequence, reference: Fields, subject: Fields) -> Iterator[Difference]:
    pairs = zip(sequence.steps, reference["steps"], subject["steps"], strict=True)
    for number, (step, ours, theirs) in enumerate(pairs, 1):
        yield from _told(f"step {number}: {step.text}", ours, theirs)


def _state(reference: Fields, subject: Fields) -> Iterator[Difference]:
    ours = {(each["of"], each["call"]): each for each in reference["state"]}
    theirs = {(each["of"], each["call"]): each for each in subject["state"]}
    for key in (*ours, *(key for key in theirs if key not in ours)):
        where = f"at the end: {' of '.join(filter(None, (key[1], key[0])))}"
        one, other = ours.get(key), theirs.get(key)
        if one is None or other is None:
            yield Difference(key[1], where, one or ABSENT, other or ABSENT)
        else:
            yield from _told(where, one, other)


def _told(where: str, ours: Fields, theirs: Fields) -> Iterator[Difference]:
    rpc = ours["call"]
    if ("error" in ours) != ("error" in theirs):
        # One that failed has no answer, and each of its fields is not one more difference.
        yield Difference(f"{rpc}.error", where, _outcome(ours), _outcome(theirs))
        return
    parts = [(rpc, "answer"), (f"{rpc}.error", "error"), (f"{rpc}.order", "order"), (rpc, "found")]
    for path, part in parts:
        for spot in Trees().spots(ours.get(part, ABSENT), theirs.get(part, ABSENT), path):
            yield Difference(spot.path, where, spot.left, spot.right)


def _outcome(account: Fields) -> Value:
    error: Value = account.get("error", "OK")
    return error
