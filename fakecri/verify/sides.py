"""The runtimes that are compared: how one is reached, and what can be seen of it beside answers."""

import queue
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc

from fakecri.api import runtime_pb2 as pb
from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.errors import UsageError

POLL_S = 0.02
_HELLO_S = 10.0
_EVENT_S = 5.0


class Events(Protocol):
    """The events of a runtime, from the beginning of the run."""

    @property
    def there(self) -> bool:
        """Whether it has any."""

    def next(self) -> pb.ContainerEventResponse | None:
        """Return the next one; None where none comes in time."""


@dataclass
class Side:
    """A runtime as its client sees it, and its node's log files."""

    runtime: RuntimeServiceStub
    images: ImageServiceStub
    read: Callable[[str], bytes | None]
    """From the path of a log file to its bytes; None: there is none that can be read."""
    rename: Callable[[str, str], None]
    pause: Callable[[], None]
    """Lets POLL_S pass on the runtime."""
    events: Events | None = None
    """None: they are not looked at."""


@contextmanager
def reached(endpoint: str) -> Iterator[Side]:
    """Reach a runtime on this machine. UsageError where nothing answers."""
    with ExitStack() as stack:
        channel = stack.enter_context(connect(endpoint))
        runtime = runtime_stub(channel)
        try:
            runtime.Version(pb.VersionRequest(), timeout=_HELLO_S)
        except grpc.RpcError as error:
            raise UsageError(f"{endpoint}: {error.details()}") from error
        events = _Listener(runtime)
        stack.callback(events.close)
        yield Side(runtime, image_stub(channel), read_file, rename_file, pause, events)


def pause() -> None:
    """Let some real time pass."""
    time.sleep(POLL_S)


def new_name(letter: str) -> str:
    """Return a name for a run that no run before had."""
    return f"v{time.time_ns():x}{letter}"


def today() -> str:
    """Return the date as a transcript tells it."""
    return time.strftime("%Y-%m-%d", time.gmtime())


def now_s() -> float:
    """Return seconds since some time."""
    return time.monotonic()


@contextmanager
def log_directory(given: Path | None) -> Iterator[str]:
    """Have a directory for logs; one that nobody gave is removed, as far as it may be."""
    if given is not None:
        yield str(given.absolute())
        return
    with tempfile.TemporaryDirectory(prefix="fakecri-verify-", ignore_cleanup_errors=True) as made:
        yield made


def read_file(path: str) -> bytes | None:
    """Return what a file of this machine holds; None where it cannot be read."""
    try:
        return Path(path).read_bytes()
    except OSError:
        return None


def rename_file(old: str, new: str) -> None:
    """Move a file, where it is there and may be moved."""
    with suppress(OSError):
        Path(old).rename(new)


class _Listener:
    """Takes events from a stream as they come: the calls of the run go on meanwhile."""

    def __init__(self, runtime: RuntimeServiceStub) -> None:
        self._call: Any = runtime.GetContainerEvents(pb.GetEventsRequest())
        self._come: queue.Queue[pb.ContainerEventResponse | None] = queue.Queue()
        self._has_told = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()
        # One that has them says nothing when it begins to tell; one without says so soon.
        self._thread.join(_SILENCE_S)

    @property
    def there(self) -> bool:
        """Whether the runtime has told something, or may."""
        return self._has_told or self._thread.is_alive()

    def _listen(self) -> None:
        with suppress(grpc.RpcError):
            for each in self._call:
                self._has_told = True
                self._come.put(each)
        self._come.put(None)

    def next(self) -> pb.ContainerEventResponse | None:
        """Return the next one; None where none comes in time."""
        with suppress(queue.Empty):
            return self._come.get(timeout=_EVENT_S)
        return None

    def close(self) -> None:
        """Hang up."""
        self._call.cancel()
        self._thread.join()


_SILENCE_S = 0.5
