"""Port-forward over a WebSocket: by channels, or with SPDY in a tunnel.

Source: spec streaming 2.9.8 and 2.11.
"""

from fakecri.core.streaming.forwards import Forward
from fakecri.core.streaming.sessions import Parcel
from fakecri.streaming.conversations import Conversation
from fakecri.streaming.websocket_channels import WINDOW, Channels, Subprotocol
from fakecri.streaming.websocket_frames import Messages


class ForwardChannels(Channels):
    """A conversation with the ports that were asked for: two channels each, data and error."""

    def __init__(self, session: Forward, subprotocol: Subprotocol) -> None:
        """Connect to each port."""
        super().__init__(session, subprotocol)
        self._forward = session
        for index, port in enumerate(session.ports):
            for channel in (2 * index, 2 * index + 1):
                self._send(channel, (port & 0xFFFF).to_bytes(2, "little"))
        self._numbers = [session.connect(port) for port in session.ports]
        kinds = ("data", "error")
        self._channels = {
            f"{kind}.{number}": 2 * index + offset
            for index, number in enumerate(self._numbers)
            for offset, kind in enumerate(kinds)
        }
        self._open = set(self._channels)
        self._end_if_through()

    def _is_blocked(self) -> bool:
        return any(self._forward.is_full(number) for number in self._numbers)

    def _receive(self, message: bytes) -> None:
        index, is_error = divmod(self._subprotocol.channel(message), 2)
        content = self._subprotocol.content(message)
        if index < len(self._numbers) and not is_error and content:
            self._forward.feed(self._numbers[index], content)

    def _deliver(self, parcel: Parcel) -> None:
        if parcel.content:
            self._send(self._channels[parcel.channel], parcel.content)
        if parcel.ends:
            self._open.discard(parcel.channel)
            self._end_if_through()

    def _end_if_through(self) -> None:
        if not self._open:
            self._forward.finish("exit")


class Tunnel:
    """A byte pipe for another conversation, whatever the messages are."""

    def __init__(self, inside: Conversation) -> None:
        self._messages = Messages(as_pipe=True)
        self._inside = inside

    def feed(self, content: bytes) -> None:
        """Take bytes of the client; they lie here while the one inside is full."""
        self._messages.feed(content)
        self._proceed()

    def take(self) -> bytes:
        """Return what is to be sent next."""
        self._proceed()
        while self._messages.held < WINDOW:
            content = self._inside.take()
            if not content:
                if self._inside.ended:
                    self._messages.close()
                break
            self._messages.send(content)
        return self._messages.take()

    def hang_up(self, reason: str = "client") -> None:
        """The connection is gone."""
        self._inside.hang_up(reason)

    @property
    def full(self) -> bool:
        """Whether no more is to be read for now."""
        return self._inside.full or self._messages.held >= WINDOW

    @property
    def ended(self) -> bool:
        """Whether nothing comes after what can be taken."""
        return self._messages.over

    @property
    def cut(self) -> bool:
        """Whether to break off."""
        return self._inside.cut

    @property
    def is_forming(self) -> bool:
        """Whether the client is in the middle of something."""
        is_blocked = self._inside.full
        return self._inside.is_forming or (self._messages.is_forming and not is_blocked)

    @property
    def waits(self) -> bool:
        """Whether the client can do nothing but wait."""
        return self._inside.waits

    def _proceed(self) -> None:
        """Hand on what came; text is not for a pipe, and ends it."""
        while not self._inside.full and (content := self._messages.next()) is not None:
            if self._messages.has_text:
                self._messages.close()
            elif content:
                self._inside.feed(content)
        if self._messages.over:
            self._inside.hang_up()
