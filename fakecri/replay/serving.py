"""A recording in place of a runtime: what was answered once is answered again."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO, TypeAlias, cast

from fakecri.core.levels import chosen_level
from fakecri.core.personalities import UPSTREAM, profile_of
from fakecri.core.recording import RecordedCall, Recording
from fakecri.errors import UsageError
from fakecri.laboratory import Laboratory
from fakecri.loops import LoopThread
from fakecri.opening import open_host
from fakecri.pace import Manual, Pace, parse_pace
from fakecri.relay import Relay
from fakecri.replay.episodes import Episodes
from fakecri.replay.files import read_recording, unreadable
from fakecri.replay.playback import Handlers, Playback
from fakecri.replay.tape import Tape

if TYPE_CHECKING:
    from fakecri.server import Server

Sink: TypeAlias = Callable[[str], object]

MODES = ("none", "once", "new_episodes", "all")


class Replay(Laboratory):
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
        upstream: str = "",
        repeat: str = "reads",
        delays: bool = False,
        pace: Pace | str = "",
        record: TextIO | None = None,
    ) -> None:
        """`path` is the recording's file.

        What is not on it is answered by the runtime that listens at `upstream`, or by a fakecri of
        its own, which has the recording's personality. `repeat` says what may be answered again
        when all that was recorded has been given: `never`, `reads` or `always`. With `delays`
        answers take as long as they took. Time begins where the recording did, and passes by
        `pace`: `autojump`, if nothing else is said, and `rate` with an upstream. `record` gets a
        recording of this run. UsageError for what cannot be.
        """
        if mode not in MODES:
            raise UsageError(f"{mode!r} is no mode: {', '.join(MODES)}")
        if upstream and mode == "none":
            raise UsageError("in mode none nobody else is asked: an upstream is for another mode")
        self._path = Path(path)
        self._ends = ExitStack()
        before = None if mode == "all" else self._read(required=mode == "none")
        level, personality = _level(before), self._personality(before)
        self._tape = Tape(before, repeat) if before is not None else None
        self._episodes: Episodes | None = None
        self._relay = Relay(upstream) if upstream else None
        self._thread: LoopThread | None = None
        time = _pace(pace or ("rate" if upstream else ""), before)
        sinks: list[Sink] = [record.write] if record else []
        if before is None:
            sinks.append(self._new_file())
        elif mode == "new_episodes":
            self._episodes = Episodes(before, self._end_of_file(before))
            sinks.append(self._episodes.take)
        super().__init__(
            open_host(
                seed=_seed(before),
                pace=time,
                record=_sink(sinks),
                api_level=level,
                personality=personality,
                is_replay=True,
            )
        )
        try:
            self._begin(falls_back=before is None or mode == "new_episodes", delays=delays)
        except BaseException:
            self.close()
            raise

    def _begin(self, *, falls_back: bool, delays: bool) -> None:
        world = self._host.world
        if self._relay is not None:
            self._thread = LoopThread()
            self._thread.run(self._relay.open(self._host))
        world.upstream = self._playback = Playback(
            world,
            self._tape,
            (self._relay or Handlers(world)) if falls_back else None,
            asked=self._episodes.want if self._episodes else None,
            delays=delays,
        )

    def _personality(self, before: Recording | None) -> str:
        name = str(before.header.facts["profile"]) if before is not None else ""
        if name == UPSTREAM:
            return ""
        try:
            profile_of(name)
        except UsageError as error:
            raise UsageError(f"{self._path}: {error}") from error
        return name

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
    def unmatched(self) -> list[str]:
        """What was refused because nothing like it was recorded, a sentence each."""
        with self._host.turn():
            return list(self._playback.unmatched)

    @property
    def unplayed(self) -> list[RecordedCall]:
        """What was recorded, and nobody has asked for."""
        with self._host.turn():
            return self._tape.unplayed if self._tape is not None else []

    def server(self, address: str) -> "Server":
        """Return a server of it at `unix:///path` or a loopback address, not open yet."""
        from fakecri.server import Server  # noqa: PLC0415  # most tests never need gRPC's server

        return Server(self._host, address, self._relay, self._thread)

    @contextmanager
    def serve(self, address: str) -> "Iterator[Server]":
        """Serve on `unix:///path` or a loopback address while the context lasts."""
        with self.server(address) as server:
            yield server

    def close(self) -> None:
        """End every call in flight, and the file; harmless when closed."""
        super().close()
        thread, self._thread = self._thread, None
        if thread is not None and self._relay is not None:
            thread.run(self._relay.close())
            thread.close()
        self._ends.close()


def _pace(pace: Pace | str, before: Recording | None) -> Pace:
    if not isinstance(pace, str):
        return pace
    if before is None:
        return parse_pace(pace or "autojump")
    return Manual(jumps=True, start_ns=before.header.t) if not pace else parse_pace(pace)


def _level(before: Recording | None) -> str:
    """Return the API level that was spoken. UsageError where there is no such level."""
    name = "" if before is None else str(before.header.facts.get("api_level", ""))
    chosen_level(name)
    return name


def _seed(before: Recording | None) -> int:
    """Return a seed that no id in the recording comes from."""
    if before is None:
        return 0
    last = before.records[-1] if before.records else before.header
    return int(before.header.facts["seed"]) + last.n + 1


class _Sinks:
    """Gives what is written to all of some."""

    def __init__(self, sinks: list[Sink]) -> None:
        self._sinks = sinks

    def write(self, text: str) -> None:
        for sink in self._sinks:
            sink(text)


def _sink(sinks: list[Sink]) -> TextIO | None:
    return cast("TextIO", _Sinks(sinks)) if sinks else None
