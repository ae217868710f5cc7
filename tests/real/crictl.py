"""crictl as a user runs it: arguments in; exit status, output and error text out."""

from __future__ import annotations

import json
import re
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RUN_TIMEOUT_S = 300
FATAL = re.compile(r'level=fatal msg=(".*")$', re.MULTILINE)
CLEAR_SCREEN = "\x1b[2J\x1b[H"


@dataclass(frozen=True)
class Answer:
    """What one run of crictl left."""

    arguments: tuple[str, ...]
    status: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The text crictl ended with: its last fatal message, or all of standard error."""
        fatal = FATAL.findall(self.err)
        return str(json.loads(fatal[-1])) if fatal else self.err.strip()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def table(self) -> list[dict[str, str]]:
        """The rows under the table's heading, each a dictionary by column name."""
        heading, *rows = self.out.removeprefix(CLEAR_SCREEN).splitlines()
        columns = [(found.group(), found.start()) for found in re.finditer(r"\S+( \S+)*", heading)]
        ends = [start for _, start in columns[1:]] + [None]
        return [
            {name: row[start:end].strip() for (name, start), end in zip(columns, ends, strict=True)}
            for row in rows
        ]


class Crictl:
    """crictl bound to one runtime by a configuration file."""

    def __init__(self, program: Path, configuration: Path, endpoint: str) -> None:
        configuration.write_text(f"runtime-endpoint: {endpoint}\ntimeout: 60\n")
        self.command = [str(program), "--config", str(configuration)]

    def run(self, *arguments: str) -> Answer:
        """Whatever comes of it."""
        done = subprocess.run(
            [*self.command, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=RUN_TIMEOUT_S,
        )
        return Answer(arguments, done.returncode, done.stdout, done.stderr)

    def piped(self, source: Path, *arguments: str) -> bytes:
        """A run that must succeed with a file as its input; returns its output."""
        with source.open("rb") as content:
            done = subprocess.run(
                [*self.command, *arguments],
                check=False,
                stdin=content,
                capture_output=True,
                timeout=RUN_TIMEOUT_S,
            )
        assert (done.returncode, done.stderr) == (0, b""), arguments
        return done.stdout

    def ok(self, *arguments: str) -> Answer:
        """A run that must succeed."""
        answer = self.run(*arguments)
        assert answer.status == 0, answer
        return answer

    def fails(self, *arguments: str) -> str:
        """A run that must fail; returns the text it fails with."""
        answer = self.run(*arguments)
        assert answer.status == 1, answer
        return answer.error

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """A run that lasts; killed at the end, or when it takes too long, unless it has ended."""
        with subprocess.Popen(
            [*self.command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            too_long = Timer(RUN_TIMEOUT_S, process.kill)
            too_long.start()
            try:
                yield process
            finally:
                too_long.cancel()
                process.kill()
