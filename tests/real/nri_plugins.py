"""Real plugins of NRI: a Go program on the stub of containerd/nri."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tests.real.go_programs import compiled

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCE = Path(__file__).parent / "go" / "nriplugin"
PATIENCE_S = 60


def build(directory: Path) -> Path:
    """Build the plugin in a directory; return the program."""
    return compiled(shutil.copytree(SOURCE, directory / "nriplugin"))


class GoPlugin:
    """A plugin that runs; as a context, until that is left."""

    def __init__(self, program: Path, socket: Path, **options: str) -> None:
        """`options` are those of the program."""
        words = [word for name, value in options.items() for word in (f"-{name}", value)]
        self._process = subprocess.Popen(
            [program, "-socket", socket, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._changed = threading.Condition()
        self.told: list[dict[str, Any]] = []
        """What it has said, in order."""
        self.errors = ""
        self._ended = False
        self._threads = [threading.Thread(target=each) for each in (self._listen, self._read)]
        for thread in self._threads:
            thread.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self.told.append(json.loads(line))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _read(self) -> None:
        assert self._process.stderr is not None
        self.errors = self._process.stderr.read()

    def __enter__(self) -> Self:
        self.wait_for("Synchronize")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self.wait()

    def wait(self) -> int:
        """Wait until it has ended; return its exit status."""
        status = self._process.wait(PATIENCE_S)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()
        return status

    def order(self, *words: str) -> None:
        """Tell it to do something."""
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so of what it has said."""
        with self._changed:
            assert self._changed.wait_for(lambda: is_so() or self._ended, PATIENCE_S), self.told
            assert is_so(), (self.told, self.errors)

    def wait_for(self, what: str) -> dict[str, Any]:
        """Wait until it has told of something; return the first of that."""
        self.wait_until(lambda: what in self.hooks)
        return self.told[self.hooks.index(what)]

    @property
    def hooks(self) -> list[str]:
        """What it has told of."""
        return [each["what"] for each in self.told]
