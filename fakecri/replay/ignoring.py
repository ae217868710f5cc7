"""Differences that are known: paths, and why what stands there may differ."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from re import sub

from fakecri.errors import UsageError


@dataclass(eq=False)
class Ignored:
    """A path that is not compared."""

    path: str
    """Such as `ContainerStatus.status.created_at`, with all that is in it; `*` stands for anything.

    Without brackets it means every element of a list.
    """
    reason: str = ""
    sometimes: bool = False
    """Whether the difference comes and goes, so that it is no news where it is not needed."""
    used: int = 0
    """How many differences it was for."""

    def covers(self, path: str) -> bool:
        """Whether it is for a path."""
        found = path if "[" in self.path else sub(r"\[[^\]]*\]", "", path)
        # A bracket is a bracket here, and no class of characters.
        pattern = self.path.replace("[", "[[]")
        return (
            found == self.path
            or fnmatchcase(found, pattern)
            or fnmatchcase(found, f"{pattern}.*")
            or fnmatchcase(found, f"{pattern}[[]*")
        )


class Ignore:
    """All that is ignored."""

    def __init__(self, ignored: Iterable[Ignored] = ()) -> None:
        self._all = list(ignored)

    def covers(self, path: str) -> bool:
        """Whether a difference is known. All paths that are for it count it."""
        found = [each for each in self._all if each.covers(path)]
        for each in found:
            each.used += 1
        return bool(found)

    @property
    def unused(self) -> list[Ignored]:
        """What no difference needed, and should have."""
        return [each for each in self._all if not (each.used or each.sometimes)]


def parse_ignored(lines: Iterable[str], source: str) -> list[Ignored]:
    """Return what the lines of a file say: on each a path and a reason.

    `#` begins a comment line, and `?` a path where a difference comes and goes. UsageError names
    `source` and the line.
    """
    ignored = []
    for number, line in enumerate(lines, 1):
        words = line.strip().split(maxsplit=1)
        if not words or words[0].startswith("#"):
            continue
        if len(words) == 1:
            raise UsageError(f"{source}: line {number}: expected a reason after {words[0]}")
        ignored.append(_ignored(words[0], words[1], f"{source}: line {number}: "))
    return ignored


def parse_paths(paths: Sequence[str]) -> list[Ignored]:
    """Return paths without reasons. UsageError for what is none."""
    return [_ignored(path, "", "") for path in paths]


def _ignored(path: str, reason: str, place: str) -> Ignored:
    sometimes, path = path.startswith("?"), path.removeprefix("?")
    if not path or any(each.isspace() for each in path):
        raise UsageError(f"{place}{path!r} is no path, such as ContainerStatus.status.reason")
    return Ignored(path, reason, sometimes)
