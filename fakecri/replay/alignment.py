"""Two sequences side by side: what stands in one alone does not shift the rest."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from difflib import SequenceMatcher
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Pair: TypeAlias = tuple[T | None, T | None]


def align(
    left: Sequence[T], right: Sequence[T], *keys: Callable[[T], Hashable]
) -> Iterator[Pair[T]]:
    """Yield pairs in order, with None where one side has nothing.

    Elements that have the first key in common are paired first; what is left between them is then
    paired by the next key, and so on.
    """
    if not keys:
        yield from ((each, None) for each in left)
        yield from ((None, each) for each in right)
        return
    key, *rest = keys
    ours, theirs = [key(each) for each in left], [key(each) for each in right]
    for same, (a, b), (c, d) in _blocks(ours, theirs):
        if same:
            yield from zip(left[a:b], right[c:d], strict=True)
        else:
            yield from align(left[a:b], right[c:d], *rest)


def _blocks(
    left: Sequence[Hashable], right: Sequence[Hashable]
) -> Iterator[tuple[bool, tuple[int, int], tuple[int, int]]]:
    """Yield ranges of both that are equal, or are not, in order."""
    # What is alike at both ends is most of it, mostly, and costs little to find.
    shorter = min(len(left), len(right))
    head = next((i for i in range(shorter) if left[i] != right[i]), shorter)
    tails = range(1, shorter - head + 1)
    tail = next((i for i in tails if left[-i] != right[-i]), shorter - head + 1) - 1
    if head:
        yield True, (0, head), (0, head)
    ends = len(left) - tail, len(right) - tail
    matcher = SequenceMatcher(None, left[head : ends[0]], right[head : ends[1]], autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        yield tag == "equal", (a + head, b + head), (c + head, d + head)
    if tail:
        yield True, (ends[0], len(left)), (ends[1], len(right))
