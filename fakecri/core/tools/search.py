"""A run of `find`: what it has come to, what it was told, and the commands it runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from fakecri.core.applets import Surroundings, complain
from fakecri.core.executables import MissingExecutableError
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.views import Stat

_DEEP = 1 << 31


@dataclass(slots=True)
class Found:
    """What the walk has come to."""

    path: str
    stat: Stat
    depth: int
    is_pruned: bool = False


Term: TypeAlias = Callable[[Found], bool | Waits[bool]]


@dataclass
class Search:
    """A run of `find`: its options, and what came of it."""

    process: Process
    surroundings: Surroundings
    follow: str = ""
    min_depth: int = 0
    max_depth: int = _DEEP
    depth_first: bool = False
    stays: bool = False
    """Whether it keeps to one file system."""
    status: int = 0
    is_over: bool = False
    acts: bool = False
    """Whether anything but the default is done."""
    batches: "list[Batch]" = field(default_factory=list)

    def finish(self) -> Waits[None]:
        """Run what was put off."""
        for batch in self.batches:
            yield from batch.run()

    def age_s(self, found: Found) -> int:
        """How long ago a file changed, in seconds."""
        return self.process.wall_ns() // SECOND_NS - found.stat.mtime_ns // SECOND_NS


def execute(search: Search, argv: Sequence[str]) -> Waits[bool]:
    """Run a command; whether it ended with 0."""
    try:
        child = search.process.spawn(argv)
    except MissingExecutableError as missing:
        complain(search.process, "find", f"{argv[0]}: {missing.strerror}{missing.why}")
        return False
    return (yield from child.exited) == 0


@dataclass
class Batch:
    """`-exec PROG {} +`: the files are collected, and one command gets them."""

    search: Search
    argv: list[str]
    paths: list[str] = field(default_factory=list)

    def add(self, found: Found) -> bool:
        """Collect one."""
        self.paths.append(found.path)
        return True

    def run(self) -> Waits[None]:
        """Run the command, if there is anything to give it."""
        if not self.paths:
            return
        place = self.argv.index("{}")
        argv = [*self.argv[:place], *self.paths, *self.argv[place + 1 :]]
        if not (yield from execute(self.search, argv)):
            self.search.status = 1
