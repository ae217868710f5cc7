"""Exec and attach: processes with a client at the other end. Source: spec 2.5 to 2.7."""

from typing import TYPE_CHECKING, ClassVar

from fakecri.api import runtime_pb2 as pb
from fakecri.core import execs, signals
from fakecri.core.execs import Streams
from fakecri.core.lookups import get_container
from fakecri.core.pipes import Stdin
from fakecri.core.processes import Process
from fakecri.core.records import Container
from fakecri.core.scheduler import Waits
from fakecri.core.streaming import statuses
from fakecri.core.streaming.sessions import Session
from fakecri.core.terminals import Terminal
from fakecri.errors import CRIError, wrapped

if TYPE_CHECKING:
    from fakecri.core.tokens import Ticket
    from fakecri.core.world import World

RESIZE_SINCE = 3
"""The first version of the subprotocol that tells of the size of the window."""

OUTPUTS = ("stdout", "stderr")


class Command(Session):
    """A session that has the streams of a process."""

    request: pb.ExecRequest | pb.AttachRequest

    version = 4
    """Of the subprotocol: set before the start."""
    _asked = False
    """Whether the client waits for something."""
    window: tuple[int, int] | None = None
    """Columns and rows, as the client told them last."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Those that the client has to open."""
        asked = self.request
        resizes = asked.tty and self.version >= RESIZE_SINCE
        has = {"stdin": asked.stdin, "stdout": asked.stdout, "stderr": asked.stderr}
        return (
            "error",
            *(channel for channel, is_there in has.items() if is_there),
            *(("resize",) if resizes else ()),
        )

    @property
    def waits(self) -> bool:
        """Whether its client can do nothing but wait; not where the process waits for it."""
        stdin = self._stdin()
        reads = stdin is not None and stdin.awaited and not stdin.closed
        waits = (self._asked and not reads) or self.troubles.owes
        return waits and not (self.ended or self.readable)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The channels that carry output."""
        return tuple(each for each in OUTPUTS if getattr(self.request, each))

    @property
    def _whole(self) -> bool:
        return self.world.profile.whole_statuses

    def start(self) -> None:
        """All channels are there: the process starts, or the attachment begins."""
        if not self.ended:
            self._start()

    def feed(self, chunk: bytes) -> None:
        """Take what the client has written."""
        stdin = self._stdin()
        if stdin is None or stdin.closed or self.ended:
            return
        chunk = self.troubles.fed("stdin", chunk)
        self.count("stdin", chunk)
        stdin.feed(chunk)
        if stdin.full:
            stdin.drained().then(self.stir)

    @property
    def full(self) -> bool:
        """Whether there is enough of it that nobody has read."""
        if self.ended:
            return False
        stdin = self._stdin()
        return (stdin is not None and stdin.full) or self.troubles.is_deaf("stdin")

    def close_stdin(self) -> None:
        """The client writes no more."""
        if not self.ended and self.troubles.passes("eof"):
            self._end_input()

    def resize(self, width: int, height: int) -> None:
        """The client's window has got that many columns and rows; what is 0 tells nothing."""
        if width and height and self.troubles.passes("resize"):
            self.window = (width, height)
            self._fit()

    def _start(self) -> None:
        raise NotImplementedError

    def _end_input(self) -> None:
        raise NotImplementedError

    def _fit(self) -> None:
        """Let the terminal have the size of the window, if both are known."""
        terminal = self._terminal()
        if self.window is not None and terminal is not None:
            terminal.resize(*self.window)

    def _terminal(self) -> Terminal | None:
        """That of the process."""
        raise NotImplementedError

    def _stdin(self) -> Stdin | Terminal | None:
        """Where the input goes; None: nowhere."""
        raise NotImplementedError

    def _end_outputs(self) -> None:
        for channel in self.outputs:
            self.put(channel, b"", ends=True)


class Output:
    """One of the outputs of an exec, on its way to the client: a Sink."""

    __slots__ = ("_channel", "_session", "open")

    def __init__(self, session: Session, channel: str, *, is_open: bool) -> None:
        self._session = session
        self._channel = channel
        self.open = is_open
        """Whether anybody wants it."""

    def write(self, output: bytes) -> None:
        """Have it sent, or dropped."""
        if self.open:
            self._session.put(self._channel, output)

    def room(self) -> Waits[None]:
        """Wait until the client has taken some."""
        if self.open:
            yield from self._session.room()


class Exec(Command):
    """A process beside a container's own."""

    method: ClassVar[str] = "exec"
    request: pb.ExecRequest

    _process: Process | None = None
    _container: Container | None = None

    def __init__(self, world: "World", ticket: "Ticket", number: int) -> None:
        super().__init__(world, ticket, number)
        request, scheduler = self.request, world.scheduler
        self._sinks = {each: Output(self, each, is_open=each in self.outputs) for each in OUTPUTS}
        self._tty = Terminal(scheduler, self._sinks["stdout"]) if request.tty else None
        self._input: Stdin | Terminal | None = None
        if request.stdin:
            self._input = self._tty or Stdin(scheduler, closed=False)

    def _start(self) -> None:
        """Start the process; where that cannot be, the status says why."""
        self._asked = True
        streams = Streams(self._input, self._sinks["stdout"], self._sinks["stderr"])
        try:
            with wrapped("failed to exec in container"):
                self._run(streams)
        except CRIError as error:
            text = f"error executing command in container: {error.message}"
            self.put("error", statuses.failed(self.version, text, whole=self._whole))
            self.finish("error")

    def _run(self, streams: Streams) -> None:
        id_ = self.request.container_id
        container = get_container(self.world, "exec", id_)
        execs.require_alive(self.world, container)
        command = tuple(self.request.cmd)
        process = execs.start(self.world, container, command, streams, terminal=self._tty)
        self._container, self._process = container, process
        process.exited.then(lambda: self._exited(container, process))

    def _end_input(self) -> None:
        """The process reads an end. On a terminal it reads nothing, and its output is lost."""
        if self._input is not None:
            self._input.close()
        if self.request.tty and self._sinks["stdout"].open:
            self._sinks["stdout"].open = False
            self.put("stdout", b"", ends=True)

    def _stdin(self) -> Stdin | Terminal | None:
        return self._input

    def _terminal(self) -> Terminal | None:
        return self._tty

    def _exited(self, container: Container, process: Process) -> None:
        container.execs.remove(process)
        unread, self._input = self._input, None
        if unread is not None:  # nobody will ever read what is left
            unread.drained().set_result(None)
        self._drain()

    def _drain(self) -> None:
        """End when nobody is left who could write: what a command leaves behind has its pipes.

        A terminal it does not keep: that is closed when the command ends.
        """
        if self._tty is None:
            writer = execs.find_writer(self._container, self._sinks.values())
            if writer is not None:
                writer.exited.then(self._drain)
                return
        if self._process is not None:
            self._end_outputs()
            code = self._process.exited.result()
            status = statuses.exited(self.version, self.request.cmd, code, whole=self._whole)
            self.put("error", status)
            self.finish("exit")

    def _end_outputs(self) -> None:
        for channel, sink in self._sinks.items():
            if sink.open:
                sink.open = False
                self.put(channel, b"", ends=True)

    def _let_go(self, reason: str) -> None:
        """Kill the process itself, and none that it has started."""
        for sink in self._sinks.values():
            sink.open = False
        if self._input is not None:
            self._input.close()
        process = self._process
        kills = self.world.profile.kills_execs and reason != "restart"
        if process is not None and kills and self.troubles.passes("hang up"):
            process.kill(signals.SIGKILL)


class Attach(Command):
    """A client at the streams of a container, from now on."""

    method: ClassVar[str] = "attach"
    request: pb.AttachRequest
    is_patient = True

    _container: Container | None = None
    _is_outlived = False

    def _start(self) -> None:
        """Begin to hear what the container writes."""
        try:
            container = get_container(self.world, "attach", self.request.container_id)
            execs.require_alive(self.world, container)
        except CRIError as error:
            text = f"error attaching to container: {error.message}"
            self.put("error", statuses.failed(self.version, text, whole=self._whole))
            self.finish("error")
            return
        self._container = container
        container.listeners[self] = None
        self._fit()
        if not (self.outputs or self._stdin()):
            self._succeed("exit")  # there is nothing to wait for
        elif container.process is not None:
            container.process.exited.then(self._outlived)

    def hear(self, stream: str, output: bytes) -> None:
        """Take what the container has written."""
        self._asked = False
        if getattr(self.request, stream):
            self.put(stream, output)

    def _outlived(self) -> None:
        """End with the container. Who only writes to it learns of its end by writing."""
        self._is_outlived = True
        if self.outputs:
            self._succeed("exit")

    def feed(self, chunk: bytes) -> None:
        """Take what the client has written; an answer may come."""
        self._asked = True
        super().feed(chunk)
        if self._is_outlived:
            self._succeed("exit")

    def _end_input(self) -> None:
        """End the input of a container that is for one client; else leave."""
        if self._stdin() is None:
            return
        if not self._is_only_client:
            self._succeed("client")
            return
        self._close_container_stdin()
        if not self.outputs:
            self._succeed("client")

    @property
    def _is_only_client(self) -> bool:
        """Whether the container's input ends with that of this client."""
        container = self._container
        return container is not None and container.config.stdin_once and not self.request.tty

    def _close_container_stdin(self) -> None:
        stdin = self._stdin()
        if stdin is not None:
            stdin.close()

    def _stdin(self) -> Stdin | Terminal | None:
        container = self._container
        if container is None or not container.config.stdin:
            return None
        return container.terminal or container.stdin

    def _terminal(self) -> Terminal | None:
        return self._container.terminal if self._container is not None else None

    def _succeed(self, reason: str) -> None:
        """End it, once; what the container has ended with is nobody's business."""
        self._leave()
        self._end_outputs()
        self.put("error", statuses.succeeded(self.version, whole=self._whole))
        self.finish(reason)

    def _leave(self) -> None:
        if self._container is not None:
            self._container.listeners.pop(self, None)

    def _let_go(self, reason: str) -> None:
        """Detach. To a container for one client that is the end of its input."""
        if self.request.stdin and self._is_only_client and reason != "restart":
            self._close_container_stdin()
        self._leave()
