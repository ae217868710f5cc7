"""Namespaces for programs that leave things behind: mounts, SysV segments, ports that are taken."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NAMESPACES = ("--mount", "--ipc", "--net")


def obstacles() -> list[str]:
    """Why there can be none here; empty when there can."""
    made = subprocess.run(["unshare", *NAMESPACES, "true"], check=False, capture_output=True)
    return [] if made.returncode == 0 else ["namespaces: only root can make them"]


@contextmanager
def namespaces() -> Iterator[tuple[str, ...]]:
    """The words before a command that run it in new namespaces, whose network is the loopback."""
    with held("ip link set lo up", *NAMESPACES) as pid:
        yield ("nsenter", "--target", str(pid), *NAMESPACES, "--wd", "--")


@contextmanager
def held(set_up: str, *kinds: str) -> Iterator[int]:
    """Make new namespaces, and run a command of the shell there; the pid of who stays in them."""
    with subprocess.Popen(
        ["unshare", *kinds, "sh", "-c", f"{set_up} && echo made && exec cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        try:
            assert holder.stdout.readline() == "made\n"
            yield holder.pid
        finally:
            holder.stdin.close()
