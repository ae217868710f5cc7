"""Header blocks of SPDY/3.1: pairs of names and values, compressed over a whole connection."""

import struct
import zlib
from importlib.resources import files

MAX_PAIRS = 1000
MAX_FIELD = 1 << 20
"""Bytes of one name or value; both limits are those of the Go peer."""
MAX_BLOCK = 1 << 23
"""Bytes of a whole block. The Go peer has no such limit: a thousand pairs may fill its memory."""

DICTIONARY = files(__package__).joinpath("spdy3-dictionary.bin").read_bytes()
"""What both sides know beforehand: section 2.6.10.1 of the protocol's draft 3.1."""

Headers = tuple[tuple[str, str], ...]
"""Pairs in their order. A name with several values stands once for each, one behind the other."""

_LENGTH = struct.Struct(">I")


class HeaderError(ValueError):
    """What is wrong with a header block."""


def find_header(headers: Headers, name: str) -> str | None:
    """Return the first value of a name."""
    return next((value for each, value in headers if each == name), None)


def pack(headers: Headers) -> bytes:
    """Lay pairs out, uncompressed."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    parts = [_LENGTH.pack(len(values))]
    for name, several in values.items():
        parts += _field(name), _field("\0".join(several))
    return b"".join(parts)


def unpack(block: bytes) -> Headers:
    """Read pairs that are laid out so, or raise HeaderError."""
    fields = _Fields(block)
    count = fields.number()
    if count > MAX_PAIRS:
        raise HeaderError(f"{count} header pairs, of {MAX_PAIRS} at most")
    pairs = []
    for _ in range(count):
        name = fields.text()
        if name != _lowered(name):
            raise HeaderError(f"header was not lowercased: {name!r}")
        pairs += [(name, value) for value in fields.text().split("\0")]
    if fields.left:
        raise HeaderError(f"{fields.left} bytes behind the header pairs")
    return tuple(pairs)


class Deflater:
    """Compresses the blocks of one direction, in the order in which they are sent."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj(zdict=DICTIONARY)

    def deflate(self, headers: Headers) -> bytes:
        """Return the compressed block. It has to be sent: the next one builds on it."""
        return self._stream.compress(pack(headers)) + self._stream.flush(zlib.Z_SYNC_FLUSH)


class Inflater:
    """Decompresses the blocks of one direction, in the order in which they come."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zdict=DICTIONARY)

    def inflate(self, block: bytes) -> Headers:
        """Read a block, or raise HeaderError: then nothing that follows can be read."""
        try:
            plain = self._stream.decompress(block, MAX_BLOCK + 1)
        except zlib.error as error:
            raise HeaderError(f"header block does not decompress: {error}") from error
        if len(plain) > MAX_BLOCK:
            raise HeaderError(f"header block of more than {MAX_BLOCK} bytes")
        if self._stream.eof:
            raise HeaderError("header compression ends before the connection")
        return unpack(plain)


class _Fields:
    """Reads what is laid out in a block, one after the other."""

    def __init__(self, block: bytes) -> None:
        self._block = block
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._block) - self._at

    def number(self) -> int:
        return int(_LENGTH.unpack(self._take(_LENGTH.size))[0])

    def text(self) -> str:
        size = self.number()
        if size > MAX_FIELD:
            raise HeaderError(f"header field of {size} bytes, of {MAX_FIELD} at most")
        return self._take(size).decode(errors="surrogateescape")

    def _take(self, size: int) -> bytes:
        if size > self.left:
            raise HeaderError(f"header block ends {size - self.left} bytes too early")
        self._at += size
        return self._block[self._at - size : self._at]


def _lowered(name: str) -> str:
    """What the Go peer compares a name with: what is no UTF-8 is replaced there."""
    return name.encode(errors="replace").decode().lower()


def _field(text: str) -> bytes:
    content = text.encode(errors="surrogateescape")
    return _LENGTH.pack(len(content)) + content
