"""Virtual time: an ordered queue of callbacks, and what waits on it.

Time is an integer of nanoseconds and moves only in `advance_to`. A completion never calls back at
once: it goes through the queue, so that no handler re-enters another, and ties are first in first
out, which is the determinism of the whole house.
"""

from collections import deque
from collections.abc import Callable, Generator
from contextlib import suppress
from heapq import heapify, heappop, heappush
from typing import Any, Generic, TypeAlias, TypeVar

T = TypeVar("T")

SECOND_NS = 1_000_000_000

END_NS = 2**63 - 1 - SECOND_NS
"""Where time ends, in 2262: later ones do not fit the contract's int64. Nothing is due then."""

SWEEP_FROM = 64

Callback: TypeAlias = Callable[[], None]


class Timer:
    """A callback that is due at `when_ns`, unless cancelled before."""

    __slots__ = ("callback", "serial", "when_ns")

    def __init__(self, when_ns: int, serial: int, callback: Callback) -> None:
        self.when_ns = when_ns
        self.serial = serial
        self.callback: Callback | None = callback

    def cancel(self) -> None:
        """Never call back; harmless when it is too late."""
        self.callback = None

    def fire(self) -> None:
        """Call back, unless cancelled."""
        if self.callback is not None:
            self.callback()

    def __lt__(self, other: "Timer") -> bool:
        return (self.when_ns, self.serial) < (other.when_ns, other.serial)


class Scheduler:
    """The one door for time."""

    def __init__(self, start_ns: int) -> None:
        self.now_ns = start_ns
        self.taken = 0
        """How often a client has taken what a process wrote: while it does, who writes on and on
        holds nobody up, and needs no virtual time to be held up itself."""
        self._ready: deque[Callback] = deque()
        self._timers: list[Timer] = []
        self._patient: list[Timer] = []
        self._sweep_at = SWEEP_FROM
        self._serial = 0

    def soon(self, callback: Callback) -> None:
        """Call back in this instant, after all that is already due."""
        self._ready.append(callback)

    def at(self, when_ns: int, callback: Callback, *, patient: bool = False) -> Timer:
        """Call back when time reaches `when_ns`; in this instant if that has passed.

        For a `patient` one time does not leap: what gives up on others that take too long.
        """
        self._serial += 1
        timer = Timer(when_ns, self._serial, callback)
        if when_ns <= self.now_ns:
            self.soon(timer.fire)
        elif when_ns < END_NS:
            self._sweep()
            heappush(self._patient if patient else self._timers, timer)
        return timer

    def _sweep(self) -> None:
        """Forget what was cancelled, whenever there are twice as many timers as last time.

        Where time stands still, the deadlines of all calls that ever ended would pile up.
        """
        if len(self._timers) + len(self._patient) >= self._sweep_at:
            for timers in (self._timers, self._patient):
                timers[:] = [timer for timer in timers if timer.callback is not None]
                heapify(timers)
            self._sweep_at = SWEEP_FROM + 2 * (len(self._timers) + len(self._patient))

    def after(self, delay_ns: int, callback: Callback, *, patient: bool = False) -> Timer:
        """Call back when `delay_ns` have passed; `patient` as for `at`."""
        return self.at(self.now_ns + delay_ns, callback, patient=patient)

    def sleep(self, delay_ns: int) -> "Future[None]":
        """Return a future that is done when `delay_ns` have passed."""
        future: Future[None] = Future(self)
        future.timer = self.after(delay_ns, lambda: future.set_result(None))
        return future

    def run(self) -> None:
        """Call everything that is due in this instant. Time stands still."""
        while self._ready:
            self._ready.popleft()()

    def next_ns(self, *, patient: bool = False) -> int | None:
        """Return when the next timer is due, or None where nothing is scheduled.

        With `patient`, those that are patient count too.
        """
        timers = self._heap(patient=patient)
        return timers[0].when_ns if timers else None

    def _heap(self, *, patient: bool) -> list[Timer]:
        """Return the heap whose first timer is due next; an empty one where there is none."""
        timers, others = self._timers, self._patient
        while timers and timers[0].callback is None:
            heappop(timers)
        if not (patient and others):
            return timers
        while others and others[0].callback is None:
            heappop(others)
        return others if others and not (timers and timers[0] < others[0]) else timers

    def advance_to(self, when_ns: int, enough: Callable[[], bool] | None = None) -> bool:
        """Move time forward, stopping at each timer on the way. Never moves it back.

        After a timer it may be `enough`: then time stays there. Return whether it got to the end.
        """
        when_ns = min(when_ns, END_NS)
        self.run()
        while (timers := self._heap(patient=True)) and timers[0].when_ns <= when_ns:
            if enough is not None and enough():
                return False
            timer = heappop(timers)
            self.now_ns = timer.when_ns
            timer.fire()
            self.run()
        self.now_ns = max(self.now_ns, when_ns)
        return True


class Future(Generic[T]):
    """A result that is there, or will be. In a generator: `value = yield from future`."""

    __slots__ = ("_callbacks", "_error", "_value", "done", "scheduler", "timer")

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.done = False
        self.timer: Timer | None = None
        self._value: T | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[], None]] = []

    def set_result(self, value: T) -> None:
        """Complete, once; a later completion is ignored, since the first one was seen."""
        if not self.done:
            self._value = value
            self._complete()

    def set_error(self, error: BaseException) -> None:
        """Fail: who waits gets `error` raised."""
        if not self.done:
            self._error = error
            self._complete()

    def _complete(self) -> None:
        self.done = True
        if self.timer is not None:
            self.timer.cancel()
        callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            self.scheduler.soon(callback)

    @property
    def error(self) -> BaseException | None:
        """What it failed with, if it did."""
        return self._error

    def result(self) -> T:
        """Return the value, or raise the error; only when done."""
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]  # done means that a T was set

    def then(self, callback: Callback) -> None:
        """Call back through the queue when done."""
        if self.done:
            self.scheduler.soon(callback)
        else:
            self._callbacks.append(callback)

    def forget(self, callback: Callback) -> None:
        """Do not call back after all. A sleep that nobody waits for any more is called off."""
        if callback in self._callbacks:
            self._callbacks.remove(callback)
        if not self._callbacks and self.timer is not None:
            self.timer.cancel()

    def __iter__(self) -> "Waits[T]":
        if not self.done:
            yield self
        return self.result()


Waits: TypeAlias = Generator[Future[Any], None, T]
"""What may wait: a generator that yields the futures it waits for and returns a T."""


class Task(Future[T]):
    """A generator that runs in virtual time; as a future, its result."""

    __slots__ = ("_dropped", "_generator", "_waited", "_wake")

    def __init__(self, scheduler: Scheduler, generator: Waits[T]) -> None:
        super().__init__(scheduler)
        self._generator = generator
        self._dropped = False
        self._waited: Future[Any] | None = None
        self._wake: Callback | None = None

    def step(self) -> None:
        """Run until it first waits, or ends."""
        if not self._dropped:
            self._resume(lambda: self._generator.send(None))

    def throw(self, error: BaseException) -> None:
        """Raise `error` where it waits, in this instant. Harmless when it has ended."""
        if not (self.done or self._dropped):
            self._stop_waiting()
            self._resume(lambda: self._generator.throw(error))

    def drop(self) -> None:
        """Forget it unfinished: its generator is closed, its result never comes."""
        if not self.done:
            self._dropped = True
            self._stop_waiting()
            self.scheduler.soon(self._close)

    def _close(self) -> None:
        # A program that catches everything must not take the runtime with it.
        with suppress(Exception):
            self._generator.close()

    def _stop_waiting(self) -> None:
        if self._waited is not None and self._wake is not None:
            self._waited.forget(self._wake)
        self._waited = self._wake = None

    def _resume(self, resume: Callable[[], Future[Any]]) -> None:
        self._waited = self._wake = None
        try:
            waited = resume()
        except StopIteration as stop:
            self.set_result(stop.value)
        except Exception as error:  # noqa: BLE001  # who waits for the task gets it
            self.set_error(error)
        else:
            self._wait(waited)

    def _wait(self, waited: object) -> None:
        if not isinstance(waited, Future):
            mistake = TypeError(f"a program waits with `yield from`; it yielded {waited!r}")
            self._resume(lambda: self._generator.throw(mistake))
            return

        def wake() -> None:
            # An error may have been thrown in since the wake-up was queued.
            if self._wake is wake:
                self.step()

        self._waited, self._wake = waited, wake
        waited.then(wake)


def first_of(scheduler: Scheduler, *futures: Future[Any]) -> Waits[None]:
    """Wait until one of `futures` is done; sleeps among the others are called off."""
    either: Future[None] = Future(scheduler)

    def complete() -> None:
        either.set_result(None)

    for future in futures:
        future.then(complete)
    try:
        yield from either
    finally:
        for future in futures:
            future.forget(complete)
