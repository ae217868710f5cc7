"""The server's end of a WebSocket: bytes in, messages out, and the reverse.

It does as the one in real runtimes (golang.org/x/net/websocket): each data frame is a message of
its own, text or binary alike, and whatever ends the connection, the last word is Close 1000.
Source: spec streaming 2.9.6.
"""

from wsproto.frame_protocol import (
    CloseReason,
    Frame,
    FrameDecoder,
    FrameProtocol,
    Opcode,
    ParseFailed,
)

LIMIT = 32 << 20
"""Bytes that a message may have."""


class Messages:
    """What is said over a connection that has been upgraded."""

    def __init__(self, *, as_pipe: bool = False) -> None:
        """As a pipe it gives what has come of a message before all of it is there."""
        self.over = False
        """Whether nothing more is said, by either side."""
        self.has_text = False
        """Whether the last message was text."""
        self._as_pipe = as_pipe
        self._decoder = FrameDecoder(client=False)
        self._encoder = FrameProtocol(client=False, extensions=[])
        self._output: list[bytes | bytearray] = []
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, content: bytes) -> None:
        """Take bytes of the client."""
        if content and not self.over:
            self._decoder.receive_bytes(content)

    def next(self) -> bytes | None:
        """Return the next message; None: none is complete. Pings are answered on the way."""
        while not self.over:
            try:
                frame = self._decoder.process_buffer()
            except ParseFailed as error:
                self._output.append(self._encoder.close(error.code))
                self.close()
                return None
            if self._is_too_big(frame):
                self.close()
            elif frame is None:
                return None
            elif frame.opcode.iscontrol():
                self._obey(frame)
            elif (message := self._joined(frame)) is not None:
                return message
        return None

    @property
    def is_forming(self) -> bool:
        """Whether a message has begun to come, and not ended."""
        return bool(self._decoder.header or self._pieces or len(self._decoder.buffer))

    @property
    def held(self) -> int:
        """Bytes that wait to be taken."""
        return sum(map(len, self._output))

    def send(self, message: bytes | str) -> None:
        """Have a message sent, as binary or as text."""
        if not self.over:
            self._output.append(self._encoder.send_data(message))

    def close(self) -> None:
        """Have the end sent. Harmless at the end."""
        if not self.over:
            self.drop()
            self._output.append(self._encoder.close(CloseReason.NORMAL_CLOSURE))

    def drop(self) -> None:
        """End it without a word."""
        self.over = True
        self._pieces.clear()

    def take(self) -> bytes:
        """Return what is to be sent."""
        output, self._output = self._output, []
        return b"".join(output)

    def _is_too_big(self, frame: Frame | None) -> bool:
        if self._as_pipe:
            return False
        header = self._decoder.header
        size = header.payload_len if header else 0
        return size > LIMIT or (frame is not None and self._size + len(frame.payload) > LIMIT)

    def _obey(self, frame: Frame) -> None:
        if frame.opcode is Opcode.CLOSE:
            self.close()
        elif frame.opcode is Opcode.PING and isinstance(frame.payload, bytes):
            self._output.append(self._encoder.pong(frame.payload))

    def _joined(self, frame: Frame) -> bytes | None:
        """Return a message with this last piece; None: there is more to come."""
        assert isinstance(frame.payload, bytes)  # noqa: S101  # it is text only when decoded
        if frame.opcode is not Opcode.CONTINUATION:
            self.has_text = frame.opcode is Opcode.TEXT
        if self._as_pipe:
            return frame.payload
        self._pieces.append(frame.payload)
        self._size += len(frame.payload)
        if not frame.frame_finished:
            return None
        message, self._pieces, self._size = b"".join(self._pieces), [], 0
        return message
