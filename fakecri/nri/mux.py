"""The multiplexer: several streams of bytes on one connection, as NRI's pkg/net/multiplex has it.

A frame is the number of a channel and the length of what follows, both of 32 bits, big endian, and
then so many bytes.
"""

import struct
from collections.abc import Mapping
from typing import Protocol

PLUGIN = 1
"""The channel on which the runtime calls the plugin."""
RUNTIME = 2
"""The channel on which the plugin calls the runtime."""

READ_AHEAD = 4096
"""Bytes that the reader of a channel takes at once while it has no message to fill."""

_HEADER = struct.Struct("!II")


class Channel(Protocol):
    """Who reads a channel."""

    @property
    def room(self) -> int:
        """How many bytes the next frame can have, at most."""

    def feed(self, content: bytes) -> None:
        """Take what came."""

    def overflow(self) -> None:
        """A frame had more bytes than there was room for. Nothing comes after it."""


class Demux:
    """What comes on a connection, dealt out to the channels."""

    def __init__(self, channels: Mapping[int, Channel]) -> None:
        """`channels` by their numbers; what comes for others is dropped."""
        self._channels = dict(channels)
        self._head = b""
        self._channel: Channel | None = None
        self._rest = 0
        """Bytes of the frame that are still to come."""

    def feed(self, content: bytes) -> None:
        """Take bytes of the connection, cut anywhere."""
        at = 0
        while at < len(content):
            if self._rest:
                part = content[at : at + self._rest]
                at += len(part)
                self._rest -= len(part)
                if self._channel is not None:
                    self._channel.feed(part)
            else:
                part = content[at : at + _HEADER.size - len(self._head)]
                at += len(part)
                self._head += part
                if len(self._head) == _HEADER.size:
                    self._begin()

    def _begin(self) -> None:
        number, self._rest = _HEADER.unpack(self._head)
        self._head = b""
        self._channel = self._channels.get(number)
        if self._channel is not None and self._rest > self._channel.room:
            # Go's reader has a buffer for each read, and a frame that it does not take is an error
            # that lasts: "cannot allocate memory".
            del self._channels[number]
            self._channel.overflow()
            self._channel = None


def framed(channel: int, message: bytes) -> bytes:
    """Return the frames of a message: such that the reader at the other end has room for each.

    Go's ttrpc writes a message through a buffer: its beginning fills that, the rest goes as it is.
    """
    parts = (message[:READ_AHEAD], message[READ_AHEAD:])
    return b"".join(_HEADER.pack(channel, len(part)) + part for part in parts if part)
