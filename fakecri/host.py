"""The owner of a world: the one lock, calls from any thread, and the passing of time.

Handlers run inline, in the thread that calls. What waits is parked in the scheduler and costs no
thread. Under a pace that is bound to a real clock, one thread of ours wakes when a timer is due.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol
from weakref import WeakSet

from google.protobuf.message import Message

import fakecri.core.handlers  # noqa: F401  # fills the registry
from fakecri.core import pipeline
from fakecri.core.pipeline import Call, Metadata
from fakecri.core.world import World
from fakecri.errors import CancelledError, Code, Refused, Stuck, UsageError
from fakecri.pace import Pace, stands_still
from fakecri.rpcs import Rpc

BLINK_S = 0.02  # how often it is looked whether something real has happened
PATIENCE_S = 5.0  # how long a call that nothing can end waits for another thread to do something


class Waiter(Protocol):
    """For whom a thread waits: the client of a call, or of what stands behind a URL."""

    @property
    def name(self) -> str:
        """What it is called in messages."""

    @property
    def lasts(self) -> bool:
        """Whether it waits by nature, and does not make time leap while others may act."""


class Room(Protocol):
    """Where real things happen to a world."""

    def close(self) -> None:
        """End; not called in a turn."""

    def is_thinking(self) -> bool:
        """Whether something real is about to happen, so that time does not leap."""

    def stir(self) -> None:
        """Look again how time goes: it may go another way now. Called in a turn."""


class Host:
    """A world that any thread may call."""

    def __init__(self, world: World, pace: Pace) -> None:
        self.world = world
        self.pace = pace
        self.level = world.level
        self._lock = threading.RLock()
        self._progress = threading.Condition(self._lock)
        self._alarm = threading.Condition(self._lock)
        self._users: WeakSet[threading.Thread] = WeakSet([threading.current_thread()])
        self._parked: WeakSet[threading.Thread] = WeakSet()
        self._calls: set[Call] = set()
        self._driver: threading.Thread | None = None
        self._driver_due_ns: int | None = None
        self._closed = False
        self.led = False
        """Whether time goes as `lead` says, and no other way."""
        self._holds = 0
        self._moving_pull_ns = 0
        self._let_pulls_end()
        self._settling: list[Callable[[], None]] = []
        self._rooms: list[Room] = []
        world.gates.on_change = self._progress.notify_all

    def add_room(self, room: "Room") -> Callable[[], None]:
        """Let a room of real things end with the host. Returns what takes that back."""
        self._rooms.append(room)
        return lambda: self._rooms.remove(room) if room in self._rooms else None

    def on_power(
        self, tell: Callable[[bool], None], settle: Callable[[], None]
    ) -> Callable[[], None]:
        """Have `tell` called with whether the runtime is up, when it goes and when it is back.

        `settle` waits until who was told has done what it does then. Returns what ends both.
        """
        with self.turn() as world:
            leave = world.power.watch(tell)
            self._settling.append(settle)
            if world.absence is not None:
                tell(False)  # the one fact that it takes

        def end() -> None:
            with self.turn():
                leave()
                self._settling.remove(settle)

        return end

    def settle(self) -> None:
        """Wait until all who serve the runtime are where it is; not to be called in a turn."""
        for settle in tuple(self._settling):
            settle()

    @contextmanager
    def turn(self) -> Iterator[World]:
        """Hold the lock, with time brought up to now; on leaving, what is due gets done."""
        with self._lock:
            if not self.led:
                self.pace.follow(self.world)
            try:
                yield self.world
            finally:
                self.world.scheduler.run()
                self._set_alarm()

    def start(
        self,
        rpc: Rpc,
        request: Message,
        *,
        timeout_ns: int | None = None,
        metadata: Metadata = (),
        peer: str = "object",
        path: str = "",
        content: bytes | None = None,
    ) -> Call:
        """Begin a call. It may have ended when this returns; else it is parked."""
        return self.begin(
            Call(
                rpc,
                request,
                timeout_ns=timeout_ns,
                metadata=metadata,
                peer=peer,
                path=path,
                content=content,
            )
        )

    def begin(self, call: Call) -> Call:
        """Begin a call that a face has made."""
        self.meet()
        with self.turn():
            if self._closed:
                call.end(None, _closed())
                return call
            pipeline.start(self.world, call)
            if not call.done:
                self._calls.add(call)
                call.watch(lambda: self._note(call))
        return call

    def meet(self) -> None:
        """Know the calling thread as one that does things: while it does, time stands."""
        self._users.add(threading.current_thread())

    def _note(self, call: Call) -> None:
        if call.done:
            self._calls.discard(call)
        self._progress.notify_all()

    def cancel(self, call: Call, error: CancelledError, cause: str = "") -> None:
        """Tell a call that its client is gone; nothing happens to one that has ended.

        `cause` is for the recording, where it is not what the code of the error says.
        """
        with self.turn():
            if not call.done:
                pipeline.cancel(self.world, call, error, cause)

    def finish(self, call: Call) -> None:
        """Wait, in the calling thread, until the call has ended; virtual time passes meanwhile.

        Stuck where nothing is scheduled, and nobody is there, that could end it.
        """
        with self._hanging_up(call):
            self.wait_until(lambda: call.done, call)

    def wait_until(self, is_so: Callable[[], bool], who: Waiter) -> None:
        """Wait likewise until something is so; whatever makes it so has to `notify`."""
        while not is_so():
            with self._lock:
                if not is_so():
                    self._wait(is_so, who)

    @contextmanager
    def _hanging_up(self, call: Call) -> Iterator[None]:
        """A client that would wait for ever gives its call up."""
        try:
            yield
        except Stuck:
            self.cancel(call, CancelledError.by_client())
            raise

    def notify(self) -> None:
        """Have those who wait look again; the lock is held."""
        self._progress.notify_all()

    def finish_within(self, call: Call, patience_ns: int) -> bool:
        """Wait likewise, but for `patience_ns` of virtual time at most; return whether it ended."""
        with self.turn() as world:
            limit = world.scheduler.sleep(patience_ns)
            limit.then(self._progress.notify_all)
            call.watch(lambda: limit.set_result(None) if call.done else None)
        with self._hanging_up(call):
            self.wait_until(lambda: call.done or limit.done, call)
        return call.done

    def wait_for(self, is_so: Callable[[], bool], patience_ns: int) -> bool:
        """Wait until a call has made something so, or `patience_ns` of real time have passed.

        Return whether it is so. For paces whose time passes by itself.
        """
        with self.turn() as world:
            limit = world.scheduler.sleep(patience_ns)
            limit.then(self._progress.notify_all)
        with self._lock:
            while not (is_so() or limit.done):
                self._progress.wait()
            limit.set_result(None)
            return is_so()

    def wait_message(self, call: Call) -> bool:
        """Wait until a stream has a message (True), or has ended without one (False)."""
        with self._hanging_up(call):
            self.wait_until(lambda: bool(call.messages) or call.done, call)
        return bool(call.messages)

    def pause(self, happened: Callable[[], bool], patience_s: float) -> bool:
        """Wait in real time until a call or a gate tells of something; False: none did."""
        self._users.add(threading.current_thread())  # not parked: it is one that may act
        with self._lock:
            return happened() or self._progress.wait(patience_s)

    def leap(self, call: Call | None = None) -> bool | None:
        """Under a pace that jumps, go on to what is due next; False: nothing is, None: not yet.

        None too where the `call` for which it is done has ended meanwhile.
        """
        with self.turn() as world:
            if (call is not None and call.done) or any(room.is_thinking() for room in self._rooms):
                return None
            due_ns = world.scheduler.next_ns()
            if self.led or self._holds or not self.pace.jumps or due_ns is None:
                return False
            world.scheduler.advance_to(due_ns)
            return True

    def advance(self, delta_ns: int) -> None:
        """Let virtual time pass; what falls due meanwhile happens at its time."""
        if delta_ns < 0:
            raise UsageError("time does not go backwards")
        with self.turn() as world:
            if self.pace.ours:
                world.recorder.turned("advance", by_ns=delta_ns)
            if self.led:
                world.scheduler.advance_to(world.scheduler.now_ns + delta_ns)
            else:
                self.pace.skip(world, delta_ns)
        self.settle()

    def lead(self, virtual_ns: int) -> None:
        """Bring virtual time to a moment, under whatever pace, and let it stand there.

        A replay does so: what happened then happens again. `let_go` ends it.
        """
        self.led = True
        with self.turn() as world:
            world.scheduler.advance_to(world.began_ns + virtual_ns)

    def let_go(self) -> None:
        """Let the pace go on from where time was led to."""
        with self.turn() as world:
            if self.pace.ours:
                self.pace.take_over(world.scheduler.now_ns)
            self.led = False

    @property
    def holds(self) -> int:
        """How many there are who do not want time to leap."""
        return self._holds

    def hold(self, change: int) -> int:
        """Have so many more, or fewer, who do not want time to leap; return how many they are."""
        self._users.add(threading.current_thread())
        with self.turn():
            self._holds += change
            self._stir()
            return self._holds

    def switch(self, pace: Pace) -> None:
        """Let another pace take over, and whoever waits look again. UsageError for `system`."""
        self._users.add(threading.current_thread())
        with self.turn() as world:
            if not self.pace.ours:
                raise Refused("system is a pace from the beginning to the end")
            pace.take_over(world.scheduler.now_ns)
            if stands_still(self.pace):
                world.node.pull_ns = world.node.pull_ns or self._moving_pull_ns
            self.pace = pace
            self._let_pulls_end()
            self._stir()

    def _let_pulls_end(self) -> None:
        """Where time stands still a pull must not need it."""
        node = self.world.node
        if stands_still(self.pace):
            self._moving_pull_ns, node.pull_ns = node.pull_ns, 0

    def _stir(self) -> None:
        for call in tuple(self._calls):
            call.stir()
        for room in self._rooms:
            room.stir()
        self._progress.notify_all()
        self._alarm.notify_all()

    def close(self) -> None:
        """End every call in flight with UNAVAILABLE, streams, our thread; harmless when closed."""
        with self.turn():
            self._closed = True
            for call in tuple(self._calls):
                pipeline.cancel(self.world, call, _closed())
                call.end(None, _closed())
            self.world.sessions.break_off("closed")
            self._alarm.notify_all()
        rooms, self._rooms = self._rooms, []
        for room in rooms:
            room.close()
        self.world.mounted.close()
        driver = self._driver
        if driver is not None and driver is not threading.current_thread():
            driver.join()

    # How time passes while a thread waits. The lock is held.

    def _wait(self, is_so: Callable[[], bool], who: Waiter) -> None:
        me = threading.current_thread()
        self._parked.add(me)
        try:
            self._let_time_pass(is_so, who, alone=self.all_others_parked())
        finally:
            self._parked.discard(me)

    def all_others_parked(self) -> bool:
        """Whether every other thread that ever called waits for something."""
        me = threading.current_thread()
        return not any(each.is_alive() for each in self._users - self._parked if each is not me)

    def _let_time_pass(self, is_so: Callable[[], bool], who: Waiter, *, alone: bool) -> None:
        if any(room.is_thinking() for room in self._rooms):
            self._progress.wait(BLINK_S)
            return
        # A stream waits by nature: it makes time leap only where nothing else would.
        leapt = (alone or not who.lasts) and self.leap()
        if leapt or is_so():  # the attempt has brought time up to now
            return
        if self.pace.real:
            self._progress.wait()
        elif alone or not (self._progress.wait(PATIENCE_S) or self._others_may_act(who)):
            self._give_up(who)

    def _others_may_act(self, who: Waiter) -> bool:
        leaps = self.pace.jumps and not self._holds
        due_ns = self.world.scheduler.next_ns(patient=True)
        return who.lasts or (not leaps and due_ns is not None)

    def _give_up(self, who: Waiter) -> None:
        held = "time is held" if self.pace.jumps else "nobody calls advance()"
        why = "nothing is scheduled" if self.world.scheduler.next_ns() is None else held
        raise Stuck(f"{who.name} waits for ever: {why}")

    # The thread that wakes when a timer is due, under a pace that is bound to a real clock.

    def _set_alarm(self) -> None:
        due_ns = self.world.scheduler.next_ns(patient=True)
        if not self.pace.real or due_ns is None or self._closed or self.led:
            return
        if self._driver is None:
            self._driver = threading.Thread(target=self._drive, name="fakecri-time", daemon=True)
            self._driver.start()
        elif self._driver_due_ns is None or due_ns < self._driver_due_ns:
            self._alarm.notify_all()

    def _drive(self) -> None:
        with self._lock:
            while not self._closed:
                due_ns = self._driver_due_ns = self.world.scheduler.next_ns(patient=True)
                self._alarm.wait(self.pace.pause_s(self.world.scheduler.now_ns, due_ns))
                self._driver_due_ns = due_ns
                with self.turn():
                    pass


def _closed() -> CancelledError:
    return CancelledError("the runtime is closed", Code.UNAVAILABLE)
