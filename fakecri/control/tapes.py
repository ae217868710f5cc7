"""The recording of a session while it is written, for whoever reads along."""

import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from fakecri.errors import UsageError


class Tape:
    """Takes the lines of one recording, and gives them to any number of readers."""

    def __init__(self, path: Path | None = None) -> None:
        """Write to a file of that name, or to one that is gone with the tape.

        UsageError where the file cannot be written.
        """
        try:
            self._file: IO[bytes] = path.open("w+b") if path else TemporaryFile()  # noqa: SIM115  # `close` closes it
        except OSError as error:
            raise UsageError(f"--record {path}: {error.strerror or error}") from error
        self.size = 0
        """How many bytes it has."""
        self.ended = False
        """Whether the runtime that it is the recording of is gone."""
        self._closing = False
        self._watchers: list[Callable[[], None]] = []

    def write(self, text: str) -> int:
        """Add a line. Whole lines are in the file, also where this process is killed."""
        content = text.encode()
        if not self.ended:
            self._append(content)
            for callback in tuple(self._watchers):
                callback()
        return len(text)

    def read(self, offset: int, limit: int = 1 << 16) -> list[str]:
        """Return lines from an offset on, which is the beginning of one; at least one, if any."""
        content = self._content(offset, min(offset + limit, self.size))
        end = content.rfind(b"\n") + 1
        if content and not end:  # a line that is longer than that
            return self.read(offset, 2 * limit)
        return content[:end].decode().split("\n")[:-1]

    def text(self) -> str:
        """Return all of it."""
        return self._content(0, self.size).decode()

    def _append(self, content: bytes) -> None:
        # Who reads is in another thread, so that the file's own position is nobody's.
        size = self.size
        while content:
            written = os.pwrite(self._file.fileno(), content, size)
            content, size = content[written:], size + written
        self.size = size

    def _content(self, begin: int, end: int) -> bytes:
        parts = []
        while begin < end and (part := os.pread(self._file.fileno(), end - begin, begin)):
            parts.append(part)
            begin += len(part)
        return b"".join(parts)

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at each line and at the end, in any thread; return what stops that.

        Who watches can read, also when it is closed.
        """
        self._watchers.append(callback)

        def stop() -> None:
            self._watchers.remove(callback)
            self._close_unless_read()

        return stop

    def end(self) -> None:
        """Take no more lines."""
        self.ended = True
        for callback in tuple(self._watchers):
            callback()

    def close(self) -> None:
        """End, and close the file as soon as nobody reads along."""
        self._closing = True
        self.end()
        self._close_unless_read()

    def _close_unless_read(self) -> None:
        if self._closing and not self._watchers:
            self._file.close()
