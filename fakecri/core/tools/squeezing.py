"""`gzip`, `gunzip`, `zcat`: compressed files."""

import zlib
from dataclasses import dataclass

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.options import read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.tools.words import CHUNK, content_of, reason

_MAGIC = b"\x1f\x8b"
_GZIP_BITS = 31
_SUFFIXES = {".gz": "", ".tgz": ".tar", ".Z": "", ".tar.gz": ".tar"}


def compressed(content: bytes, mtime_s: int = 0, level: int = 6) -> bytes:
    """The content in gzip's format: the header is ours, as a library's differs between builds."""
    squeezer = zlib.compressobj(level, zlib.DEFLATED, -zlib.MAX_WBITS)
    body = squeezer.compress(content) + squeezer.flush()
    head = _MAGIC + b"\x08\0" + (mtime_s & 0xFFFFFFFF).to_bytes(4, "little") + b"\0\x03"
    tail = zlib.crc32(content).to_bytes(4, "little") + (len(content) & 0xFFFFFFFF).to_bytes(
        4, "little"
    )
    return head + body + tail


def expanded(content: bytes) -> bytes:
    """What was compressed, of one or more members. Raises Refusal."""
    if content[:2] != _MAGIC:
        raise Refusal("no gzip/bzip2/xz magic")
    parts = []
    while content[:2] == _MAGIC:
        reader = zlib.decompressobj(_GZIP_BITS)
        try:
            parts.append(reader.decompress(content))
        except zlib.error as error:
            raise Refusal("corrupted data") from error
        if not reader.eof:
            raise Refusal("unexpected end of file")
        content = reader.unused_data
    return b"".join(parts)


def squeeze_files(process: Process, _: Surroundings) -> Waits[int]:
    """`gzip` and `gunzip`."""
    name = process.spec.argv[0].rpartition("/")[2]
    options = read_options(process.spec.argv, "cfkdtqvn123456789")
    letters = options.letters | ({"d"} if name == "gunzip" else set())
    work = _Work(process, name, letters)
    status = 0
    for path in options.operands or ["-"]:
        status |= yield from work.treat(path)
    return status


def show_squeezed(process: Process, _: Surroundings) -> Waits[int]:
    """`zcat`."""
    options = read_options(process.spec.argv, "fq")
    work = _Work(process, "zcat", {"c", "d"})
    status = 0
    for path in options.operands or ["-"]:
        status |= yield from work.treat(path)
    return status


@dataclass
class _Work:
    process: Process
    name: str
    letters: set[str]

    @property
    def expands(self) -> bool:
        return bool(self.letters & {"d", "t"})

    def treat(self, path: str) -> Waits[int]:
        files = self.process.files
        try:
            stat = None if path == "-" else files.stat(path)
            target = "" if path == "-" or self.letters & {"c", "t"} else self.target(path)
            if stat is not None and stat.kind == "dir" and not self.expands:
                return self.complain(f"can't remove file '{path}': Is a directory")
            content = yield from content_of(self.process, path)
            mtime_s = stat.mtime_ns // SECOND_NS if stat and not self.letters & {"n"} else 0
            if self.expands and content[:2] != _MAGIC and self.name != "zcat":
                return self.complain("invalid magic")
            result = expanded(content) if self.expands else compressed(content, mtime_s)
            if not target:
                if "t" not in self.letters:
                    yield from self.write(result)
                return 0
            self.replace(path, target, result)
        except OSError as error:
            return self.complain(f"{path}: {reason(error)}")
        except Refusal as refusal:
            return self.complain(str(refusal))
        return 0

    def target(self, path: str) -> str:
        """What the result is to be called. Raises Refusal."""
        if not self.expands:
            return path + ".gz"
        for suffix, other in _SUFFIXES.items():
            if path.endswith(suffix):
                return path.removesuffix(suffix) + other
        raise Refusal(f"{path}: unknown suffix - ignored")

    def replace(self, path: str, target: str, result: bytes) -> None:
        files = self.process.files
        stat = files.stat(path)
        if files.exists(target):
            if "f" not in self.letters:
                raise Refusal(f"can't open '{target}': File exists")
            files.unlink(target)
        writer = files.open(target, "x", stat.mode)
        writer.write(result)
        writer.close()
        files.utime(target, stat.mtime_ns)
        if "k" not in self.letters:
            files.unlink(path)

    def write(self, result: bytes) -> Waits[None]:
        for place in range(0, len(result), CHUNK):
            self.process.write(result[place : place + CHUNK])
            yield from self.process.drain()

    def complain(self, text: str) -> int:
        return complain(self.process, self.name, text)


COMMANDS = {
    "gunzip": Applet(squeeze_files, "[-cfkt] [FILE]..."),
    "gzip": Applet(squeeze_files, "[-cfkdt] [FILE]..."),
    "zcat": Applet(show_squeezed, "[FILE]..."),
}
