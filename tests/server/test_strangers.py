"""Who does not speak gRPC, or speaks it badly."""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.server.served import PATIENCE_S, Served


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    """Return an HTTP/2 frame."""
    return struct.pack(">I", len(content))[1:] + struct.pack(">BBI", kind, flags, stream) + content


def header(name: str, value: bytes) -> bytes:
    """Return a header that HPACK does not compress."""
    return b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")


@pytest.fixture
def stranger(served: Served, directory: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.settimeout(PATIENCE_S)
        stranger.connect(str(directory / "cri.sock"))
        yield stranger


def read_until(stranger: socket.socket, mark: bytes) -> bytes:
    """Read until the mark comes, or nothing more."""
    content = b""
    with suppress(ConnectionResetError):
        while mark not in content and (more := stranger.recv(65536)):
            content += more
    return content


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(range(256)) * 64, PREFACE + b"\xff" * 1000]
)
def test_garbage_ends_its_own_connection_alone(
    served: Served, stranger: socket.socket, garbage: bytes
) -> None:
    call = served.park()
    stranger.sendall(garbage)
    read_until(stranger, b"no server says this")
    assert served.version() == "v"
    assert not call.done()


def test_a_path_that_is_no_text_does_not_end_the_server(
    served: Served, stranger: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    fields = {
        ":method": b"POST",
        ":scheme": b"http",
        ":path": b"/\xff\xfe",
        ":authority": b"localhost",
        "content-type": b"application/grpc",
        "te": b"trailers",
    }
    headers = b"".join(header(name, value) for name, value in fields.items())
    stranger.sendall(PREFACE + frame(1, 5, 1, headers))
    read_until(stranger, b"Cancelling all calls")
    assert served.version() == "v"
    assert "it starts again" in caplog.text


def test_pings_are_never_too_many(served: Served, stranger: socket.socket) -> None:
    pings = [struct.pack(">Q", number) for number in range(1, 51)]
    stranger.sendall(PREFACE + b"".join(frame(6, 0, 0, ping) for ping in pings))
    content = read_until(stranger, frame(6, 1, 0, pings[-1]))
    assert all(frame(6, 1, 0, ping) in content for ping in pings)
    assert b"too_many_pings" not in content
