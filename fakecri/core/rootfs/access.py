"""Who may do what with a file: owner, group, mode, and the capabilities that stand above them."""

import errno
from dataclasses import dataclass
from typing import Protocol

from fakecri.core.paths import path_error

EXECUTE, WRITE, READ = 1, 2, 4


class Owned(Protocol):
    """What permissions are asked of: a status, or what keeps the same by itself."""

    @property
    def kind(self) -> str:
        """As in a status."""

    @property
    def mode(self) -> int:
        """As in a status."""

    @property
    def uid(self) -> int:
        """As in a status."""

    @property
    def gid(self) -> int:
        """As in a status."""


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who wants something from files."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    capabilities: frozenset[str] = frozenset()

    def may(self, stat: Owned, want: int) -> bool:
        """Whether the bits of `want` are granted."""
        if self.uid == stat.uid:
            bits = stat.mode >> 6
        elif self.is_in(stat.gid):
            bits = stat.mode >> 3
        else:
            bits = stat.mode
        if bits & want == want:
            return True
        return self._overrides(stat, want)

    def _overrides(self, stat: Owned, want: int) -> bool:
        searchable = stat.kind == "dir"
        if "CAP_DAC_OVERRIDE" in self.capabilities:
            return searchable or not want & EXECUTE or bool(stat.mode & 0o111)
        if "CAP_DAC_READ_SEARCH" in self.capabilities:
            return want == READ or (searchable and not want & WRITE)
        return False

    def is_in(self, gid: int) -> bool:
        """Whether it is a group of theirs."""
        return gid == self.gid or gid in self.groups

    def require(self, stat: Owned, want: int, path: str) -> None:
        """PermissionError where it is not granted."""
        if not self.may(stat, want):
            raise path_error(errno.EACCES, path)

    def owns(self, stat: Owned) -> bool:
        """Whether they may do what only an owner may."""
        return self.uid == stat.uid or "CAP_FOWNER" in self.capabilities
