"""A pump between clients and a server: it carries bytes, and breaks what a rule wants broken.

It knows frames of HTTP/2 and no more. Each call gets a header by which the server can name its
stream, so that one of many can be broken.
"""

import asyncio
import socket
import struct
from contextlib import suppress

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
    SettingsFrame,
)

from fakecri.core.faults.rules import Action
from fakecri.face import TAG

_PREFACE = 24
_HEADER = 9
_LARGEST = 16384
_LIMIT = 16 * 1024 * 1024
_CODES = {"CANCEL": 8, "INTERNAL_ERROR": 2, "ENHANCE_YOUR_CALM": 11, "PROTOCOL_ERROR": 1}
_TICK_S = 0.02
"""How often a slow connection gives a piece."""
_ABRUPT = struct.pack("ii", 1, 0)


class Pump:
    """Takes connections, and has one of its own to the server for each of them."""

    def __init__(self, inner: str) -> None:
        """`inner`: the path of the server's unix socket."""
        self._inner = inner
        self._connections: dict[str, _Connection] = {}
        self._count = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self, listener: socket.socket) -> None:
        """Take connections from a socket that listens."""
        if listener.family == socket.AF_UNIX:
            self._server = await asyncio.start_unix_server(self._take, sock=listener)
        else:
            self._server = await asyncio.start_server(self._take, sock=listener)

    async def close(self) -> None:
        """Take no more, and end those that there are."""
        if self._server is not None:
            self._server.close()
        for connection in tuple(self._connections.values()):
            connection.close()
        if self._tasks:
            await asyncio.wait(tuple(self._tasks))

    def strike(self, tag: str, action: Action) -> bool:
        """Do to the connection of a call what a rule wants; return whether the call is lost."""
        name, _, stream = tag.partition(".")
        connection = self._connections.get(name)
        return connection is not None and connection.strike(int(stream), action)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._count += 1
        name = str(self._count)
        with suppress(OSError):
            inner = await asyncio.open_unix_connection(self._inner)
            connection = self._connections[name] = _Connection(name, (reader, writer), inner)
            try:
                await connection.run()
            finally:
                del self._connections[name]
        writer.close()


class _Connection:
    """One connection of a client, and the one to the server that stands for it."""

    def __init__(
        self,
        name: str,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._name = name
        self._from_client, self._to_client = client
        self._from_server, self._to_server = server
        self._decoder, self._encoder = Decoder(max_header_list_size=_LIMIT), Encoder()
        self._lost: set[int] = set()
        self._mute = False
        self._piece = 0
        self._pause_s = 0.0

    async def run(self) -> None:
        """Carry bytes until either side is gone."""
        ways = [asyncio.ensure_future(each) for each in (self._up(), self._down())]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self.close()

    def close(self) -> None:
        """Close both sides."""
        for writer in (self._to_client, self._to_server):
            with suppress(OSError, RuntimeError):
                writer.close()

    async def _up(self) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            self._to_server.write(await self._from_client.readexactly(_PREFACE))
            while True:
                header, body = await _read(self._from_client)
                frame = _parsed(header, body)
                if isinstance(frame, HeadersFrame):
                    await self._send_headers(frame)
                else:
                    self._to_server.write(header + body)
                await self._to_server.drain()

    async def _send_headers(self, frame: HeadersFrame) -> None:
        """Send the headers of a call on, with one more."""
        block, flags = bytearray(frame.data), set(frame.flags)
        ended = "END_HEADERS" in flags
        while not ended:
            more = _parsed(*await _read(self._from_client))
            if not isinstance(more, ContinuationFrame):
                raise ConnectionAbortedError("headers go on with something else")
            block += more.data
            ended = "END_HEADERS" in more.flags
        tag = (TAG.encode(), f"{self._name}.{frame.stream_id}".encode())
        encoded = self._encoder.encode(
            [*self._decoder.decode(bytes(block), raw=True), tag], huffman=False
        )
        pieces = [encoded[at : at + _LARGEST] for at in range(0, len(encoded), _LARGEST)]
        for number, piece in enumerate(pieces):
            part: HeadersFrame | ContinuationFrame = (
                ContinuationFrame(frame.stream_id) if number else HeadersFrame(frame.stream_id)
            )
            part.data = piece
            if not number and "END_STREAM" in flags:
                part.flags.add("END_STREAM")
            if number == len(pieces) - 1:
                part.flags.add("END_HEADERS")
            self._to_server.write(part.serialize())

    async def _down(self) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                header, body = await _read(self._from_server)
                frame = _parsed(header, body) if header[3] == SettingsFrame.type else None
                if isinstance(frame, SettingsFrame):
                    self._heed(frame)
                stream = int.from_bytes(header[5:9]) & 0x7FFFFFFF
                if not self._mute and stream not in self._lost:
                    await self._deliver(header + body)

    def _heed(self, settings: SettingsFrame) -> None:
        """Agree with client and server on the size of the table of headers."""
        size = settings.settings.get(SettingsFrame.HEADER_TABLE_SIZE)
        if size is not None:
            self._decoder.max_allowed_table_size = size
            self._encoder.header_table_size = min(size, 4096)

    async def _deliver(self, content: bytes) -> None:
        piece = self._piece or len(content)
        for at in range(0, len(content), piece):
            self._to_client.write(content[at : at + piece])
            await self._to_client.drain()
            if self._piece:
                await asyncio.sleep(self._pause_s)

    def strike(self, stream: int, action: Action) -> bool:
        """Break the connection, or a stream of it."""
        if action.name in {"slow", "slice"}:
            number = int(str(action.arguments[0]))
            is_slow = action.name == "slow"
            self._piece = max(1, int(number * _TICK_S)) if is_slow else number
            self._pause_s = self._piece / number if is_slow else 0.0
            return False
        if action.name == "half_open":
            self._mute = True
            return False
        if action.name == "rst":
            self._lost.add(stream)
            code = _CODES[str(action.arguments[0])]
            self._to_client.write(RstStreamFrame(stream, error_code=code).serialize())
            self._to_server.write(RstStreamFrame(stream, error_code=_CODES["CANCEL"]).serialize())
            return True
        if action.name == "goaway":
            self._to_client.write(GoAwayFrame(0, last_stream_id=stream).serialize())
            self.close()
            return True
        self._reset()
        return True

    def _reset(self) -> None:
        client = self._to_client.get_extra_info("socket")
        if client is not None and client.family != socket.AF_UNIX:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABRUPT)
        self._to_client.transport.abort()
        self._to_server.close()


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    header = await reader.readexactly(_HEADER)
    return header, await reader.readexactly(int.from_bytes(header[:3]))


def _parsed(header: bytes, body: bytes) -> Frame:
    frame, _ = Frame.parse_frame_header(memoryview(header))
    frame.parse_body(memoryview(body))
    return frame
