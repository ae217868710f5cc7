"""`sha256sum`, `md5sum`, `cksum`, `base64`: what content comes down to."""

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Protocol

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.options import UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.words import (
    content_of,
    decoded,
    reason,
    say,
    whole_number,
)


class _Hash(Protocol):
    def update(self, chunk: bytes, /) -> object: ...
    def hexdigest(self) -> str: ...


_HASHES: Mapping[str, Callable[[], _Hash]] = {
    "md5sum": lambda: hashlib.md5(usedforsecurity=False),
    "sha1sum": lambda: hashlib.sha1(usedforsecurity=False),
    "sha224sum": hashlib.sha224,
    "sha256sum": hashlib.sha256,
    "sha384sum": hashlib.sha384,
    "sha512sum": hashlib.sha512,
}


def show_sums(process: Process, _: Surroundings) -> Waits[int]:
    """`md5sum` and the like."""
    name = process.spec.argv[0].rpartition("/")[2]
    options = read_options(process.spec.argv, "scwbt", {"check": "c", "status": "s", "warn": "w"})
    letters = options.letters
    if "c" not in letters and letters & {"s", "w"}:
        raise UsageError
    status = 0
    for path in options.operands or ["-"]:
        if "c" in letters:
            status |= yield from _check(process, name, path, letters)
            continue
        digest = yield from _digest(process, name, path)
        if digest is None:
            status = 1
        else:
            say(process, f"{digest}  {path}")
    return status


def _digest(process: Process, name: str, path: str) -> Waits[str | None]:
    state = _HASHES[name]()
    try:
        if path == "-":
            while chunk := (yield from process.read()):
                state.update(chunk)
        else:
            opened = yield from process.files.opening(path, "r")
            try:
                while chunk := (yield from opened.read()):
                    state.update(chunk)
            finally:
                opened.close()
    except IsADirectoryError as error:
        complain(process, name, f"can't read '{path}': {reason(error)}")
        return None
    except OSError as error:
        complain(process, name, f"can't open '{path}': {reason(error)}")
        return None
    return state.hexdigest()


def _check(process: Process, name: str, path: str, letters: set[str]) -> Waits[int]:
    try:
        content = yield from content_of(process, path)
    except OSError as error:
        raise Refusal(f"{path}: {reason(error)}") from error
    failed = checked = 0
    for line in decoded(content).splitlines():
        match = re.fullmatch(r"([^ ]+) [ *](.+)", line)
        if match is None:
            if "w" in letters:
                complain(process, name, "invalid format")
            failed += 1
            continue
        checked += 1
        digest = yield from _digest(process, name, match[2])
        is_right = digest == match[1].lower()
        failed += not is_right
        if "s" not in letters:
            say(process, f"{match[2]}: {'OK' if is_right else 'FAILED'}")
    if failed and "s" not in letters:
        complain(process, name, f"WARNING: {failed} of {checked} computed checksums did NOT match")
    if not checked:
        complain(process, name, f"{path}: no checksum lines found")
    return 1 if failed or not checked else 0


_POLYNOMIAL = 0x04C11DB7


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1) ^ (_POLYNOMIAL if value & 0x80000000 else 0)
        table.append(value & 0xFFFFFFFF)
    return table


_TABLE = _crc_table()


def posix_crc(content: bytes) -> int:
    """The check of POSIX's cksum: the content, then its length."""
    length = len(content)
    crc = 0
    for byte in content + length.to_bytes((length.bit_length() + 7) // 8, "little"):
        crc = (crc << 8 & 0xFFFFFFFF) ^ _TABLE[crc >> 24 ^ byte]
    return crc ^ 0xFFFFFFFF


def show_check(process: Process, _: Surroundings) -> Waits[int]:
    """`cksum`."""
    operands = read_options(process.spec.argv, "").operands
    status = 0
    for path in operands or ["-"]:
        try:
            content = yield from content_of(process, path)
        except OSError as error:
            status = complain(process, "cksum", f"{path}: {reason(error)}")
            continue
        say(process, f"{posix_crc(content)} {len(content)}" + (f" {path}" if operands else ""))
    return status


_WIDTH = 76


def treat_base64(process: Process, _: Surroundings) -> Waits[int]:
    """`base64`."""
    options = read_options(process.spec.argv, "dw:", {"decode": "d", "wrap": "w"})
    if len(options.operands) > 1:
        raise UsageError
    width = whole_number(options.values("w")[-1]) if "w" in options.letters else _WIDTH
    path = (options.operands or ["-"])[0]
    try:
        content = yield from content_of(process, path)
    except OSError as error:
        return complain(process, "base64", f"{path}: {reason(error)}")
    if "d" in options.letters:
        return _decode(process, content)
    text = base64.b64encode(content)
    lines = [text[at : at + width] for at in range(0, len(text), width)] if width else [text]
    for at in range(0, len(lines), 512):
        end = b"\n" if width else b""
        process.write(b"".join(line + end for line in lines[at : at + 512]))
        yield from process.drain()
    return 0


def _decode(process: Process, content: bytes) -> int:
    kept = re.sub(rb"[^A-Za-z0-9+/=]", b"", content)
    body = kept.split(b"=", 1)[0]
    whole = body[: len(body) // 4 * 4]
    rest = body[len(whole) :]
    try:
        result = base64.b64decode(whole)
        if len(rest) > 1 and b"=" in kept:
            result += base64.b64decode(rest + b"=" * (4 - len(rest)))
            rest = b""
    except binascii.Error as error:
        raise Refusal("truncated input") from error
    process.write(result)
    return complain(process, "base64", "truncated input") if rest else 0


COMMANDS = {
    "base64": Applet(treat_base64, "[-d] [-w COL] [FILE]"),
    "cksum": Applet(show_check, "FILE..."),
    **{each: Applet(show_sums, "[-c[sw]] [FILE]...") for each in _HASHES},
}
