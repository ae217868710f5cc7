"""What is recorded of typing at a real terminal is what a real ash still does there.

To record anew: `FAKECRI_RECORD_TERMINALS=1 pytest tests/real/test_terminal_scripts.py`, as root;
read the difference before it is committed.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import struct
import subprocess
import termios
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from fakecri.kubelet.machine import process_stat
from tests.real.oci import BUSYBOX
from tests.terminal_scripts import RECORDED, Case, Size, cases, play, recorded, without_banner

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.real

ANEW = os.environ.get("FAKECRI_RECORD_TERMINALS") == "1"
CALM_S = 0.1
"""Longer than a shell waits for the rest of a key; only a timer wakes who is blocked meanwhile."""

QUIET_S = 3.0
"""How long nothing comes where it is not known what will: longer than the jobs of the cases."""

PATIENCE_S = 60.0
BLOCKED = {"S", "T", "Z"}
SPUN_TICKS = 30
"""Who has run that long, and is not blocked yet, is in a loop."""

DEVICES = {"null": (1, 3), "tty": (5, 0)}


class Member(NamedTuple):
    """A process of the terminal's session."""

    pid: int
    state: str
    ticks: int
    """How long it has run."""


class RealStage:
    """A command at a real pseudo-terminal."""

    def __init__(self, client: int, path: str, process: subprocess.Popen[bytes]) -> None:
        self.client = client
        self.path = path
        self.process = process
        self._ticks: dict[int, int] = {}
        """How long each process had run when something was typed."""

    def type(self, keys: bytes) -> None:
        self._ticks = {each.pid: each.ticks for each in self._members()}
        os.write(self.client, keys)

    def resize(self, size: Size) -> None:
        set_size(self.client, size)

    def shown(self, expected: bytes | None) -> bytes:
        shown = b""
        calm_s = QUIET_S if expected is None else CALM_S
        while True:
            awaited = expected is not None and len(shown) < len(expected)
            if not self._is_readable(PATIENCE_S if awaited else 0):
                if awaited or self._is_calm(calm_s):
                    return shown
                continue
            try:
                chunk = os.read(self.client, 65536)
            except OSError:  # nobody has it open any more
                return shown
            shown = without_banner(shown + chunk)

    def status(self) -> int | None:
        while self.process.poll() is None and not self._is_calm(CALM_S):
            pass
        code = self.process.poll()
        return 128 - code if code is not None and code < 0 else code

    def _is_calm(self, limit_s: float) -> bool:
        """Whether nothing comes for a time, as all who are at the terminal wait for something."""
        self._deliver()
        before = self._states()
        if self._is_readable(limit_s):
            return False
        return BLOCKED.issuperset(before.values()) and before == self._states()

    def _is_readable(self, limit_s: float) -> bool:
        return bool(select.select([self.client], [], [], limit_s)[0])

    def _deliver(self) -> None:
        """Have the kernel hand over what was typed, which it does when it has time, or is asked."""
        terminal = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
        select.select([terminal], [], [], 0)
        os.close(terminal)

    def _states(self) -> dict[int, str]:
        """The state of each process at the terminal; who is in a loop counts as blocked."""
        return {
            each.pid: "S" if each.ticks - self._ticks.get(each.pid, 0) > SPUN_TICKS else each.state
            for each in self._members()
        }

    def _members(self) -> Iterator[Member]:
        for place in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it has just ended
                state, *fields = process_stat(int(place.name))
                if int(fields[2]) == self.process.pid:
                    yield Member(int(place.name), state, int(fields[10]) + int(fields[11]))


def set_size(client: int, size: Size) -> None:
    fcntl.ioctl(client, termios.TIOCSWINSZ, struct.pack("HHHH", size.rows, size.columns, 0, 0))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root directory with nothing but busybox in it."""
    if os.geteuid():
        pytest.skip("terminal scripts: only root can change the root directory")
    root = tmp_path_factory.mktemp("root")
    for name in ("bin", "dev", "root", "tmp"):
        (root / name).mkdir()
    (root / "bin" / "busybox").write_bytes(BUSYBOX.read_bytes())
    (root / "bin" / "busybox").chmod(0o755)
    applets = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")
    for name, numbers in DEVICES.items():
        os.mknod(root / "dev" / name, 0o20666, os.makedev(*numbers))
        (root / "dev" / name).chmod(0o666)
    return root


@contextmanager
def real_stage(root: Path, case: Case) -> Iterator[RealStage]:
    client, terminal = os.openpty()
    set_size(client, Size(case.columns, case.rows))

    def sit_down() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    process = subprocess.Popen(
        [BUSYBOX, "chroot", str(root), *case.argv],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=sit_down,  # noqa: PLW1509  # one system call
        env={"PATH": "/bin", "TERM": "xterm", "HOME": "/root"},
    )
    path = os.ttyname(terminal)
    os.close(terminal)
    try:
        yield RealStage(client, path, process)
    finally:
        process.kill()
        process.wait()
        os.close(client)


def _play(root: Path, case: Case, expected: dict[str, Any] | None) -> dict[str, Any]:
    with real_stage(root, case) as stage:
        return play(case, stage, expected)


@pytest.mark.parametrize("case", cases(), ids=lambda case: case.name)
def test_a_real_terminal_shows_what_is_recorded(root: Path, case: Case) -> None:
    if ANEW:
        _record(case, _play(root, case, None))
    expected = recorded()[case.name]
    assert _play(root, case, expected) == expected


def _record(case: Case, facts: dict[str, Any]) -> None:
    known = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    banner = subprocess.run([BUSYBOX], check=True, capture_output=True, text=True).stdout
    after = known.get("cases", {}) | {case.name: facts}
    told = {
        "shell": banner.split(" multi-call", maxsplit=1)[0],
        "cases": {each.name: after[each.name] for each in cases() if each.name in after},
    }
    RECORDED.write_text(json.dumps(told, indent=1) + "\n")
