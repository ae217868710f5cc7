"""`find`: walks through trees and does something with what fits."""

from dataclasses import dataclass, field

from fakecri.core.applets import Applet, Surroundings
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.criteria import Criteria, parse_criteria
from fakecri.core.tools.search import Found, Search
from fakecri.core.tools.words import blame, joined


def find_files(process: Process, surroundings: Surroundings) -> Waits[int]:
    """`find`."""
    words = list(process.spec.argv[1:])
    follow = ""
    while words and words[0] in {"-L", "-H", "-P"}:
        follow = words.pop(0)[1]
    start = next(
        (place for place, word in enumerate(words) if word[:1] == "-" or word in {"!", "(", ")"}),
        len(words),
    )
    search = Search(process, surroundings, follow=follow)
    criteria = parse_criteria(search, words[start:])
    walk = _Walk(search, criteria)
    for path in words[:start] or ["."]:
        yield from walk.visit(path, 0, None)
        if search.is_over:
            break
    yield from search.finish()
    return search.status


@dataclass
class _Walk:
    search: Search
    criteria: Criteria
    visited: set[tuple[int, int]] = field(default_factory=set)

    def visit(self, path: str, depth: int, device: int | None) -> Waits[None]:
        search = self.search
        files = search.process.files
        follows = search.follow == "L" or (search.follow == "H" and depth == 0)
        try:
            stat = files.stat(path, follow=follows and files.exists(path))
        except OSError as error:
            search.status = blame(search.process, "find", path, error)
            return
        found = Found(path, stat, depth)
        if not search.depth_first:
            yield from self.judge(found)
        is_foreign = search.stays and device not in {None, stat.device}
        goes_on = stat.kind == "dir" and not found.is_pruned and not is_foreign
        if goes_on and depth < search.max_depth and not search.is_over:
            yield from self.descend(found)
        if search.depth_first:
            yield from self.judge(found)

    def judge(self, found: Found) -> Waits[None]:
        if self.search.min_depth <= found.depth and not self.search.is_over:
            yield from self.criteria.test(found)
            yield from self.search.process.drain()

    def descend(self, found: Found) -> Waits[None]:
        search = self.search
        key = (found.stat.device, found.stat.inode)
        if search.follow == "L" and key in self.visited:
            return
        self.visited.add(key)
        try:
            names = search.process.files.list(found.path)
        except OSError as error:
            search.status = blame(search.process, "find", found.path, error)
            return
        for name in names:
            yield from self.visit(joined(found.path, name), found.depth + 1, found.stat.device)
            if search.is_over:
                break
        if search.follow == "L":
            self.visited.discard(key)


COMMANDS = {
    "find": Applet(find_files, "[-HL] [PATH]... [OPTIONS] [ACTIONS]"),
}
