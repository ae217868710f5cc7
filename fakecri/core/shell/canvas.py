"""A line on the screen of a terminal, as ash's line editor draws it."""

import re

_FEW = 4
"""So many columns are gone back one by one."""

_ERASE_BELOW = b"\x1b[J"
_HIDDEN = re.compile("\1[^\2]*\2|[\1\2]")


class Canvas:
    """A prompt, the line behind it, a cursor in the line, and what was drawn and not shown."""

    def __init__(self, prompt: str, width: int) -> None:
        """What stands between bytes 1 and 2 in the prompt takes no room."""
        self.line = bytearray()
        self.cursor = 0
        self.width = width
        self._prompt = prompt.replace("\1", "").replace("\2", "").encode("latin-1")
        self._indent = len(_HIDDEN.sub("", prompt))
        self._x = self._y = 0
        self._drawn = bytearray()

    def taken(self) -> bytes:
        """Return what was drawn since the last time."""
        drawn = bytes(self._drawn)
        self._drawn.clear()
        return drawn

    def put(self, output: bytes) -> None:
        """Draw something that does not move the cursor."""
        self._drawn += output

    def show_prompt(self) -> None:
        """Draw the prompt."""
        self.put(self._prompt)
        self._x, self._y = self._indent, 0

    def begin_at(self, column: int) -> None:
        """Hear in which column the cursor is: the prompt may not have been in the first one."""
        if column > self._indent:
            self._x += column - self._indent
            self._y += self._x // self.width
            self._x %= self.width

    def forward(self) -> None:
        """Draw what is under the cursor, and go on behind it."""
        if self.cursor < len(self.line):
            self.put(bytes(self.line[self.cursor : self.cursor + 1]))
            self.cursor += 1
            self._x += 1
            if self._x >= self.width:
                # Not all terminals go to the next line before there is something to put there.
                self.put(b"\r\n")
                self._x = 0
                self._y += 1

    def to_end(self) -> None:
        """Draw all from the cursor on."""
        while self.cursor < len(self.line):
            self.forward()

    def back(self, count: int) -> None:
        """Go back that much, or to the start."""
        count = min(count, self.cursor)
        self.cursor -= count
        if count <= self._x:
            self._x -= count
            if count:
                self.put(b"\b" * count if count <= _FEW else b"\x1b[%dD" % count)
            return
        count -= self._x
        lines = 1 + (count - 1) // self.width
        self._x = self.width * lines - count
        self._y -= lines
        self.put(b"\r\x1b[%dA" % lines)
        if self._x:
            self.put(b"\x1b[%dC" % self._x)

    def insert(self, byte: int) -> None:
        """Put a byte in before the cursor."""
        self.line.insert(self.cursor, byte)
        after = self.cursor + 1
        self.to_end()
        self.back(self.cursor - after)

    def delete(self) -> None:
        """Take out what is under the cursor."""
        if self.cursor < len(self.line):
            place = self.cursor
            del self.line[place]
            self.to_end()
            self.put(_ERASE_BELOW)
            self.back(self.cursor - place)

    def cut_end(self) -> None:
        """Take out all from the cursor on."""
        del self.line[self.cursor :]
        self.put(_ERASE_BELOW)

    def cut_start(self) -> None:
        """Take out all before the cursor."""
        if self.cursor:
            del self.line[: self.cursor]
            self._redraw(self._y, len(self.line))

    def clear(self) -> None:
        """Begin on an empty screen."""
        self.put(b"\x1b[H" + _ERASE_BELOW)
        self._redraw(0, len(self.line) - self.cursor)

    def replace(self, line: bytes) -> None:
        """Have another line."""
        self.line[:] = line
        self._redraw(self._y, 0)

    def extend(self, text: bytes) -> None:
        """Put text in before the cursor."""
        self.line[self.cursor : self.cursor] = text
        self._redraw(self._y, len(self.line) - self.cursor - len(text))

    def resize(self, width: int) -> None:
        """Draw it anew in another width."""
        self.width = width
        rows = (self.cursor + self._indent) // width
        self._redraw(max(rows, self._y), len(self.line) - self.cursor)

    def finish(self) -> None:
        """Go to the line below."""
        self.to_end()
        if self._x:
            self.put(b"\n")
        self._x = 0

    def list(self, words: list[bytes]) -> None:
        """Show words in columns below, and the line again."""
        behind = len(self.line) - self.cursor
        self.finish()
        column = max(map(len, words)) + 2
        columns = max(self.width // column, 1)
        rows = -(-len(words) // columns)
        for row in range(rows):
            shown = words[row::rows]
            self.put(b"".join(each.ljust(column) for each in shown[:-1]) + shown[-1] + b"\n")
        self._redraw(0, behind)

    def _redraw(self, rows: int, behind: int) -> None:
        """Draw all, from so many rows above; the cursor is that far from the end."""
        if rows:
            self.put(b"\x1b[%dA" % rows)
        self.put(b"\r")
        self.show_prompt()
        self.cursor = 0
        self.to_end()
        self.put(_ERASE_BELOW)
        self.back(behind)
