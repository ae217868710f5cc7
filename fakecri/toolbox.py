"""Tools that a library runs: `awk` and `jq`, on what they read as a whole.

The library is bashkit, an interpreter of shells in memory. Of it only these tools are used, one
command line at a time; its `bc` calculates in another way than the real one, and is left out.
It is the optional extra `fakecri[shell]`.
"""

import posixpath
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from fakecri.core.applets import complain
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.tools.text.streams import read_all, spin, to_bytes
from fakecri.toolbox_programs import Unrunnable, prepared, reads_stdin

if TYPE_CHECKING:
    from bashkit import ExecResult, FileSystem

__all__ = ["find_toolbox"]

_LIBRARY = "the library of fakecri[shell]"
_STDIN = "/dev/.stdin"
_LOOPS_MAX = 1_000_000
"""Rounds of a loop after which it is taken to go on for good; that takes half a second."""
_TIMEOUT_S = 3.0
_GOES_ON = re.compile(r"loop iteration limit|timed out|timeout")
_OWN_PLACES = frozenset({"/bin", "/dev", "/proc", "/usr"})
_PREFIX = re.compile(rb"^bash: (?:line \d+: )?", re.MULTILINE)
_MARK = 0xF700
"""Bytes that are no UTF-8 travel as characters for private use, from U+F780 on."""

_INWARD = {0xDC00 + byte: _MARK + byte for byte in range(0x80, 0x100)}
_OUTWARD = {there: here for here, there in _INWARD.items()}


def find_toolbox() -> Callable[[str], Program] | None:
    """Return what leads from a name to the tool, or None without the library."""
    return _tool if find_spec("bashkit") else None


def _tool(name: str) -> Program:
    return partial(_run, name=name)


def _run(process: Process, name: str) -> Waits[int]:
    try:
        bench = _Bench(process, name)
        bench.copy_files()
        if reads_stdin(name, bench.words[1:]):
            bench.put(_STDIN, (yield from read_all(process.stdin)))
    except Unrunnable as error:
        return complain(process, name, str(error), 2)
    return (yield from _executed(process, bench))


def _executed(process: Process, bench: "_Bench") -> Waits[int]:
    result = bench.execute()
    process.write(_outward(result.stdout.encode()))
    goes_on = _GOES_ON.search(f"{result.stderr}{result.error or ''}")
    if not goes_on:
        process.error(_PREFIX.sub(b"", _outward(result.stderr.encode())))
    code = bench.copy_back() or result.exit_code
    yield from process.drain()
    if goes_on:
        yield from spin(process)
    if result.stdout_truncated:
        return complain(process, bench.name, f"more output than {_LIBRARY} takes", 2)
    return code


def _inward(content: bytes) -> bytes:
    return content.decode(errors="surrogateescape").translate(_INWARD).encode()


def _outward(content: bytes) -> bytes:
    text = content.decode(errors="surrogateescape").translate(_OUTWARD)
    return text.encode(errors="surrogateescape")


def _environment(process: Process) -> dict[str, str]:
    """What the shell of the library takes as variables."""
    given: Mapping[str, str] = process.spec.environment
    return {
        name: value.translate(_INWARD)
        for name, value in given.items()
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) and "\0" not in value
    }


@dataclass
class _Bench:
    """One command line in the library, with copies of the files that it names."""

    process: Process
    name: str
    words: list[str] = field(init=False)
    copied: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from bashkit import Bash, FileSystem  # noqa: PLC0415  # only who runs such a tool needs it

        now_s = self.process.wall_ns() // SECOND_NS
        self.prepare = partial(prepared, self.name, now_s=now_s)
        self.words = [self.name, *self.prepare(list(self.process.spec.argv[1:]))]
        self.shell: Bash = Bash(
            cwd="/",
            env=_environment(self.process),
            max_loop_iterations=_LOOPS_MAX,
            max_commands=1_000,
            timeout_seconds=_TIMEOUT_S,
        )
        self.shell.mount("/etc", FileSystem())  # its own files there cannot be replaced
        self.files = self.shell.fs()
        self.ours = set(_walk(self.files))

    def absolute(self, path: str) -> str:
        return posixpath.normpath(posixpath.join(self.process.spec.cwd, path))

    def put(self, path: str, content: bytes) -> None:
        try:
            self.files.mkdir(posixpath.dirname(path), recursive=True)
            self.files.write_file(path, _inward(content))
        except RuntimeError as error:  # a file of its own, or too much
            place = "stdin" if path == _STDIN else path
            raise Unrunnable(f"{place} is not for {_LIBRARY}: {error}") from None

    def copy_files(self) -> None:
        """Copy what the command line may name: words, values of options, strings in programs."""
        self.copy_folder(self.absolute("."))
        programs = []
        for before, word in zip(self.words, self.words[1:], strict=False):
            self.copy(word)
            if before == "-f" or word.startswith("-f"):
                programs.append(word.removeprefix("-f"))
                self.copy(programs[-1])
        for path in programs:
            self.prepare_file(self.absolute(path))
        texts = [*self.words[1:], *(str(self.copied.get(self.absolute(x), b"")) for x in programs)]
        for text in texts:
            for quoted in re.findall(r'"([^"\n]+)"', text):
                self.copy(quoted)

    def copy(self, path: str) -> None:
        files, target = self.process.files, self.absolute(path)
        if "\0" in path or target.startswith(("/dev/", "/proc/")):
            return
        try:
            if target not in self.copied and files.stat(target).kind == "file":
                content = files.read(target)
                self.put(target, content)
                self.copied[target] = content
                return
        except OSError:
            pass
        self.copy_folder(posixpath.dirname(target))

    def copy_folder(self, path: str) -> None:
        if self.process.files.is_dir(path) and not self.files.exists(path):
            self.files.mkdir(path, recursive=True)

    def prepare_file(self, path: str) -> None:
        """A file that has the program is made ready as the program in a word is."""
        if path in self.copied:
            text = self.copied[path].decode(errors="surrogateescape")
            ready = to_bytes(self.prepare([text])[0])
            self.put(path, ready)
            self.copied[path] = ready

    def execute(self) -> "ExecResult":
        # The redirection stands first: after a last word of `{print}` it would name a descriptor.
        words = [each.translate(_INWARD) for each in self.words]
        place = shlex.quote(self.absolute(".").translate(_INWARD))
        source = f"< {_STDIN} " if self.files.exists(_STDIN) else "< /dev/null "
        return self.shell.execute_sync(f"cd {place}; {source}{shlex.join(words)}")

    def copy_back(self) -> int:
        """Write what the tool has changed; return a status where that failed."""
        code = 0
        paths = dict.fromkeys([*self.copied, *_walk(self.files)])
        for path in paths:
            if path == _STDIN or (path in self.ours and path not in self.copied):
                continue
            content = _outward(self.files.read_file(path)) if self.files.exists(path) else None
            if content is None or content == self.copied.get(path):
                continue
            try:
                self.process.files.write(path, content)
            except OSError as error:
                code = complain(self.process, self.name, f"{path}: {error.strerror}", 2)
        return code


def _walk(files: "FileSystem", folder: str = "/") -> Iterator[str]:
    """Name all files but those in the places that are the library's own."""
    for entry in sorted(files.read_dir(folder), key=lambda each: str(each["name"])):
        path = posixpath.join(folder, entry["name"])
        kind = entry["metadata"]["file_type"]
        if kind == "directory" and path not in _OWN_PLACES:
            yield from _walk(files, path)
        elif kind == "file":
            yield path
