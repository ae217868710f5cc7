"""A recording in place of a runtime: what was answered once is answered again."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO, TypeAlias, cast

from fakecri.core.recorder import CallRecord
from fakecri.core.recording import RecordedCall, Recording
from fakecri.errors import UsageError
from fakecri.host import Host, open_host
from fakecri.pace import Manual, Pace, parse_pace
from fakecri.replay.episodes import Episodes
from fakecri.replay.files import read_recording, unreadable
from fakecri.replay.playback import Handlers, Playback
from fakecri.replay.tape import Tape
from fakecri.services import ImageClient, RuntimeClient
from fakecri.stub import service_stub

if TYPE_CHECKING:
    from types import TracebackType

    from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub
    from fakecri.server import Server

Sink: TypeAlias = Callable[[str], object]

MODES = ("none", "once", "new_episodes", "all")


class Replay:
    """Serves a recording: a stub-like object, and a host behind it that a Server can serve.

    Modes, as those of VCR: `none` answers what was recorded, and refuses all else with ABORTED and
    a text that names the closest calls. `once` records where there is no file yet, and is `none`
    where there is. `new_episodes` answers what was recorded, has all else answered by a runtime,
    and puts that at the end of the file. `all` has everything answered, and records anew.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        mode: str = "none",
        repeat: str = "reads",
        delays: bool = False,
        seed: int = 0,
        pace: Pace | str = "",
        record: TextIO | None = None,
    ) -> None:
        """`path` is the recording's file.

        `repeat` says what may be answered again when all that was recorded has been given: `never`,
        `reads` or `always`. With `delays` answers take as long as they took. What is not on the
        recording is answered by a fakecri of its own, with `seed`. Time begins where the recording
        did, and passes by `pace`: `autojump`, if nothing else is said. `record` gets a recording of
        this run. UsageError for what cannot be.
        """
        if mode not in MODES:
            raise UsageError(f"{mode!r} is no mode: {', '.join(MODES)}")
        self._path = Path(path)
        self._ends = ExitStack()
        before = None if mode == "all" else self._read(required=mode == "none")
        self._tape = Tape(before, repeat) if before is not None else None
        time = _pace(pace, before.header.t if before is not None else None)
        self._episodes: Episodes | None = None
        sinks: list[Sink] = [record.write] if record else []
        if before is None:
            sinks.append(self._new_file())
        elif mode == "new_episodes":
            self._episodes = Episodes(before, self._end_of_file(before))
            sinks.append(self._episodes.take)
        self._host = open_host(seed=seed, pace=time, record=_sink(sinks))
        falls_back = before is None or mode == "new_episodes"
        world = self._host.world
        self._playback = Playback(
            world,
            self._tape,
            Handlers(world) if falls_back else None,
            asked=self._episodes.want if self._episodes else None,
            delays=delays,
        )
        world.upstream = self._playback
        self.runtime = cast("RuntimeServiceStub", service_stub(self._host, "RuntimeService"))
        self.images = cast("ImageServiceStub", service_stub(self._host, "ImageService"))
        self.runtime_service = RuntimeClient(self.runtime)
        self.image_service = ImageClient(self.images)

    # Files.

    def _read(self, *, required: bool) -> Recording | None:
        if not required and not self._path.exists():
            return None
        try:
            return read_recording(self._path)
        except UsageError as error:
            raise UsageError(f"{self._path}: {error}") from error

    def _new_file(self) -> Sink:
        """Write beside the old file, which stays until all is done."""
        part = self._path.with_name(f"{self._path.name}.new")
        file = self._opened(part, "w")
        self._ends.callback(part.replace, self._path)
        self._ends.callback(file.close)
        return file.write

    def _end_of_file(self, before: Recording) -> Sink:
        """Write at the end of the file; a line that was cut off there is no line."""
        size = self._path.stat().st_size
        torn = len(before.torn.encode())
        file = self._opened(self._path, "r+")
        self._ends.callback(file.close)
        file.truncate(size - torn)
        file.seek(0, os.SEEK_END)
        if not self._path.read_bytes().endswith(b"\n"):
            file.write("\n")
        return file.write

    def _opened(self, path: Path, mode: str) -> TextIO:
        try:
            # By lines, so that a runtime that is killed leaves whole ones.
            return cast("TextIO", path.open(mode, buffering=1, encoding="utf-8", newline="\n"))
        except OSError as error:
            raise UsageError(f"{path}: {unreadable(error)}") from error

    # What a test can ask.

    @property
    def host(self) -> Host:
        """What the faces share."""
        return self._host

    @property
    def calls(self) -> list[CallRecord]:
        """Every call so far, in the order of their arrival."""
        with self._host.turn() as world:
            return list(world.recorder.calls)

    @property
    def unmatched(self) -> list[str]:
        """What was refused because nothing like it was recorded, a sentence each."""
        with self._host.turn():
            return list(self._playback.unmatched)

    @property
    def unplayed(self) -> list[RecordedCall]:
        """What was recorded, and nobody has asked for."""
        with self._host.turn():
            return self._tape.unplayed if self._tape is not None else []

    @contextmanager
    def serve(self, address: str) -> "Iterator[Server]":
        """Serve on `unix:///path` or a loopback address while the context lasts."""
        from fakecri.server import Server  # noqa: PLC0415  # most tests never need gRPC's server

        with Server(self._host, address) as server:
            yield server

    def close(self) -> None:
        """End every call in flight, and the file; harmless when closed."""
        self._host.close()
        self._ends.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: "TracebackType | None",
    ) -> None:
        self.close()


def _pace(pace: Pace | str, start_ns: int | None) -> Pace:
    if not isinstance(pace, str):
        return pace
    if not pace:
        return Manual(jumps=True) if start_ns is None else Manual(jumps=True, start_ns=start_ns)
    return parse_pace(pace)


class _Sinks:
    """Gives what is written to all of some."""

    def __init__(self, sinks: list[Sink]) -> None:
        self._sinks = sinks

    def write(self, text: str) -> None:
        for sink in self._sinks:
            sink(text)


def _sink(sinks: list[Sink]) -> TextIO | None:
    return cast("TextIO", _Sinks(sinks)) if sinks else None
