"""The frames of ttrpc: a header of ten bytes, and a message of 4 MiB at most.

The header has the length of the message and the number of its stream, of 32 bits each, big endian;
then a byte for its kind and one of flags.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from fakecri.nri.mux import READ_AHEAD

LIMIT = 4 << 20
"""Bytes of a message, at most."""

REQUEST, RESPONSE, DATA = 1, 2, 3

KINDS = {REQUEST: "request", RESPONSE: "response", DATA: "data"}
"""What errors call them."""

UNREADABLE = "proto: cannot parse invalid wire-format data"
"""What Go says of bytes that are no message."""

_HEADER = struct.Struct("!IIBB")
_READING = "failed reading message"
_DISCARDING = "failed to discard after receiving oversized message"


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a stream."""

    stream: int
    kind: int
    content: bytes = b""
    flags: int = 0
    excess: int = 0
    """How long the message would have been, where that is too long: then it was dropped."""

    @property
    def wire(self) -> bytes:
        """The frame as it is sent."""
        return _HEADER.pack(len(self.content), self.stream, self.kind, self.flags) + self.content


def oversized(length: int) -> str:
    """Return what is said of a message that is too long."""
    return f"message length {length} exceed maximum message size of {LIMIT}"


class Decoder:
    """Bytes of a channel, as frames."""

    def __init__(self, take: Callable[[Frame], None], fail: Callable[[str], None]) -> None:
        """`take` gets each frame; `fail` why there will be no more of them."""
        self._take = take
        self._fail = fail
        self._header: tuple[int, int, int, int] | None = None
        self._part = bytearray()
        self._missing = _HEADER.size
        """Bytes of the header, or of the message behind it, that are still to come."""

    @property
    def room(self) -> int:
        """How many bytes may come at once: what is missing of a message, if that is much."""
        return READ_AHEAD if self._header is None else max(READ_AHEAD, self._kept(self._missing))

    def overflow(self) -> None:
        """Say as Go does that there was no room for what came."""
        doing = ""
        if self._header is not None:
            long = self._header[0] > LIMIT
            doing = f"{_DISCARDING if long else _READING}: "
        self._fail(f"{doing}cannot allocate memory")

    def _kept(self, count: int) -> int:
        """Return `count`, or nothing where the message is too long to be kept."""
        return count if self._header is None or self._header[0] <= LIMIT else 0

    def feed(self, content: bytes) -> None:
        """Take bytes, cut anywhere."""
        at = 0
        while at < len(content):
            end = min(at + self._missing, len(content))
            self._part += content[at : at + self._kept(end - at)]
            self._missing -= end - at
            at = end
            if not self._missing:
                self._go_on()

    def _go_on(self) -> None:
        """A header is there, or a message."""
        part = bytes(self._part)
        self._part.clear()
        if self._header is None:
            self._header = _HEADER.unpack(part)
            self._missing = self._header[0]
            if self._missing:
                return
            part = b""
        length, stream, kind, flags = self._header
        self._header, self._missing = None, _HEADER.size
        self._take(Frame(stream, kind, part, flags, excess=length if length > LIMIT else 0))
