"""The sizes of a client's window, as they come over the channel for them: one JSON after another.

Source: spec streaming 2.13.1. What Go's decoder refuses ends it, without a word.
"""

import json
from collections.abc import Iterator

_MAX = 0xFFFF  # a uint16

LIMIT = 4096
"""Bytes from which on it is no size that is coming."""


class Sizes:
    """Reads them. A size may come in several pieces."""

    def __init__(self) -> None:
        self._text = ""
        self._ended = False

    def feed(self, content: bytes) -> Iterator[tuple[int, int]]:
        """Yield the columns and rows of each size that is complete now."""
        self._text += content.decode("latin-1")  # digits and names are ASCII
        while not self._ended and (text := self._text.lstrip(" \t\r\n")):
            try:
                value, end = json.JSONDecoder().raw_decode(text)
            except (ValueError, RecursionError):
                self._ended = len(text) > LIMIT
                self._text = text
                return
            self._text = text[end:]
            size = _size(value)
            if size is None:
                self._ended = True
            else:
                yield size
        self._text = ""


def _size(value: object) -> tuple[int, int] | None:
    if not isinstance(value, dict):
        return None
    fields = {name.lower(): each for name, each in value.items() if each is not None}
    sizes = [fields.get(name, 0) for name in ("width", "height")]
    if any(type(each) is not int or not 0 <= each <= _MAX for each in sizes):
        return None
    return sizes[0], sizes[1]
