"""Channels over a WebSocket: a message is a byte that names one, and what goes over it.

Source: spec streaming 2.9.3 to 2.9.9.
"""

import base64
import re
from abc import ABC, abstractmethod
from typing import NamedTuple

from fakecri.core.streaming.sessions import Parcel, Session
from fakecri.streaming.websocket_frames import Messages

WINDOW = 65_536
"""Bytes that are sent in one go; a client that does not take so many is not read from."""

_ZERO = ord("0")
_BASE64 = re.compile(rb"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


class Subprotocol(NamedTuple):
    """What the name of a subprotocol means."""

    name: str
    version: int
    is_binary: bool = True
    """Whether messages are binary; else they are text, in base64."""

    def encode(self, channel: int, content: bytes) -> bytes | str:
        """Return a message."""
        if self.is_binary:
            return bytes([channel & 0xFF]) + content
        return chr((_ZERO + channel) & 0xFF) + base64.b64encode(content).decode()

    def channel(self, message: bytes) -> int:
        """Return the channel of a message."""
        return message[0] if self.is_binary else (message[0] - _ZERO) & 0xFF

    def content(self, message: bytes) -> bytes:
        """Return what a message carries; nothing where that is not base64."""
        content = message[1:]
        if self.is_binary:
            return content
        text = content.translate(None, b"\r\n")
        return base64.b64decode(text) if _BASE64.fullmatch(text) else b""


class Channels(ABC):
    """A conversation in messages of channels; what they carry is for who inherits it."""

    def __init__(self, session: Session, subprotocol: Subprotocol) -> None:
        """Of a session that has begun."""
        self._messages = Messages()
        self._session = session
        self._subprotocol = subprotocol

    def feed(self, content: bytes) -> None:
        """Take bytes of the client; they lie here while the session is full."""
        if content:
            self._session.touch()
        self._messages.feed(content)
        self._proceed()

    def take(self) -> bytes:
        """Return what is to be sent next."""
        self._proceed()
        while self._messages.held < WINDOW:
            parcel = self._session.take(WINDOW)
            if parcel is None:
                self._follow()
                break
            self._deliver(parcel)
        return self._taken()

    def hang_up(self, reason: str = "client") -> None:
        """The connection is gone."""
        self._session.hang_up(reason)

    @property
    def full(self) -> bool:
        """Whether no more is to be read for now."""
        return self._is_blocked() or self._messages.held >= WINDOW

    @property
    def ended(self) -> bool:
        """Whether nothing comes after what can be taken."""
        return self._messages.over

    @property
    def cut(self) -> bool:
        """Whether to break off; who was idle for too long is left without a word."""
        return self._session.torn

    @property
    def is_forming(self) -> bool:
        """Whether the client is in the middle of a message."""
        return self._messages.is_forming and not self._is_blocked()

    @property
    def waits(self) -> bool:
        """Whether the client can do nothing but wait."""
        return self._session.waits and not self._messages.held

    @abstractmethod
    def _is_blocked(self) -> bool:
        """Whether nothing more can be received for now."""

    @abstractmethod
    def _receive(self, message: bytes) -> None:
        """Take a message, which is not empty."""

    @abstractmethod
    def _deliver(self, parcel: Parcel) -> None:
        """Send what is for the client."""

    def _send(self, channel: int, content: bytes) -> None:
        self._messages.send(self._subprotocol.encode(channel, content))

    def _proceed(self) -> None:
        while not self._is_blocked() and (message := self._messages.next()) is not None:
            if message:
                self._receive(message)
        if self._messages.over:
            self._session.hang_up()

    def _follow(self) -> None:
        """End with the session."""
        if self._session.reason == "idle":
            self._messages.drop()
        elif self._session.ended and not self.cut:
            self._messages.close()

    def _taken(self) -> bytes:
        output = self._messages.take()
        if output:
            self._session.touch()
        return output
