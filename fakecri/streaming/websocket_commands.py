"""Exec and attach over the channels of a WebSocket. Source: spec streaming 2.9.3 to 2.10."""

from enum import IntEnum

from fakecri.core.streaming.commands import Command
from fakecri.core.streaming.sessions import Parcel
from fakecri.streaming.sizes import Sizes
from fakecri.streaming.websocket_channels import Channels, Subprotocol

CLOSING_SINCE = 5
"""The first version in which a client can close a channel."""

_CLOSE = 0xFF


class Channel(IntEnum):
    """What each channel is for."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2
    ERROR = 3
    RESIZE = 4


_OF_PARCEL = {"stdout": Channel.STDOUT, "stderr": Channel.STDERR, "error": Channel.ERROR}


class CommandChannels(Channels):
    """A conversation about a process."""

    def __init__(self, session: Command, subprotocol: Subprotocol) -> None:
        """Start it: all channels are there."""
        super().__init__(session, subprotocol)
        self._command = session
        self._sizes: Sizes | None = Sizes()
        self._stdin_open = "stdin" in session.channels
        outputs = [each for each in ("stdout", "stderr", "error") if each in session.channels]
        self._send(_OF_PARCEL[outputs[0]], b"")
        session.start()
        if not self._stdin_open and subprotocol.version < CLOSING_SINCE:
            # There is a stdin, which is at its end; it matters where a terminal is.
            session.close_stdin()

    def _is_blocked(self) -> bool:
        return self._command.full

    def _receive(self, message: bytes) -> None:
        if message[0] == _CLOSE and self._subprotocol.version >= CLOSING_SINCE:
            self._close(message[1:])
            return
        channel, content = self._subprotocol.channel(message), self._subprotocol.content(message)
        if channel == Channel.STDIN and self._stdin_open and content:
            self._command.feed(content)
        elif channel == Channel.RESIZE and self._sizes is not None:
            for width, height in self._sizes.feed(content):
                self._command.resize(width, height)

    def _close(self, channels: bytes) -> None:
        """Close the one channel that is named; anything else ends the conversation."""
        if len(channels) != 1 or channels[0] not in tuple(Channel):
            self._messages.close()
        elif channels[0] == Channel.STDIN and self._stdin_open:
            self._stdin_open = False
            self._command.close_stdin()
        elif channels[0] == Channel.RESIZE:
            self._sizes = None

    def _deliver(self, parcel: Parcel) -> None:
        if parcel.content:
            self._send(_OF_PARCEL[parcel.channel], parcel.content)
