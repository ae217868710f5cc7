"""Running a script in a machine: as a process among the others of its container."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.core.machine import Finished, Machine, Run, known_image

ENVIRONMENT = {"PATH": "/bin:/usr/bin", "HOME": "/"}
DEBIAN = known_image("docker.io/library/debian")


def start(*argv: str, machine: Machine | None = None, **conditions: Any) -> Run:
    """Start a command line; nothing of it has run yet."""
    machine = machine or Machine()
    settings = {"environment": ENVIRONMENT, "cwd": "/tmp", "is_init": False, **conditions}
    return machine.start(argv, **settings)


def run(script: str, arguments: Sequence[str] = (), **conditions: Any) -> Finished:
    """Run a script as `ash -c` does."""
    return start("ash", "-c", script, *arguments, **conditions).finish()


def run_bash(script: str, arguments: Sequence[str] = (), **conditions: Any) -> Finished:
    """Run a script as `bash -c` does."""
    machine = Machine(image=DEBIAN)
    return start("bash", "-c", script, *arguments, machine=machine, **conditions).finish()


def snippets(name: str) -> list[str]:
    """Return the scripts of a file of fixtures, which stand between lines of `%%`."""
    text = (Path(__file__).parents[3] / "fixtures" / "shell" / name).read_text(encoding="utf-8")
    return text.removeprefix("%%\n").removesuffix("\n").removesuffix("\n%%").split("\n%%\n")


def run_really(program: str, shell: str, script: str, cwd: Path) -> Finished:
    """Run a script in a shell of this machine: `program`, called `shell`."""
    done = subprocess.run(
        [shell, "-c", script],
        executable=program,
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=20,
    )
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    return Finished(
        code,
        done.stdout.decode(errors="backslashreplace"),
        done.stderr.decode(errors="backslashreplace"),
    )
