"""`fakecri serve --control` as a process, and `fakecri ctl` as others."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

PATIENCE_S = 60


@dataclass
class ServedProcess:
    """A process that serves a runtime, and its control."""

    endpoint: str
    control: str
    directory: Path
    pid: int

    def ctl(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """Run `fakecri ctl`."""
        return fakecri("ctl", "--control", self.control, *words)


def fakecri(*words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command line to its end."""
    return subprocess.run(
        [sys.executable, "-m", "fakecri", *words],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@contextmanager
def serving(*options: str, inside: Sequence[str] = ()) -> Iterator[ServedProcess]:
    """Serve in a process of its own; `inside` are the words that run a command in a place."""
    with TemporaryDirectory(prefix="fakecri-") as name:
        directory = Path(name)
        endpoint, control = f"unix://{directory}/cri.sock", f"unix://{directory}/control.sock"
        command = [*inside, sys.executable, "-m", "fakecri", "serve", "--listen", endpoint]
        process = subprocess.Popen(
            [*command, "--control", control, *options], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        with process:
            try:
                assert process.stdout.readline() == f"fakecri is ready on {endpoint}\n"
                yield ServedProcess(endpoint, control, directory, process.pid)
            finally:
                process.terminate()
        assert process.returncode == 0
