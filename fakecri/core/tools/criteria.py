"""What `find` looks for and does: its expression, read into groups of terms."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass

from fakecri.core.applets import Refusal, complain
from fakecri.core.options import UsageError
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.tools.globs import matches_glob
from fakecri.core.tools.modes import parse_mode
from fakecri.core.tools.regexes import compile_basic
from fakecri.core.tools.search import Batch, Found, Search, Term, execute
from fakecri.core.tools.words import (
    encoded,
    group_id,
    last_name,
    reason,
    user_id,
    whole_number,
)
from fakecri.core.views import Stat

_DAY_S, _MINUTE_S = 86_400, 60


@dataclass
class Criteria:
    """Groups of terms: one group has to be true in all its terms."""

    groups: list[list[Term]]
    prints: "Callable[[Found], bool] | None" = None

    def test(self, found: Found) -> Waits[bool]:
        """Try one file; where nothing else is done, print it if it fits."""
        fits = yield from self.evaluate(found)
        if fits and self.prints is not None:
            self.prints(found)
        return fits

    def evaluate(self, found: Found) -> Waits[bool]:
        for place, group in enumerate(self.groups):
            if not group:  # nothing after `-o` is no group, nothing before it is true
                return place == 0
            for term in group:
                result = term(found)
                if isinstance(result, Generator):
                    result = yield from result
                if not result:
                    break
            else:
                return True
        return not self.groups


def parse_criteria(search: Search, words: Sequence[str]) -> Criteria:
    """Read an expression. Raises Refusal and UsageError."""
    reader = _Reader(search, list(words))
    criteria = reader.groups(nested=False)
    if not search.acts:
        criteria.prints = reader.printing("\n")
    return criteria


class _Reader:
    def __init__(self, search: Search, words: list[str]) -> None:
        self.search = search
        self.words = words

    def groups(self, *, nested: bool) -> Criteria:
        groups: list[list[Term]] = [[]]
        inverts = False
        while self.words:
            word = self.words.pop(0)
            if word == ")" and nested:
                return Criteria(groups)
            if word in {"!", "-not"}:
                inverts = not inverts
            elif word in {"-o", "-or"}:
                groups.append([])
            elif word not in {"-a", "-and"}:
                term = self.term(word)
                if term is not None:
                    groups[-1].append(_inverted(term) if inverts else term)
                inverts = False
        if nested:
            raise Refusal("unpaired '('")
        return Criteria(groups)

    def term(self, word: str) -> Term | None:
        if word == "(":
            return self.groups(nested=True).evaluate
        if word in _PLAIN:
            return _PLAIN[word](self)
        if word in _VALUED:
            if not self.words:
                raise Refusal(f"{word} requires an argument")
            return _VALUED[word](self, self.words.pop(0))
        raise UsageError(f"find: unrecognized: {word}\n")

    # Options.

    def deepen(self) -> None:
        self.search.depth_first = True

    def stay(self) -> None:
        self.search.stays = True

    def follow(self) -> None:
        self.search.follow = "L"

    def at_most(self, text: str) -> None:
        self.search.max_depth = whole_number(text, most=2**31 - 1)

    def at_least(self, text: str) -> None:
        self.search.min_depth = whole_number(text, most=2**31 - 1)

    # Actions.

    def printing(self, end: str) -> Callable[[Found], bool]:
        def write(found: Found) -> bool:
            self.search.process.write(encoded(found.path + end))
            return True

        return write

    def prints(self) -> Term:
        self.search.acts = True
        return self.printing("\n")

    def prints_zero(self) -> Term:
        self.search.acts = True
        return self.printing("\0")

    def deletes(self) -> Term:
        self.search.acts = self.search.depth_first = True
        return self.delete

    def delete(self, found: Found) -> bool:
        files = self.search.process.files
        if found.path == ".":
            return True
        try:
            (files.rmdir if found.stat.kind == "dir" else files.unlink)(found.path)
        except OSError as error:
            self.search.status = complain(
                self.search.process, "find", f"{found.path}: {reason(error)}"
            )
            return False
        return True

    def quits(self) -> Term:
        self.search.acts = True

        def leave(_: Found) -> bool:
            self.search.is_over = True
            return True

        return leave

    def executes(self, program: str) -> Term:
        self.search.acts = True
        argv = [program]
        while self.words:
            word = self.words.pop(0)
            if word == ";":
                break
            if word == "+" and "{}" in argv:
                batch = Batch(self.search, argv)
                self.search.batches.append(batch)
                return batch.add
            argv.append(word)
        else:
            raise Refusal("-exec requires an argument")
        if program == ";" or not program:
            raise Refusal("-exec requires an argument")
        return lambda found: execute(self.search, [each.replace("{}", found.path) for each in argv])

    # Tests.

    def prunes(self) -> Term:
        def prune(found: Found) -> bool:
            found.is_pruned = not self.search.depth_first
            return True

        return prune

    def is_empty(self) -> Term:
        files = self.search.process.files

        def empty(found: Found) -> bool:
            if found.stat.kind == "dir":
                return not files.list(found.path)
            return found.stat.kind == "file" and found.stat.size == 0

        return empty

    def is_executable(self) -> Term:
        return lambda found: self.search.process.files.access(found.path, "x")

    def name(self, pattern: str) -> Term:
        return lambda found: matches_glob(last_name(found.path), pattern)

    def name_in_any_case(self, pattern: str) -> Term:
        return lambda found: matches_glob(last_name(found.path).lower(), pattern.lower())

    def path(self, pattern: str) -> Term:
        return lambda found: matches_glob(found.path, pattern)

    def path_in_any_case(self, pattern: str) -> Term:
        return lambda found: matches_glob(found.path.lower(), pattern.lower())

    def regex(self, text: str) -> Term:
        pattern = compile_basic(text)
        return lambda found: pattern.fullmatch(found.path) is not None

    def kind(self, letter: str) -> Term:
        kinds = dict(zip("fdlbcsp", _KIND_NAMES, strict=True))
        if letter not in kinds:
            raise Refusal(f"invalid argument '{letter}' to '-type'")
        return lambda found: found.stat.kind == kinds[letter]

    def permissions(self, text: str) -> Term:
        sign, rest = (text[0], text[1:]) if text[:1] in {"-", "/", "+"} else ("", text)
        mode = parse_mode(rest, 0, umask=0)
        if mode is None:
            raise Refusal(f"invalid mode '{text}'")
        if sign == "-":
            return lambda found: found.stat.mode & mode == mode
        if sign:
            return lambda found: not mode or bool(found.stat.mode & mode)
        return lambda found: found.stat.mode == mode

    def days(self, text: str) -> Term:
        return self.age(text, _DAY_S)

    def minutes(self, text: str) -> Term:
        return self.age(text, _MINUTE_S)

    def age(self, text: str, unit_s: int) -> Term:
        sign, number = _signed(text)
        age_s = self.search.age_s
        if sign == "+":
            return lambda found: age_s(found) >= (number + 1) * unit_s
        if sign == "-":
            return lambda found: age_s(found) < number * unit_s
        return lambda found: number * unit_s <= age_s(found) < (number + 1) * unit_s

    def newer(self, path: str) -> Term:
        stat = self.status_of(path)
        return lambda found: found.stat.mtime_ns // SECOND_NS > stat.mtime_ns // SECOND_NS

    def same(self, path: str) -> Term:
        stat = self.status_of(path)
        key = (stat.device, stat.inode)
        return lambda found: (found.stat.device, found.stat.inode) == key

    def status_of(self, path: str) -> Stat:
        try:
            return self.search.process.files.stat(path)
        except OSError as error:
            raise Refusal(f"can't stat '{path}': {reason(error)}") from error

    def user(self, text: str) -> Term:
        uid = user_id(self.search.process, self.search.surroundings, text)
        return lambda found: found.stat.uid == uid

    def group(self, text: str) -> Term:
        gid = group_id(self.search.process, self.search.surroundings, text)
        return lambda found: found.stat.gid == gid

    def inode(self, text: str) -> Term:
        number = whole_number(text)
        return lambda found: found.stat.inode == number

    def links(self, text: str) -> Term:
        sign, number = _signed(text)
        return lambda found: _compared(found.stat.nlink, sign, number)

    def size(self, text: str) -> Term:
        factor = {"c": 1, "w": 2, "b": 512, "k": 1024}.get(text[-1:], 0)
        sign, number = _signed(text[:-1] if factor else text)
        return lambda found: _compared(found.stat.size, sign, number * (factor or 512))


def _inverted(term: Term) -> Term:
    def opposite(found: Found) -> bool | Waits[bool]:
        result = term(found)
        return _opposite(result) if isinstance(result, Generator) else not result

    return opposite


def _opposite(result: Waits[bool]) -> Waits[bool]:
    return not (yield from result)


def _signed(text: str) -> tuple[str, int]:
    if text[:1] in {"+", "-"}:
        return text[0], whole_number(text[1:])
    return "", whole_number(text)


def _compared(number: int, sign: str, other: int) -> bool:
    if sign == "+":
        return number > other
    return number < other if sign == "-" else number == other


_KIND_NAMES = ("file", "dir", "link", "block", "char", "socket", "fifo")

_PLAIN: Mapping[str, Callable[[_Reader], Term | None]] = {
    "-depth": _Reader.deepen,
    "-xdev": _Reader.stay,
    "-follow": _Reader.follow,
    "-print": _Reader.prints,
    "-print0": _Reader.prints_zero,
    "-delete": _Reader.deletes,
    "-quit": _Reader.quits,
    "-prune": _Reader.prunes,
    "-empty": _Reader.is_empty,
    "-executable": _Reader.is_executable,
}
_VALUED: Mapping[str, Callable[[_Reader, str], Term | None]] = {
    "-maxdepth": _Reader.at_most,
    "-mindepth": _Reader.at_least,
    "-exec": _Reader.executes,
    "-name": _Reader.name,
    "-iname": _Reader.name_in_any_case,
    "-path": _Reader.path,
    "-ipath": _Reader.path_in_any_case,
    "-regex": _Reader.regex,
    "-type": _Reader.kind,
    "-perm": _Reader.permissions,
    **dict.fromkeys(("-mtime", "-atime", "-ctime"), _Reader.days),
    **dict.fromkeys(("-mmin", "-amin", "-cmin"), _Reader.minutes),
    "-newer": _Reader.newer,
    "-samefile": _Reader.same,
    "-user": _Reader.user,
    "-group": _Reader.group,
    "-inum": _Reader.inode,
    "-links": _Reader.links,
    "-size": _Reader.size,
}
