"""Pseudo-terminals: what the kernel's line discipline does between a client and processes.

A `Terminal` is the slave's side for processes, their stdin (a Reader) and stdout and stderr (a
Sink); the client's side are `feed`, `resize` and the sink that it was made with.
"""

import errno
import re
from collections import deque
from typing import TYPE_CHECKING

from fakecri.core.line_discipline import Line, Screen, caret
from fakecri.core.pipes import PIPE_SIZE, Reader, Sink
from fakecri.core.rootfs.opened import OpenedStream
from fakecri.core.scheduler import SECOND_NS, Future, Scheduler, Waits, first_of
from fakecri.core.signals import NUMBERS
from fakecri.core.terminal_settings import DISABLED, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.core.processes import Process

QUEUE = 4096
"""Bytes that the kernel holds for who reads, with the line that is being typed."""

_SIGNALS = {"intr": NUMBERS["INT"], "quit": NUMBERS["QUIT"], "susp": NUMBERS["TSTP"]}
_EDITING = ("erase", "kill", "werase", "lnext", "rprnt", "eof", "eol", "eol2")
_EXTENDED = frozenset({"werase", "lnext", "rprnt", "eol2"})
_HUGE = 30_000
"""From here on busybox does not believe that a terminal is so large."""

_TENTH_NS = SECOND_NS // 10


def _likely(size: int, usual: int) -> int:
    return size if 1 < size < _HUGE else usual


def terminal_of(stream: Reader | Sink | None) -> "Terminal | None":
    """Return the terminal that a stream is, opened by whatever name."""
    while isinstance(stream, OpenedStream):
        stream = stream.behind
    return stream if isinstance(stream, Terminal) else None


class Terminal:
    """A terminal, its settings, its size, and the processes that it belongs to."""

    def __init__(self, scheduler: Scheduler, output: Sink) -> None:
        """`output` is what the client gets; it has no size until somebody sets one."""
        self.scheduler = scheduler
        self.settings = Settings()
        self.size = (0, 0)
        """Rows and columns; 0: nobody has said."""
        self.leader: Process | None = None
        """The process that it was made for."""
        self.foreground = 0
        """The group of processes that its signals go to."""
        self.closed = False
        """Whether the client is gone."""
        self.number = 0
        """As in /dev/pts/NUMBER."""
        self._output = output
        self._screen = Screen()
        self._line = Line()
        self._ready: deque[bytes] = deque()  # lines, or bytes as they came; empty: the end
        self._held = 0
        self._arriving = bytearray()
        self._literally = False
        self._arrived: Future[None] = Future(scheduler)
        self._readers = 0
        self._drained: Future[None] = Future(scheduler)
        self._stopped: bytearray | None = None  # what was written since ^S
        self._going: Future[None] = Future(scheduler)
        self._keys: dict[int, str] = {}
        self._plain = re.compile(b"")
        self._settle()

    # The client.

    def feed(self, chunk: bytes) -> None:
        """Take what was typed. It is for the client not to go on while it is `full`."""
        if not self.closed:
            self._arriving += chunk
            self._pump()

    @property
    def full(self) -> bool:
        """Whether the processes have left so much unread that more has to wait."""
        return bool(self._arriving)

    def drained(self) -> Future[None]:
        """Return what is done when it is not full any more."""
        if self._drained.done:
            self._drained = Future(self.scheduler)
        return self._drained

    @property
    def columns(self) -> int:
        """How wide programs take it to be: 80 where nobody has said."""
        return _likely(self.size[1], 80)

    @property
    def rows(self) -> int:
        """How high programs take it to be: 24 where nobody has said."""
        return _likely(self.size[0], 24)

    def close(self) -> None:
        """Hear that the client will type no more, which means nothing: there is ^D."""

    def resize(self, columns: int, rows: int) -> None:
        """Set the size as a client does: with a zero in it nothing happens (spec 2.13.1)."""
        if columns and rows:
            self.set_size(rows, columns)

    def set_size(self, rows: int, columns: int) -> None:
        """Set the size; the foreground hears of a change by SIGWINCH."""
        if (rows, columns) != self.size:
            self.size = (rows, columns)
            self.signal(NUMBERS["WINCH"])

    def hang_up(self) -> None:
        """The client is gone: reads end, writes fail, and the processes get SIGHUP."""
        if self.closed:
            return
        self.closed = True
        self._arriving.clear()
        self._wake()
        self._drained.set_result(None)
        self._going.set_result(None)
        leader = self.leader
        for signal in (NUMBERS["HUP"], NUMBERS["CONT"]):
            if leader is not None and leader.group != self.foreground:
                leader.kill(signal)
            self.signal(signal)

    # The processes.

    def adopt(self, process: "Process") -> None:
        """Be the terminal of a process that begins, and of all that it starts."""
        self.leader = process
        self.foreground = process.group
        process.terminal = self
        process.stdin = process.stdout = process.stderr = self

    def signal(self, signal: int) -> None:
        """Send a signal to the processes in the foreground."""
        for process in tuple(self._members()):
            if process.terminal is self and process.group == self.foreground:
                process.kill(signal)

    def _members(self) -> "Iterator[Process]":
        leader = self.leader
        if leader is not None and leader.has_system:
            yield from leader.system.processes.values()
        elif leader is not None:
            yield leader

    def has(self, mode: str) -> bool:
        """Whether a mode is on."""
        return mode in self.settings.modes

    def configure(self, settings: Settings) -> None:
        """Change what it is set to, at once; what was typed stays."""
        was_canonical = self.has("icanon")
        self.settings = settings
        self._settle()
        if was_canonical and not self.has("icanon"):
            self._finish(self._line.take())
            self._ready = deque(filter(None, self._ready))
        elif not was_canonical and self.has("icanon"):
            self._join()
        if not self.has("ixon"):
            self._go()
        self._wake()
        self._pump()

    def _settle(self) -> None:
        """Work out which bytes are special."""
        characters, keys = self.settings.characters, {}
        names = [*(("start", "stop") if self.has("ixon") else ())]
        names += _SIGNALS if self.has("isig") else ()
        if self.has("icanon"):
            names += [each for each in _EDITING if self.has("iexten") or each not in _EXTENDED]
        for name in reversed(names):
            if characters[name] != DISABLED:
                keys[characters[name]] = name
        self._keys = keys
        special = {*range(32), 127, *keys}
        plain = bytes(each for each in range(256) if each not in special)
        self._plain = re.compile(b"[" + re.escape(plain) + b"]+")

    # Reading.

    def read(self) -> Waits[bytes]:
        """Wait for a line, or for what there is of bytes; `b""` at ^D, and once hung up."""
        while not self.closed:
            chunk = yield from self._next()
            if chunk is not None:
                self._held -= len(chunk)
                self._pump()
                return chunk
        return b""

    def _next(self) -> Waits[bytes | None]:
        """Return what a read gives; None where it has to look again."""
        if self.has("icanon"):
            if self._ready:
                return self._ready.popleft()
            yield from self.arrival()
            return None
        least, time = self.settings.characters["min"], self.settings.characters["time"]
        if self._held < max(least, 1) and (least or time):
            yield from self.arrival(None if least else time * _TENTH_NS)
            if least:
                return None
        self._join()
        return self._ready.popleft() if self._ready else b""

    def arrival(
        self, within_ns: int | None = None, other: Future[None] | None = None
    ) -> Waits[None]:
        """Wait until there may be something to read, so much time has passed or `other` is."""
        if self._arrived.done:
            self._arrived = Future(self.scheduler)
        futures = [self._arrived, *([other] if other else [])]
        if within_ns is not None:
            futures.append(self.scheduler.sleep(within_ns))
        self._readers += 1
        try:
            yield from first_of(self.scheduler, *futures)
        finally:
            self._readers -= 1

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for input."""
        return self._readers > 0

    def _join(self) -> None:
        """Make what waits one piece."""
        whole = b"".join(self._ready)
        self._ready = deque([whole] if whole else [])

    def unread(self, chunk: bytes) -> None:
        """Give back what was read and not used."""
        if chunk:
            self._ready.appendleft(chunk)
            self._held += len(chunk)

    @property
    def has_input(self) -> bool:
        """Whether a read would not wait."""
        return bool(self._ready) or self.closed

    def _wake(self) -> None:
        self._arrived.set_result(None)

    def _finish(self, chunk: bytes) -> None:
        """Let who reads have a line, or the end."""
        self._ready.append(chunk)
        self._held += len(chunk)
        self._wake()

    # Writing.

    def write(self, output: bytes) -> None:
        """Show it. OSError (EIO) once it is hung up."""
        if self.closed:
            raise OSError(errno.EIO, "Input/output error")
        self._put(self._screen.shown(output, self.settings))

    def room(self) -> Waits[None]:
        """Wait until there is room for more, which there is not after ^S."""
        while self._stopped is not None and len(self._stopped) >= PIPE_SIZE and not self.closed:
            self._going = Future(self.scheduler)
            yield from self._going
        yield from self._output.room()

    def _put(self, output: bytes) -> None:
        if self._stopped is not None:
            self._stopped += output
        elif output:
            self._output.write(output)

    def _echo(self, output: bytes) -> None:
        if self._stopped is None or len(self._stopped) < PIPE_SIZE:
            self._put(self._screen.shown(output, self.settings))

    def _go(self) -> None:
        """Show again what is written."""
        if self._stopped is not None:
            withheld, self._stopped = bytes(self._stopped), None
            self._put(withheld)
            self._going.set_result(None)

    # What is typed.

    def _pump(self) -> None:
        """Take in what has arrived, as far as there is room for it."""
        while self._arriving:
            room = QUEUE - 1 - self._held - len(self._line)
            if room <= 0:
                if not self.has("icanon") or self._ready:
                    return
                if room < 0:  # a line without end: its last byte is the one that is replaced
                    self._line.drop_last()
                room = 1
            del self._arriving[: self._receive(self._arriving, room)]
        self._drained.set_result(None)

    def _receive(self, chunk: bytearray, room: int) -> int:
        """Take in a run of plain bytes or one special one; return how many these were."""
        run = self._plain.match(chunk, 0, room)
        if run is not None and not self._literally:
            self._type(bytes(run[0]))
            return len(run[0])
        byte = chunk[0]
        if self._literally:
            self._literally = False
            self._type(bytes([byte]))
        elif (name := self._keys.get(byte)) is not None:
            self._strike(name, byte)
        else:
            self._type_control(byte)
        return 1

    def _type_control(self, byte: int) -> None:
        if byte == 13:  # noqa: PLR2004  # CR
            if self.has("igncr"):
                return
            byte = 10 if self.has("icrnl") else byte
        elif byte == 10 and self.has("inlcr"):  # noqa: PLR2004  # LF
            byte = 13
        if byte == 10 and self.has("icanon"):  # noqa: PLR2004  # LF
            if self.has("echo") or self.has("echonl"):
                self._echo(b"\n")
            self._finish(self._line.take() + b"\n")
        else:
            self._type(bytes([byte]))

    def _type(self, typed: bytes) -> None:
        """Take bytes that mean themselves."""
        if self.has("echo"):
            if not self._line.content:
                self._line.start = self._screen.column
            self._echo(typed if typed == b"\n" else caret(typed, self.settings))
        if self.has("icanon"):
            self._line.content += typed
        else:
            self._finish(typed)

    def _strike(self, name: str, byte: int) -> None:
        """Do what a control character is for."""
        if name in _SIGNALS:
            self._interrupt(_SIGNALS[name], byte)
        elif name == "stop":
            self._stopped = bytearray() if self._stopped is None else self._stopped
        elif name == "start":
            self._go()
        elif name == "eof":
            self._finish(self._line.take())
        elif name in {"eol", "eol2"}:
            self._echo_typed(bytes([byte]))
            self._finish(self._line.take() + bytes([byte]))
        else:
            self._edit(name, byte)

    def _edit(self, name: str, byte: int) -> None:
        if name == "lnext":
            self._literally = True
            if self.has("echo") and self.has("echoctl"):
                self._echo(b"^\b")
        elif name == "rprnt":
            self._echo_typed(bytes([byte]))
            self._echo(b"\n" if self.has("echo") else b"")
            self._echo_typed(bytes(self._line.content))
        else:
            self._echo(self._line.rub_out(name, byte, self.settings))

    def _echo_typed(self, typed: bytes) -> None:
        if self.has("echo"):
            self._echo(caret(typed, self.settings))

    def _interrupt(self, signal: int, byte: int) -> None:
        self._go()
        if not self.has("noflsh"):
            self._line.take()
            self._ready.clear()
            self._held = 0
        self._echo_typed(bytes([byte]))
        self.signal(signal)
