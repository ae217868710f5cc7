"""What `s` and `l` of `sed` make of a line."""

import re
from collections.abc import Iterator

from fakecri.core.tools.text.sed_script import Replacement


def substituted(regex: re.Pattern[bytes], replacement: Replacement, text: bytes) -> bytes | None:
    parts: list[bytes] = []
    end, count = 0, 0
    for match in _matches(regex, text):
        count += 1
        if count < replacement.first:
            continue
        parts += [text[end : match.start()], _expanded(replacement, match)]
        end = match.end()
        if replacement.first:
            break
    return b"".join([*parts, text[end:]]) if parts else None


def _matches(regex: re.Pattern[bytes], text: bytes) -> Iterator[re.Match[bytes]]:
    """As POSIX counts them: no empty match right after another."""
    at, last_end = 0, -1
    while at <= len(text):
        match = regex.search(text, at)
        if match is None:
            return
        if match[0] or match.start() != last_end:
            yield match
            last_end = match.end()
        at = match.end() if match[0] else match.end() + 1


def _group(match: re.Match[bytes], group: int) -> bytes:
    """What a group matched; nothing where there is no such group."""
    return (match[group] or b"") if group <= match.re.groups else b""


def _expanded(replacement: Replacement, match: re.Match[bytes]) -> bytes:
    expanded, case, once = b"", b"E", b""
    for _, part in replacement.parts:
        if _ == "case" and isinstance(part, bytes):
            if part in b"ul":
                once = part
            else:
                case, once = part, b""
            continue
        text = part if isinstance(part, bytes) else _group(match, part)
        text = {b"U": text.upper(), b"L": text.lower()}.get(case, text)
        if once and text:
            first = text[:1].upper() if once == b"u" else text[:1].lower()
            text, once = first + text[1:], b""
        expanded += text
    return expanded


_NAMED = {7: b"\\a", 8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r"}


def visible(space: bytes) -> bytes:
    named = {92: b"\\\\", **_NAMED}
    shown = (named.get(each) or _character(each) for each in space)
    return b"".join(shown) + b"$"


def _character(code: int) -> bytes:
    return bytes([code]) if 32 <= code < 127 else b"\\%03o" % code  # noqa: PLR2004  # printable
