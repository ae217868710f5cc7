"""The line that is being typed at a terminal, and where on the screen it stands.

Source: what n_tty of Linux does, byte for byte.
"""

import re

from fakecri.core.terminal_settings import Settings

_TAB = 8
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_MOVES = re.compile(rb"[\x00-\x1f\x7f]")
_WORD = re.compile(rb"[A-Za-z0-9_]")


def caret(typed: bytes, settings: Settings) -> bytes:
    """Return the echo of bytes: `^C` for a control character, where that is asked for."""
    if "echoctl" not in settings.modes:
        return typed
    return _CONTROL.sub(lambda match: bytes([94, match[0][0] ^ 0x40]), typed)


class Screen:
    """What becomes of output on its way to the client, and the column that it ends in."""

    __slots__ = ("column",)

    def __init__(self) -> None:
        self.column = 0

    def shown(self, output: bytes, settings: Settings) -> bytes:
        """Return output as the client gets it."""
        modes = settings.modes
        if "opost" not in modes:
            return output
        if "tab3" in modes:
            output = self._expanded(output)
        if "olcuc" in modes:
            output = output.upper()
        returns = output.rfind(b"\n") if "onlcr" in modes else -1
        if "ocrnl" in modes:
            crlf = b"\r\n" if "onlcr" in modes else b"\n"
            shown = b"\n".join(piece.replace(b"\n", crlf) for piece in output.split(b"\r"))
        else:
            returns = max(returns, output.rfind(b"\r"))
            shown = output.replace(b"\n", b"\r\n") if "onlcr" in modes else output
        self._move(output, returns)
        return shown

    def _move(self, output: bytes, returns: int) -> None:
        """Follow the column; at `returns` it is the first one again."""
        if returns >= 0:
            self.column = 0
        rest = output[returns + 1 :]
        place = 0
        for match in _MOVES.finditer(rest):
            self.column += match.start() - place
            place = match.end()
            if match[0] == b"\t":
                self.column += _TAB - self.column % _TAB
            elif match[0] == b"\b":
                self.column -= self.column > 0
        self.column += len(rest) - place

    def _expanded(self, output: bytes) -> bytes:
        column, pieces = self.column, []
        for line in output.splitlines(keepends=True):
            pieces.append((b" " * column + line).expandtabs(_TAB)[column:])
            column = 0
        return b"".join(pieces)


class Line:
    """What was typed since the last line was complete."""

    __slots__ = ("content", "start")

    def __init__(self) -> None:
        self.content = bytearray()
        self.start = 0
        """The column in which it begins."""

    def __len__(self) -> int:
        return len(self.content)

    def take(self) -> bytes:
        """Return it, and begin another one."""
        taken = bytes(self.content)
        self.content.clear()
        return taken

    def drop_last(self) -> None:
        """Forget the last byte, unseen."""
        del self.content[-1:]

    def rub_out(self, name: str, byte: int, settings: Settings) -> bytes:
        """Take back a character, a word or all: `erase`, `werase`, `kill`. Returns the echo."""
        modes = settings.modes
        if not self.content:
            return b""
        if name == "kill" and not {"echo", "echok", "echoke", "echoe"} <= modes:
            self.content.clear()
            if "echo" not in modes:
                return b""
            return caret(bytes([byte]), settings) + (b"\n" if "echok" in modes else b"")
        echo, in_word = b"", False
        while self.content:
            taken = self._last(settings)
            if name == "werase":
                if _WORD.match(taken):
                    in_word = True
                elif in_word:
                    break
            del self.content[-len(taken) :]
            echo += self._rubbed(taken, name, byte, settings)
            if name == "erase":
                break
        return echo if "echo" in modes else b""

    def _last(self, settings: Settings) -> bytes:
        """Return the last character: one byte, unless the terminal knows of UTF-8."""
        start = len(self.content) - 1
        if "iutf8" in settings.modes:
            while start and self.content[start] & 0xC0 == 0x80:  # noqa: PLR2004  # a continuation
                start -= 1
        return bytes(self.content[start:])

    def _rubbed(self, taken: bytes, name: str, byte: int, settings: Settings) -> bytes:
        """Return what takes a character from the screen."""
        shows_control = "echoctl" in settings.modes
        if name == "erase" and "echoe" not in settings.modes:
            return caret(bytes([byte]), settings)
        if taken == b"\t":
            return b"\b" * self._width_of_tab(shows_control=shows_control)
        if _CONTROL.match(taken):
            return b"\b \b\b \b" if shows_control else b""
        return b"\b \b"

    def _width_of_tab(self, *, shows_control: bool) -> int:
        """Return how many columns a tab behind the line had."""
        before = bytes(self.content)
        tab = before.rfind(b"\t")
        width = self.start if tab < 0 else 0
        for each in before[tab + 1 :]:
            if _CONTROL.match(bytes([each])):
                width += 2 * shows_control
            else:
                width += 1
        return _TAB - width % _TAB
