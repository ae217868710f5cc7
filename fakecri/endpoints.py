"""Where a server listens: unix sockets and loopback ports, and how a socket file comes and goes.

Nothing here knows what is spoken over the socket.
"""

import fcntl
import ipaddress
import os
import socket
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, unquote

from fakecri.errors import UsageError

ANY_PORT = "127.0.0.1:0"
"""A port of the loopback interface that is free, whichever."""

PATH_LIMIT = 107
"""Bytes of a unix socket's path: `sun_path` has 108, and a NUL ends it."""

_FORMS = "unix:///path, /path, 127.0.0.1:PORT, [::1]:PORT or localhost:PORT"


class UnusableAddress(UsageError):  # noqa: N818  # it reads as what it is
    """Nobody can listen there; the text is one sentence that says why."""


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A unix socket, by its absolute path."""

    path: str

    @property
    def endpoint(self) -> str:
        """What a client dials: `unix:///run/cri.sock`."""
        return "unix://" + quote(os.fsencode(self.path))

    def check(self) -> None:
        """Raise UnusableAddress if it could not be listened on right now."""
        _check_directory(self.path)
        _check_replaceable(self.path)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A port of the loopback interface. Port 0 asks for a free one."""

    host: str
    port: int

    @property
    def endpoint(self) -> str:
        """What a client dials: `127.0.0.1:4242`, `[::1]:4242`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def check(self) -> None:
        """Raise UnusableAddress if it could not be listened on right now."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        try:
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((self.host, self.port))
        except OSError as error:
            raise _unusable(self.endpoint, error) from None


Address: TypeAlias = UnixAddress | TcpAddress


def parse_address(text: str) -> Address:
    """Return the address that `text` writes; UnusableAddress for anything but the forms we serve.

    The forms of unix addresses are those of the CRI's clients (spec: transport 5.1).
    """
    if text.startswith("unix:"):
        return _unix_address(unquote(_without_slashes(text)), text)
    if text.startswith("/"):
        return _unix_address(text, text)
    return parse_tcp(text)


def _without_slashes(text: str) -> str:
    # unix:///abs has an authority, which is empty; unix:/abs has none.
    path = text.removeprefix("unix:")
    return path.removeprefix("//") if path.startswith("///") else path


def _unix_address(path: str, text: str) -> UnixAddress:
    if path.startswith(("@", "\0")):
        raise UnusableAddress(f"{text!r} is an abstract socket, which CRI clients do not dial")
    if not path.startswith("/") or path.startswith("//"):
        raise UnusableAddress(f"{text!r} has no absolute path: write unix:///path")
    if "\0" in path:
        raise UnusableAddress(f"{text!r} has a NUL in its path")
    size = len(os.fsencode(path))
    if size > PATH_LIMIT:
        raise UnusableAddress(
            f"the path {path} has {size} bytes, and that of a unix socket at most {PATH_LIMIT}"
        )
    return UnixAddress(path)


def parse_tcp(text: str, *, beyond: bool = False) -> TcpAddress:
    """Return an address of the loopback interface, or of any if `beyond`; else UnusableAddress."""
    host, colon, port = text.removeprefix("tcp://").rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 0xFFFF:  # noqa: PLR2004  # the last port
        raise UnusableAddress(f"{text!r} is not an address: write {_FORMS}")
    literal = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    if beyond and not _is_literal(literal):
        raise UnusableAddress(f"{text!r} has no IP address in it")
    if not (beyond or _is_loopback(literal)):
        raise UnusableAddress(
            f"{text!r} is not on the loopback interface, and whoever reaches a runtime owns it"
        )
    return TcpAddress(literal, int(port))


def _is_loopback(literal: str) -> bool:
    return _is_literal(literal) and ipaddress.ip_address(literal).is_loopback


def _is_literal(literal: str) -> bool:
    try:
        ipaddress.ip_address(literal)
    except ValueError:
        return False
    return "%" not in literal


@dataclass(frozen=True, slots=True)
class SocketFile:
    """A unix socket that listens, by its file."""

    path: str
    device: int
    inode: int

    def remove(self) -> None:
        """Remove the file, if it is still this one. To be called while the socket is open.

        The number of an inode may be given away again as soon as its socket is closed.
        """
        try:
            status = os.lstat(self.path)
            if (status.st_dev, status.st_ino) == (self.device, self.inode):
                Path(self.path).unlink()
        except OSError:
            return  # gone already, or out of our hands


def open_socket_file(address: UnixAddress, listen: Callable[[str], object]) -> SocketFile:
    """Call `listen(path)` so that the socket appears at its address at once, and with mode 0600.

    `listen` binds and listens at the path it is given, which is in a private directory beside the
    address: there nobody can dial while the mode is still what the umask made it, and the umask,
    which belongs to all threads, is left alone. A stale socket file is replaced; all else that is
    at the address is UnusableAddress.
    """
    parent, name = os.path.split(address.path)
    _check_directory(address.path)
    try:
        with (
            _locked(parent),
            tempfile.TemporaryDirectory(prefix=".fakecri-", dir=parent) as private,
        ):
            _check_replaceable(address.path)
            file = Path(private, name)
            with _bindable(file) as path:
                listen(path)
            file.chmod(0o600)
            status = file.lstat()
            file.rename(address.path)
    except OSError as error:
        raise _unusable(address.path, error) from None
    return SocketFile(address.path, status.st_dev, status.st_ino)


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    """Let no two servers look for a stale socket in a directory at the same time."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _bindable(file: Path) -> Iterator[str]:
    """Return a path to a file that does not exist yet, short enough for a socket."""
    if len(os.fsencode(file)) <= PATH_LIMIT:
        yield str(file)
        return
    descriptor = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # A server that stops unlinks the path it once bound, and by then the descriptor may be
        # another directory's: a name that was drawn is in no other.
        drawn = Path(file.parent, file.parent.name)
        yield f"/proc/self/fd/{descriptor}/{drawn.name}"
        drawn.rename(file)
    finally:
        os.close(descriptor)


def _check_directory(path: str) -> None:
    parent, name = os.path.split(path)
    if not name or not Path(parent).is_dir():
        raise UnusableAddress(f"the directory of the socket {path} does not exist")


def _check_replaceable(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise UnusableAddress(f"{path} exists and is not a socket")
    if _is_live(path):
        raise UnusableAddress(f"another server listens on {path}")


def _is_live(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except BlockingIOError:
            return True  # its queue is full
        except OSError as error:
            raise _unusable(path, error) from None
    return True


def _unusable(place: str, error: OSError) -> UnusableAddress:
    return UnusableAddress(f"cannot listen on {place}: {error.strerror or error}")
