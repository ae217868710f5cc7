"""The line editor of an interactive shell: what ash's does at a terminal, byte for byte."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from fakecri.core.processes import Signalled
from fakecri.core.scheduler import Future, Waits
from fakecri.core.shell.canvas import Canvas
from fakecri.core.shell.completing import completions
from fakecri.core.shell.keys import PATIENCE_NS, Key, read_key
from fakecri.core.shell.reading import Taking, take
from fakecri.core.shell.state import Shell
from fakecri.core.shell.traps import set_trap
from fakecri.core.signals import NUMBERS
from fakecri.core.terminals import Terminal

MAX_HISTORY = 255
"""Lines that are remembered, as busybox is built by default; Debian's build remembers 15."""

MAX_LINE = 1022
"""Bytes of a line; what is typed when it is full is dropped in silence."""

_SIGINT, _SIGWINCH = NUMBERS["INT"], NUMBERS["WINCH"]
_BELL = b"\a"
_PUNCTUATION = b" !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"
_NOT_RAW = ("icanon", "echo", "echonl", "isig")


class Editor:
    """Reads one line."""

    def __init__(self, shell: Shell, terminal: Terminal, prompt: str) -> None:
        """What stands between bytes 1 and 2 in the prompt takes no room."""
        self.shell = shell
        self.terminal = terminal
        self.canvas = Canvas(prompt, terminal.columns)
        self.typed = bytearray()
        self.history = shell.history
        self.place = len(self.history)
        """Which line of the history is seen; behind the last one is the new line."""
        self.draft = b""
        self.tabbed = False
        """Whether the last key was to complete."""
        self.resized: Future[None] = Future(shell.process.scheduler)

    def read(self) -> Waits[bytes | None]:
        """Return a line with its newline; None at the end. Raises Signalled at ^C."""
        before = self.terminal.settings
        if "icanon" in before.modes and "echo" not in before.modes:
            return (yield from self._read_plainly())
        raw = before.having(off=_NOT_RAW).with_characters(min=1, time=0)
        self.terminal.configure(raw)
        self.shell.process.handle(_SIGWINCH, lambda _: self.resized.set_result(None))
        self.canvas.show_prompt()
        if not self.terminal.has_input:
            self.canvas.put(b"\x1b[6n")  # where the cursor is, which not every terminal answers
        try:
            return (yield from self._edit())
        finally:
            self._flush()
            self.terminal.unread(bytes(self.typed))
            self.terminal.configure(before)
            set_trap(self.shell, "WINCH", self.shell.traps.get("WINCH"))

    def _read_plainly(self) -> Waits[bytes | None]:
        """Read as from anywhere: who has no echo wants no editor."""
        self.canvas.show_prompt()
        self._flush()
        taking = Taking(b"\n")
        complete = yield from take(self.terminal, taking)
        return bytes(taking.taken) + b"\n" if complete or taking.taken else None

    def _flush(self) -> None:
        with suppress(OSError):  # nobody is there to see it
            self.terminal.write(self.canvas.taken())

    def _edit(self) -> Waits[bytes | None]:
        while True:
            key = yield from self._next()
            if key is None:
                return None
            if key.name == "enter":
                self.canvas.finish()
                self._remember()
                return bytes(self.canvas.line) + b"\n"
            if key.name == "interrupt":
                self.canvas.put(b"^C")
                raise Signalled(_SIGINT)
            if key.name == "end of input" and not self.canvas.line:
                return None
            self._do(key)
            if key.name != "complete":
                self.tabbed = False

    def _next(self) -> Waits[Key | None]:
        """Wait for a key; None where none will come."""
        patient = True
        while True:
            key = read_key(bytes(self.typed), is_all=not patient) if self.typed else None
            if key is not None:
                del self.typed[: key.length]
                return key
            self._flush()
            within_ns = PATIENCE_NS if self.typed else None
            if not self.terminal.has_input:
                yield from self.terminal.arrival(within_ns, self.resized)
            if self.terminal.has_input:
                chunk = yield from self.terminal.read()
                if not chunk:
                    return None
                self.typed += chunk
            elif self.resized.done:
                self.resized = Future(self.shell.process.scheduler)
                self.canvas.resize(self.terminal.columns)
            else:
                patient = not self.typed

    def _do(self, key: Key) -> None:
        canvas = self.canvas
        if key.name == "text":
            if len(canvas.line) < MAX_LINE:
                canvas.insert(key.value)
        elif key.name == "at":
            canvas.begin_at(key.value)
        elif key.name in _MOVES:
            _MOVES[key.name](canvas)
        elif key.name in {"up", "previous"}:
            self._recall(-1, beeps=2 if key.name == "up" else 1)
        elif key.name in {"down", "next"}:
            self._recall(1, beeps=1)
        elif key.name == "complete":
            self._complete()

    # The history.

    def _remember(self) -> None:
        line = bytes(self.canvas.line)
        if line and line != (self.history[-1] if self.history else None):
            self.history.append(line)
            del self.history[:-MAX_HISTORY]

    def _recall(self, step: int, *, beeps: int) -> None:
        """Go to another line; what was made of this one stays."""
        place = self.place + step
        if not 0 <= place <= len(self.history):
            self.canvas.put(_BELL * beeps)
            return
        if self.canvas.line and self.place < len(self.history):
            self.history[self.place] = bytes(self.canvas.line)
        elif self.canvas.line:
            self.draft = bytes(self.canvas.line)
        self.place = place
        self.canvas.replace(self.history[place] if place < len(self.history) else self.draft)

    # Completion.

    def _complete(self) -> None:
        canvas = self.canvas
        begun, found = completions(self.shell, bytes(canvas.line[: canvas.cursor]))
        if self.tabbed:
            if len(found) > 1:
                canvas.list(found)
            return
        self.tabbed = len(found) != 1
        if self.tabbed:
            canvas.put(_BELL)
        chosen = _common(found)
        if len(found) == 1 and not chosen.endswith(b"/"):
            chosen += b" "
        folder = len(begun) - len(begun.rpartition(b"/")[2])
        more = len(chosen) - len(begun)
        # It is drawn anew where all have a beginning in common, though that may be there already.
        if len(chosen) > folder and more <= MAX_LINE - len(canvas.line):
            canvas.extend(chosen[len(begun) :])


def _common(words: list[bytes]) -> bytes:
    """Return what all begin with."""
    if not words:
        return b""
    first, last = min(words), max(words)
    length = 0
    while length < len(first) and first[length : length + 1] == last[length : length + 1]:
        length += 1
    return first[:length]


def _word_left(canvas: Canvas) -> None:
    while canvas.cursor:
        canvas.back(1)
        if canvas.cursor and canvas.line[canvas.cursor] not in _PUNCTUATION:
            while canvas.cursor and canvas.line[canvas.cursor - 1] not in _PUNCTUATION:
                canvas.back(1)
            return


def _word_right(canvas: Canvas) -> None:
    for in_word in (False, True):
        while (
            canvas.cursor < len(canvas.line)
            and (canvas.line[canvas.cursor] not in _PUNCTUATION) == in_word
        ):
            canvas.forward()


def _erase(canvas: Canvas) -> None:
    if canvas.cursor:
        canvas.back(1)
        canvas.delete()


def _kill_word(canvas: Canvas) -> None:
    while canvas.line[: canvas.cursor][-1:].isspace():
        _erase(canvas)
    while canvas.cursor and not canvas.line[: canvas.cursor][-1:].isspace():
        _erase(canvas)


def _delete_word(canvas: Canvas) -> None:
    start = canvas.cursor
    _word_right(canvas)
    count = canvas.cursor - start
    canvas.back(count)
    for _ in range(count):
        canvas.delete()


def _erase_word(canvas: Canvas) -> None:
    end = canvas.cursor
    _word_left(canvas)
    for _ in range(end - canvas.cursor):
        canvas.delete()


_MOVES: Mapping[str, Callable[[Canvas], None]] = {
    "home": lambda canvas: canvas.back(canvas.cursor),
    "end": Canvas.to_end,
    "left": lambda canvas: canvas.back(1),
    "right": Canvas.forward,
    "erase": _erase,
    "delete": Canvas.delete,
    "end of input": Canvas.delete,
    "kill to end": Canvas.cut_end,
    "kill to start": Canvas.cut_start,
    "clear": Canvas.clear,
    "kill word": _kill_word,
    "word left": _word_left,
    "word right": _word_right,
    "delete word": _delete_word,
    "erase word": _erase_word,
}
