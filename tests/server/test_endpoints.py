"""Addresses, and the files of unix sockets."""

import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.endpoints import (
    PATH_LIMIT,
    SocketFile,
    TcpAddress,
    UnixAddress,
    UnusableAddress,
    open_socket_file,
    parse_address,
)
from fakecri.errors import UsageError
from fakecri.host import Host
from fakecri.server import Server


@pytest.mark.parametrize(
    ("text", "address", "endpoint"),
    [
        ("unix:///run/cri.sock", UnixAddress("/run/cri.sock"), "unix:///run/cri.sock"),
        ("unix:/run/cri.sock", UnixAddress("/run/cri.sock"), "unix:///run/cri.sock"),
        ("/run/cri.sock", UnixAddress("/run/cri.sock"), "unix:///run/cri.sock"),
        ("unix:///a%20b", UnixAddress("/a b"), "unix:///a%20b"),
        ("/a%20b", UnixAddress("/a%20b"), "unix:///a%2520b"),
        ("/é", UnixAddress("/é"), "unix:///%C3%A9"),
        ("127.0.0.1:4242", TcpAddress("127.0.0.1", 4242), "127.0.0.1:4242"),
        ("127.8.9.1:1", TcpAddress("127.8.9.1", 1), "127.8.9.1:1"),
        ("tcp://127.0.0.1:0", TcpAddress("127.0.0.1", 0), "127.0.0.1:0"),
        ("localhost:65535", TcpAddress("127.0.0.1", 65535), "127.0.0.1:65535"),
        ("[::1]:80", TcpAddress("::1", 80), "[::1]:80"),
    ],
)
def test_an_address_is_read(text: str, address: UnixAddress | TcpAddress, endpoint: str) -> None:
    assert parse_address(text) == address
    assert address.endpoint == endpoint


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not an address"),
        ("unix:", "has no absolute path"),
        ("unix://", "has no absolute path"),
        ("unix:cri.sock", "has no absolute path"),
        ("unix://run/cri.sock", "has no absolute path"),
        ("unix:@cri", "is an abstract socket"),
        ("unix:\0cri", "is an abstract socket"),
        ("unix:%00cri", "is an abstract socket"),
        ("/run/\0", "has a NUL"),
        ("/" + "x" * PATH_LIMIT, "has 108 bytes"),
        ("unix:///" + "é" * 54, "has 109 bytes"),
        ("unix-abstract:cri", "is not an address"),
        ("cri.sock", "is not an address"),
        ("127.0.0.1", "is not an address"),
        ("127.0.0.1:", "is not an address"),
        ("127.0.0.1:65536", "is not an address"),
        ("127.0.0.1:-1", "is not an address"),
        ("127.0.0.1:٣", "is not an address"),
        (":80", "is not on the loopback interface"),
        ("0.0.0.0:80", "is not on the loopback interface"),
        ("[::]:80", "is not on the loopback interface"),
        ("tcp://10.0.0.1:80", "is not on the loopback interface"),
        ("http://localhost:80", "is not on the loopback interface"),
        ("example.com:80", "is not on the loopback interface"),
        ("[::1%lo]:80", "is not on the loopback interface"),
    ],
)
def test_an_address_nobody_could_dial_is_refused(text: str, why: str) -> None:
    with pytest.raises(UnusableAddress, match=why) as refusal:
        parse_address(text)
    assert isinstance(refusal.value, UsageError)
    assert "\n" not in str(refusal.value)


# Socket files


def listening(path: str | Path) -> socket.socket:
    """Listen at a path."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    return listener


@pytest.fixture
def path(directory: Path) -> Path:
    return directory / "cri.sock"


@pytest.fixture
def listeners() -> Iterator[list[socket.socket]]:
    listeners: list[socket.socket] = []
    yield listeners
    for listener in listeners:
        listener.close()


def opened(path: Path, listeners: list[socket.socket]) -> SocketFile:
    """Open a socket file whose listener the test closes."""
    address = UnixAddress(str(path))
    return open_socket_file(address, lambda place: listeners.append(listening(place)))


def test_a_socket_file_is_its_owners_alone(path: Path, listeners: list[socket.socket]) -> None:
    opened(path, listeners)
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_socket_is_out_of_reach_until_its_mode_is_narrow(path: Path) -> None:
    seen: list[int] = []

    def listen(place: str) -> None:
        with listening(place):
            (private,) = path.parent.iterdir()
            seen.append(stat.S_IMODE(private.stat().st_mode))

    open_socket_file(UnixAddress(str(path)), listen)
    assert seen == [0o700]
    assert list(path.parent.iterdir()) == [path]


def test_a_socket_that_cannot_listen_leaves_no_file(path: Path) -> None:
    def listen(place: str) -> None:
        listening(place).close()
        raise UnusableAddress("no")

    with pytest.raises(UnusableAddress, match="no"):
        open_socket_file(UnixAddress(str(path)), listen)
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize("spare", [0, 1, 17, 18, 19])
def test_a_path_as_long_as_can_be_is_served(directory: Path, host: Host, spare: int) -> None:
    name = "x" * (PATH_LIMIT - len(str(directory)) - 1 - spare)
    with (
        Server(host, f"{directory}/{name}") as server,
        connect(server.endpoint) as channel,
    ):
        runtime_stub(channel).Version(pb.VersionRequest())
        assert [path.name for path in directory.iterdir()] == [name]


def test_a_stale_socket_is_replaced(path: Path, listeners: list[socket.socket]) -> None:
    listening(path).close()
    opened(path, listeners)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_live_socket_is_refused(path: Path, listeners: list[socket.socket]) -> None:
    opened(path, listeners)
    with pytest.raises(UnusableAddress, match=f"another server listens on {path}"):
        opened(path, listeners)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


def test_a_live_socket_too_busy_to_answer_is_refused(
    path: Path, listeners: list[socket.socket]
) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(path))
        listener.listen(0)
        client.connect(str(path))
        with pytest.raises(UnusableAddress, match="another server listens"):
            opened(path, listeners)


def test_of_many_that_take_over_a_stale_socket_one_gets_it(
    path: Path, listeners: list[socket.socket]
) -> None:
    listening(path).close()
    together = threading.Barrier(8)
    lost: list[UnusableAddress] = []

    def race() -> None:
        together.wait()
        try:
            opened(path, listeners)
        except UnusableAddress as error:
            lost.append(error)

    threads = [threading.Thread(target=race) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(listeners), len(lost)) == (1, 7)


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_no_socket_stays(path: Path, kind: str, listeners: list[socket.socket]) -> None:
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    with pytest.raises(UnusableAddress, match=f"{path} exists and is not a socket"):
        opened(path, listeners)
    assert list(path.parent.iterdir()) == [path]
    assert not stat.S_ISSOCK(path.lstat().st_mode)


def test_a_socket_of_another_kind_stays(path: Path, listeners: list[socket.socket]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        other.bind(str(path))
        with pytest.raises(UnusableAddress, match=f"cannot listen on {path}: Protocol wrong type"):
            opened(path, listeners)


@pytest.mark.parametrize("place", ["nowhere/cri.sock", "file/cri.sock", "cri.sock/"])
def test_the_directory_of_a_socket_must_be_there(
    directory: Path, place: str, listeners: list[socket.socket]
) -> None:
    (directory / "file").touch()
    address = UnixAddress(f"{directory}/{place}")
    with pytest.raises(UnusableAddress, match="does not exist"):
        address.check()
    with pytest.raises(UnusableAddress, match="does not exist"):
        open_socket_file(address, lambda path: listeners.append(listening(path)))


def test_a_socket_file_is_removed_once(path: Path, listeners: list[socket.socket]) -> None:
    file = opened(path, listeners)
    file.remove()
    assert not path.exists()
    file.remove()


def test_a_socket_file_that_somebody_replaced_stays(
    path: Path, listeners: list[socket.socket]
) -> None:
    file = opened(path, listeners)
    path.unlink()
    listeners.append(listening(path))
    file.remove()
    assert path.exists()


def test_a_stopped_server_leaves_the_socket_of_its_successor(
    path: Path, host: Host, listeners: list[socket.socket]
) -> None:
    with Server(host, str(path)):
        path.unlink()
        listeners.append(listening(path))
    assert path.exists()
