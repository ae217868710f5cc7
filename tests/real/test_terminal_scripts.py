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
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.oci import BUSYBOX
from tests.terminal_scripts import RECORDED, Case, Size, cases, play, recorded, without_banner

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.real

ANEW = os.environ.get("FAKECRI_RECORD_TERMINALS") == "1"
QUIET_S = 0.4
"""How long nothing comes where it is not known what will."""

CALM_S = 0.1
"""How long nothing comes before somebody types: a shell that has shown a command starts it then."""

PATIENCE_S = 5.0
RACES = 3
DEVICES = {"null": (1, 3), "tty": (5, 0)}


class RealStage:
    """A command at a real pseudo-terminal."""

    def __init__(self, client: int, process: subprocess.Popen[bytes]) -> None:
        self.client = client
        self.process = process

    def type(self, keys: bytes) -> None:
        os.write(self.client, keys)

    def resize(self, size: Size) -> None:
        set_size(self.client, size)

    def shown(self, expected: bytes | None) -> bytes:
        shown = b""
        patience = QUIET_S if expected is None else PATIENCE_S
        while True:
            enough = expected is not None and len(shown) >= len(expected)
            if not select.select([self.client], [], [], CALM_S if enough else patience)[0]:
                break
            try:
                chunk = os.read(self.client, 65536)
            except OSError:  # nobody has it open any more
                break
            if not chunk:
                break
            shown = without_banner(shown + chunk)
        return shown

    def status(self) -> int | None:
        try:
            code = self.process.wait(QUIET_S)
        except subprocess.TimeoutExpired:
            return None
        return code if code >= 0 else 128 - code


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
    os.close(terminal)
    try:
        yield RealStage(client, process)
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
    for _ in range(RACES):
        facts = _play(root, case, expected)
        if facts == expected:
            break
    assert facts == expected


def _record(case: Case, facts: dict[str, Any]) -> None:
    known = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    banner = subprocess.run([BUSYBOX], check=True, capture_output=True, text=True).stdout
    after = known.get("cases", {}) | {case.name: facts}
    told = {
        "shell": banner.split(" multi-call", maxsplit=1)[0],
        "cases": {each.name: after[each.name] for each in cases() if each.name in after},
    }
    RECORDED.write_text(json.dumps(told, indent=1) + "\n")
