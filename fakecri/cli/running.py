"""What commands have in common that serve: until when, what they say, where recordings go."""

import argparse
import asyncio
import fcntl
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from fakecri.core.plain import require_fields
from fakecri.errors import UsageError
from fakecri.server import Server

KEPT_CALLS = 1000
"""How many calls a server remembers; the recording has them all."""

_FIRST_FREE_FD = 3


def add_listen_option(parser: argparse.ArgumentParser) -> None:
    """Add `--listen`."""
    parser.add_argument(
        "--listen",
        required=True,
        metavar="ADDRESS",
        help="unix:///path, or a loopback address such as 127.0.0.1:0 (port 0: any free one)",
    )


def add_record_option(parser: argparse.ArgumentParser) -> None:
    """Add `--record`."""
    parser.add_argument(
        "--record", type=Path, metavar="FILE", help="where the recording goes, as JSON Lines"
    )


def add_mask_option(parser: argparse.ArgumentParser) -> None:
    """Add `--mask`."""
    parser.add_argument(
        "--mask",
        action="append",
        default=[],
        metavar="MESSAGE.FIELD",
        help="a field that the recording does not tell, such as KeyValue.value; repeatable",
    )


def check_masks(masks: Sequence[str]) -> None:
    """UsageError where there is no such field."""
    try:
        require_fields(masks)
    except UsageError as error:
        raise UsageError(f"--mask {error}") from error


def add_ready_option(parser: argparse.ArgumentParser, told: str = "the endpoint") -> None:
    """Add `--ready-fd`, which is `told` something."""
    parser.add_argument(
        "--ready-fd",
        type=int,
        metavar="N",
        help=f"a file descriptor that gets {told} as a line, and is closed, once ready",
    )


async def serve_until_told(server: Server, ready_fd: int | None) -> None:
    """Serve until SIGTERM or SIGINT; say when it is ready."""
    stopped = told_to_stop()
    async with server:
        tell_ready(f"fakecri is ready on {server.endpoint}\n", server.endpoint, ready_fd)
        await stopped.wait()


def told_to_stop(*others: signal.Signals) -> asyncio.Event:
    """Return what is set by SIGTERM or SIGINT, or by others given, from now on."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, *others):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def tell_ready(text: str, endpoint: str, ready_fd: int | None) -> None:
    """Say what is ready on standard output, and tell a file descriptor where."""
    if sys.stdout is not None:  # it is, where the shell closed it
        _tell(sys.stdout.fileno(), text)
    if ready_fd is not None:
        _tell(ready_fd, f"{endpoint}\n")
        os.close(ready_fd)


def open_record(path: Path) -> TextIO:
    """Return the file that a recording goes to. UsageError where there can be none."""
    try:
        # By lines, so that a runtime that is killed leaves whole ones.
        return path.open("w", buffering=1, encoding="utf-8", newline="\n")
    except OSError as error:
        raise failure(f"--record {path}", error) from error


def check_ready_fd(descriptor: int) -> None:
    """Raise UsageError for what cannot be told when it is ready."""
    try:
        access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
    except (OSError, OverflowError, ValueError):
        access = os.O_RDONLY
    if access == os.O_RDONLY or descriptor < _FIRST_FREE_FD:
        raise UsageError(f"--ready-fd {descriptor}: not a file descriptor from 3 on to write to")


def _tell(descriptor: int, line: str) -> None:
    try:
        os.write(descriptor, line.encode())
    except OSError as error:
        raise failure(f"cannot tell file descriptor {descriptor}", error) from error


def failure(what: str, error: OSError) -> UsageError:
    """Return what to raise where the system refuses something that an option asks for."""
    return UsageError(f"{what}: {error.strerror or error}")
