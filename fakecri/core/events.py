"""The queue of container events: subscribers, and the backlog while there are none.

Source: spec lifecycle 18.4. Two things differ, so that runs are deterministic: a subscriber's
queue has no end, so that a slow one stalls nobody; and that a subscriber left is noticed when the
next event is sent, every time. That event is lost where nobody else listens, as in containerd.
"""

from collections import deque

from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import Future, Scheduler, Waits


class Subscriber:
    """One event stream's queue."""

    def __init__(self, scheduler: Scheduler, backlog: deque[pb.ContainerEventResponse]) -> None:
        self.gone = False
        self._scheduler = scheduler
        self._queue = backlog
        self._arrived: Future[None] = Future(scheduler)

    def put(self, event: pb.ContainerEventResponse) -> None:
        """Add an event."""
        self._queue.append(event)
        self._arrived.set_result(None)

    def get(self) -> Waits[pb.ContainerEventResponse]:
        """Wait for the next event."""
        while not self._queue:
            self._arrived = Future(self._scheduler)
            yield from self._arrived
        return self._queue.popleft()

    def drain(self) -> list[pb.ContainerEventResponse]:
        """Return what has arrived and was not taken, without waiting."""
        events = list(self._queue)
        self._queue.clear()
        return events


class EventQueue:
    """Gives each event to every subscriber, in one order."""

    def __init__(self, scheduler: Scheduler, backlog_ns: int, *, slots: int = 0) -> None:
        """`slots`: how many events are kept, for the very first subscriber; 0: all, for anyone."""
        self._scheduler = scheduler
        self._slots = slots
        self._was_heard = False
        self._backlog_ns = backlog_ns
        self._backlog: deque[tuple[int, bytes]] = deque()
        """When, and the event as on the wire: a tenth of what the message takes."""
        self._subscribers: list[Subscriber] = []

    def subscribe(self) -> Subscriber:
        """Listen from now on; who comes when nobody listens gets the backlog first."""
        self._forget_old()
        self._was_heard = True
        backlog = deque(pb.ContainerEventResponse.FromString(event) for _, event in self._backlog)
        self._backlog.clear()
        subscriber = Subscriber(self._scheduler, backlog)
        self._subscribers.append(subscriber)
        return subscriber

    def publish(self, event: pb.ContainerEventResponse) -> None:
        """Send an event to all who listen, or keep it for who comes first."""
        if not self._subscribers and self._has_slot():
            self._backlog.append((self._scheduler.now_ns, event.SerializeToString()))
            self._forget_old()
        for subscriber in self._subscribers:
            if not subscriber.gone:
                subscriber.put(event)
        self._subscribers = [each for each in self._subscribers if not each.gone]

    def _has_slot(self) -> bool:
        return not self._slots or not (self._was_heard or len(self._backlog) >= self._slots)

    def clear(self) -> None:
        """Forget the backlog and all who listen: they are kept in memory alone."""
        self._backlog.clear()
        self._subscribers.clear()
        self._was_heard = False

    def _forget_old(self) -> None:
        while (
            self._backlog
            and not self._slots
            and self._scheduler.now_ns - self._backlog[0][0] > self._backlog_ns
        ):
            self._backlog.popleft()
