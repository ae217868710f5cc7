"""The tools next to a real busybox, each in a directory of the same content."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from fakecri.core.executables import DEFAULT_PATH
from fakecri.core.scheduler import SECOND_NS
from tests.core.machine import WALL_NS, Finished, Machine
from tests.core.tools.corpus import LINES
from tests.requirements import busybox

PLACE = "/tmp/work"
INPUT = b'hello "wo  rld"\nline2\n\x00\xff\n\n..' + b"a" * 80 + b"\n"
FILES = {
    "a": "alpha\n",
    "b.txt": "beta\n" * 1000,
    "empty": "",
    "d/one": "1\n",
    "d/two.c": "22\n",
    "d/.hidden": "x\n",
    "d/sub/deep": "deep\n",
    "d/sub/deeper/x": "x\n",
    "name with space": "s\n",
    "run.sh": "#!/bin/sh\n",
    "sums": "9f9f90dbe3e5ee1218c86b8839db1995  a\n00000000000000000000000000000000  b.txt\n",
}
LINKS = {"link": "a", "dangling": "nosuch", "dirlink": "d", "d/up": "../a"}
OLD_S = 1_000_000_000


@pytest.mark.real
@pytest.mark.parametrize("line", LINES)
def test_a_tool_does_what_the_real_one_does(line: str, tmp_path: Path) -> None:
    argv = [each.replace("~", " ") for each in line.split()]
    machine = Machine()
    _fill_simulated(machine)
    environment = {"PATH": DEFAULT_PATH}
    simulated = machine.run(*argv, cwd=PLACE, stdin=INPUT, environment=environment, is_init=False)
    left = _simulated_tree(machine)
    place = tmp_path / "work"
    place.mkdir()
    _fill_real(place)
    real = _real(busybox(), argv, place)
    assert _comparable(simulated, PLACE, line) == _comparable(real, str(place), line)
    assert left == _real_tree(place)


def _real(program: str, argv: list[str], place: Path) -> Finished:
    finished = subprocess.run(
        [program, *argv],
        input=INPUT,
        capture_output=True,
        check=False,
        cwd=place,
        env={"PATH": DEFAULT_PATH},
        timeout=60,
    )
    return Finished(
        finished.returncode if finished.returncode >= 0 else 128 - finished.returncode,
        finished.stdout.decode(errors="backslashreplace"),
        finished.stderr.decode(errors="backslashreplace"),
    )


def _fill_real(place: Path) -> None:
    for name, text in FILES.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755 if name.endswith(".sh") else 0o644)
    for name, target in LINKS.items():
        (place / name).symlink_to(target)
    for path in (place / "d", place / "d/sub", place / "d/sub/deeper", place):
        path.chmod(0o755)
    for name in FILES:
        os.utime(place / name, (OLD_S, OLD_S))


def _fill_simulated(machine: Machine) -> None:
    def fill(process: object) -> int:
        files = process.files  # type: ignore[attr-defined]  # a Process
        if not files.is_dir("/tmp"):
            files.mkdir("/tmp")
        files.mkdir(PLACE)
        for name in ("d", "d/sub", "d/sub/deeper"):
            files.mkdir(f"{PLACE}/{name}")
        for name, text in FILES.items():
            files.write(f"{PLACE}/{name}", text.encode(), 0o755 if name.endswith(".sh") else 0o644)
            files.utime(f"{PLACE}/{name}", OLD_S * SECOND_NS)
        for name, target in LINKS.items():
            files.symlink(target, f"{PLACE}/{name}")
        return 0

    assert machine.start_program(fill).finish() == (0, "", "")


def _simulated_tree(machine: Machine) -> dict[str, str]:
    """What is there afterwards: kind, mode, and content or target."""
    found: dict[str, str] = {}

    def walk(process: object) -> int:
        files = process.files  # type: ignore[attr-defined]  # a Process
        waiting = [PLACE]
        while waiting:
            path = waiting.pop()
            for name in files.list(path):
                full = f"{path}/{name}"
                stat = files.stat(full, follow=False)
                text = files.readlink(full) if stat.kind == "link" else ""
                if stat.kind == "file":
                    text = files.read(full).decode(errors="backslashreplace")
                mode = 0o777 if stat.kind == "link" else stat.mode
                found[full.removeprefix(PLACE)] = f"{stat.kind} {mode:o} {_content(name, text)}"
                if stat.kind == "dir":
                    waiting.append(full)
        return 0

    assert machine.start_program(walk).finish() == (0, "", "")
    return found


def _real_tree(place: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in place.rglob("*"):
        mode = path.lstat().st_mode & 0o7777
        if path.is_symlink():
            kind, text, mode = "link", str(path.readlink()), 0o777
        elif path.is_dir():
            kind, text = "dir", ""
        elif path.is_fifo():
            kind, text = "fifo", ""
        else:
            kind, text = "file", path.read_bytes().decode(errors="backslashreplace")
        name = str(path).removeprefix(str(place))
        found[name] = f"{kind} {mode:o} {_content(path.name, text)}"
    return found


def _content(name: str, text: str) -> str:
    """Archives hold times, and compression is not the same everywhere."""
    return "" if name.endswith((".tar", ".gz", ".tgz")) else text


_BUILD = [
    (r"BusyBox v.* multi-call", "BusyBox multi-call"),
    # A process that was there before has other numbers, and is as old as the test.
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?( \+0000)?", "TIME"),
    (r"[A-Z][a-z]{2} [ \d]\d (\d\d:\d\d| \d{4})", "TIME"),
    (r"(Inode: )\d+ *", r"\1N "),
    (r"(Device: )\w+/\w+", r"\1N"),
    (r"(?m)^(real|user|sys)(\s+)(0m )?\d+\.\d\d", r"\1 N"),
    # The Debian build leaves out the third line.
    # It also leaves out two columns of ps, and signals without a name of their own.
    (r"etime,|time,(?=tty)", ""),
    (r"34\) RTMIN\n64\) RTMAX\n", ""),
    (r"\d+ bytes \(.*\n", ""),
]


def _comparable(finished: Finished, place: str, line: str) -> Finished:
    """Without what differs between builds, machines and moments."""
    code, stdout, stderr = finished
    head, usage, _ = stderr.partition("\nUsage: ")
    stderr = head + "\nusage" if usage else stderr
    stdout, stderr = stdout.replace(place, "PLACE"), stderr.replace(place, "PLACE")
    for pattern, replacement in _BUILD:
        stdout = re.sub(pattern, replacement, stdout)
        stderr = re.sub(pattern, replacement, stderr)
    if line.startswith(("ls", "du", "stat", "find")) and ("l" in line or "s" in line):
        stdout = re.sub(r"^total \d+$", "total N", stdout, flags=re.MULTILINE)
    if line.split(maxsplit=1)[0] in {"du", "find", "tar", "rm"}:  # in the order of the directory
        stdout = "\n".join(sorted(re.split("[\n\0]", stdout)))
        stderr = "\n".join(sorted(stderr.split("\n")))
    return Finished(code, stdout, stderr)


def test_the_clock_of_the_machine_is_later_than_the_files() -> None:
    assert WALL_NS > OLD_S * SECOND_NS
