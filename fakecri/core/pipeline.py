"""The one path from any face to any handler."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core import touched
from fakecri.core.faults import acts
from fakecri.core.recorder import CAUSES, CallRecord
from fakecri.core.registry import HANDLERS
from fakecri.core.scheduler import Task, Waits
from fakecri.core.world import World
from fakecri.errors import CancelledError, Code, CRIError
from fakecri.rpcs import OLD_PACKAGE, Rpc

if TYPE_CHECKING:
    from fakecri.core.faults.rules import Action

Metadata: TypeAlias = Sequence[tuple[str, str | bytes]]


class OnCancel(Enum):
    """What becomes of the work when the client of a call goes."""

    ABORT = "abort"
    """It ends where it waits, as containerd's does: what was reserved is released."""
    FINISH = "finish"
    """It goes on to its end, and nobody gets the answer."""
    LEAK = "leak"
    """It ends, and what was reserved or marked stays so until the runtime restarts."""


class Call:
    """One call in flight, as faces see it."""

    def __init__(
        self,
        rpc: Rpc,
        request: Message,
        *,
        timeout_ns: int | None = None,
        metadata: Metadata = (),
        peer: str = "object",
        path: str = "",
        content: bytes | None = None,
    ) -> None:
        """`timeout_ns`: the client's deadline, from now on, in virtual time.

        `path` is the method's name on the wire and `content` the request as it came from there,
        for whoever sends them on.
        """
        self.rpc = rpc
        self.request = request
        self.timeout_ns = timeout_ns
        self.deadline_ns: int | None = None
        """When that is; set when the call begins."""
        self.metadata = metadata
        self.peer = peer
        self.record: CallRecord | None = None
        """What is written down of it; set when the call begins."""
        self.path = path or rpc.path
        self.content = content
        self.initial_metadata: Metadata | None = None
        """What the client gets before the answer, once that is known."""
        self.trailing_metadata: Metadata = ()
        """What the client gets with the status."""
        self.done = False
        self.response: Message | None = None
        self.error: CRIError | None = None
        self.messages: deque[Message] = deque()
        """Of a stream: what its client has not taken yet."""
        self.on_take: Callable[[], None] | None = None
        """To be called when its client takes one, in any thread."""
        self.task: Task[Message | None] | None = None
        self.on_cancel = OnCancel.ABORT
        """What the runtime does when the client goes; a rule may choose another."""
        self.wire: Action | None = None
        """What a rule wants done to the connection under it, until that is done."""
        self.timers = 0
        """How many timers of rules will do something for it."""
        self.leave: list[Callable[[], None]] = []
        """What is to be called when it is over."""
        self._watchers: list[Callable[[], None]] = []
        self._originals: dict[int, tuple[Message, bytes]] = {}

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.rpc.name

    @property
    def lasts(self) -> bool:
        """Whether its client waits by nature, and nothing is about to happen to it."""
        return self.rpc.streams and not self.timers

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back at each message and at the end, under the host's lock: be quick."""
        self._watchers.append(callback)
        if self.done or self.messages:
            callback()

    def send(self, message: Message) -> None:
        """Give the client of a stream a message."""
        self.messages.append(message)
        self.stir()

    def take(self) -> Message:
        """Return the next message of a stream, for its client."""
        message = self.messages.popleft()
        if self.on_take is not None:
            self.on_take()
        return message

    def keep(self, message: Message, content: bytes) -> None:
        """Remember what an answer was on the wire of another runtime."""
        self._originals[id(message)] = message, content

    def forget(self, message: Message) -> None:
        """Remember it no longer, unless the client is still to take it."""
        if not any(each is message for each in self.messages):
            self._originals.pop(id(message), None)

    def encoded(self, message: Message) -> bytes:
        """Return what goes over the wire: the same bytes where it came from another one."""
        _, content = self._originals.pop(id(message), (None, None))
        return message.SerializeToString() if content is None else content

    def end(self, response: Message | None, error: CRIError | None) -> None:
        """Answer the client, once."""
        if not self.done:
            self.done, self.response, self.error = True, response, error
            self._notify()

    def stir(self) -> None:
        """Let who watches look again: what it waits for may come another way now."""
        self._notify()

    def _notify(self) -> None:
        for callback in self._watchers:
            callback()


def start(world: World, call: Call) -> None:
    """Begin a call; it has ended already if its handler does not wait."""
    absence = world.absence
    if absence is not None:
        call.end(None, absence.refusal())  # no runtime sees it
        return
    if call.rpc.name in world.profile.finishes:
        call.on_cancel = OnCancel.FINISH
    task = call.task = CallTask(world, call)
    if call.timeout_ns is not None:
        call.deadline_ns = world.scheduler.now_ns + call.timeout_ns
        deadline = world.scheduler.after(
            call.timeout_ns, lambda: cancel(world, call, CancelledError.by_deadline())
        )
        task.then(deadline.cancel)
    recorder, interrupted = world.recorder, world.recorder.current
    try:
        Task.step(task)  # whose doing that is the recorder learns when the call begins
    finally:
        recorder.current = interrupted
    task.record = call.record
    if not task.done:
        world.in_flight[call] = None
        task.then(lambda: world.in_flight.pop(call, None))


def cancel(world: World, call: Call, error: CancelledError, cause: str = "") -> None:
    """Tell the handler that its client is gone, or let it finish for nobody.

    `cause`: where the code of the error is not all that there is to say.
    """
    if call.task is None or call.task.done:
        return
    if call.record is not None:
        world.recorder.cancelled(call.record, cause or CAUSES.get(error.code, "closed"))
    if call.on_cancel is OnCancel.FINISH:
        call.end(None, error)
        return
    error.leaks = call.on_cancel is OnCancel.LEAK
    call.task.throw(error)


def abandon(world: World, call: Call, error: CRIError) -> None:
    """End a call because the runtime has died: nothing of its work is undone."""
    task, call.task = call.task, None
    if task is None or call.record is None:
        return
    task.drop()
    world.recorder.cancelled(call.record, "closed")
    flight = world.faults.flying(call.request)
    if flight is not None:
        world.faults.ended(*flight)
    world.recorder.ended(call.record, None, error)
    call.end(None, error)


class CallTask(Task[Message | None]):
    """The task of a call: what happens while it runs is the doing of the call."""

    __slots__ = ("_recorder", "record")

    def __init__(self, world: World, call: Call) -> None:
        super().__init__(world.scheduler, perform(world, call))
        self._recorder = world.recorder
        # Not the call, which has the task: what is in a circle is cleared up late, and costs more.
        self.record: CallRecord | None = None

    def step(self) -> None:
        """Go on, where the call has waited."""
        with self._its_doing():
            super().step()

    def throw(self, error: BaseException) -> None:
        """Raise `error` where it waits."""
        with self._its_doing():
            super().throw(error)

    @contextmanager
    def _its_doing(self) -> Iterator[None]:
        recorder, interrupted = self._recorder, self._recorder.current
        recorder.current = self.record
        try:
            yield
        finally:
            recorder.current = interrupted


def perform(world: World, call: Call) -> Waits[Message | None]:
    """Record, break, handle, break, record."""
    rpc = call.rpc.name
    contract = world.level.contract(call.path) if world.level is not None else None
    if contract is not None:
        call.request = contract.understood(call.rpc, call.request)
    record = call.record = world.recorder.began(
        rpc, call.request, call.peer, call.timeout_ns, call.metadata
    )
    record.ids = touched.named(world, rpc, call.request)
    shots = world.faults.shots(call)
    response: Message | None = None
    error: CRIError | None = None

    def send(message: Message) -> None:
        if contract is not None:
            message = contract.cut(message)
        world.recorder.sent(record, message)
        call.send(message)

    try:
        if shots:
            response = yield from acts.perform(world, call, shots, _handle, send)
        else:
            response = yield from _answer(world, call, send)
            if response is not None:
                record.ids += touched.made(rpc, response)
        if contract is not None and response is not None:
            response = contract.cut(response)  # whatever a rule has put into it
    except CRIError as failure:
        # Without the frames that it came through: it lives as long as the record does.
        response = None
        error = failure.bare()
    except Exception as bug:  # noqa: BLE001  # a bug of ours is an answer, and the store lives on
        error = CRIError(f"{type(bug).__name__}: {bug}", Code.INTERNAL)
        error.__cause__ = bug
        response = None
    if shots:
        world.faults.ended(call, shots)
    world.recorder.ended(record, response, error)
    call.end(response, error)
    return response


def _handle(world: World, call: Call, send: Callable[[Message], None]) -> Waits[Message | None]:
    response = yield from _answer(world, call, send)
    if response is not None and call.record is not None:
        call.record.ids += touched.made(call.rpc.name, response)
    return response


def _answer(world: World, call: Call, send: Callable[[Message], None]) -> Waits[Message | None]:
    if world.upstream is not None:
        return (yield from world.upstream.forward(call, send))
    return (yield from handle(world, call, send))


def handle(world: World, call: Call, send: Callable[[Message], None]) -> Waits[Message | None]:
    """Have a call answered by the handler of this world; messages of a stream go to `send`."""
    if world.level is not None:
        world.level.contract(call.path).require(call.rpc)
    if call.rpc.name in world.profile.unimplemented:
        raise CRIError(f"method {call.rpc.name} not implemented", Code.UNIMPLEMENTED)
    if world.outage is not None and not world.outage.is_down:
        raise CRIError("server is not initialized yet: unavailable", Code.UNAVAILABLE)
    if world.locks:
        yield from world.locks.free(call.rpc.name, call.request)
    handler = HANDLERS[call.rpc.name]
    if call.rpc.streams:
        answer = handler(world, call.request, send)
    else:
        answer = handler(world, call.request)
    if isinstance(answer, Generator):
        answer = yield from answer
    if isinstance(answer, pb.VersionResponse) and call.path.startswith(f"/{OLD_PACKAGE}."):
        answer.runtime_api_version = "v1alpha2"  # as containerd 1.6 names what it was asked under
    return answer  # type: ignore[no-any-return]  # @handles has checked the type
