"""The smallest sequence that still goes differently.

Hypothesis would try hundreds to find it, and a real runtime takes a second for each. So steps are
left out as long as it can be done, many at once to begin with, and then what requests say.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from fakecri.verify.sequences import Sequence, Step

Fails: TypeAlias = Callable[[Sequence], bool]


def smallest(sequence: Sequence, fails: Fails) -> Sequence:
    """Return a sequence that fails, of which nothing can be left out any more."""
    return _plainest(_shortest(sequence, fails), fails)


def _shortest(sequence: Sequence, fails: Fails) -> Sequence:
    size = len(sequence.steps)
    while size:
        end = len(sequence.steps)
        while end > 0:
            start = max(0, end - size)
            steps = (*sequence.steps[:start], *sequence.steps[end:])
            if steps and fails(smaller := replace(sequence, steps=steps)):
                sequence = smaller
            end = start
        size //= 2
    return sequence


def _plainest(sequence: Sequence, fails: Fails) -> Sequence:
    for place in range(len(sequence.steps)):
        step = sequence.steps[place]
        tried = _plainer(step)
        while (plainer := next(tried, None)) is not None:
            steps = (*sequence.steps[:place], plainer, *sequence.steps[place + 1 :])
            if fails(smaller := replace(sequence, steps=steps)):
                sequence, tried = smaller, _plainer(plainer)
    return sequence


def _plainer(step: Step) -> Iterator[Step]:
    for request in _without(step.request):
        yield replace(step, request=request)


def _without(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a request without one of its parts, the largest ones first."""
    for key in fields:
        yield {name: each for name, each in fields.items() if name != key}
    for key, inner in fields.items():
        if isinstance(inner, Mapping):
            yield from ({**fields, key: each} for each in _without(inner))
