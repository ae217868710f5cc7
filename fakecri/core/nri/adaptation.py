"""The plugins that are there, in their order, and the asking of them."""

from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from fakecri.api import nri_pb2 as nri
from fakecri.core.nri.plugins import EVENTS, LATER_METHODS, NRIError, Plugin, PluginGone
from fakecri.core.scheduler import SECOND_NS, Future, Task, Waits, first_of
from fakecri.core.turns import Turns
from fakecri.errors import CancelledError, Code, CRIError

if TYPE_CHECKING:
    from fakecri.core.world import World


class Seat:
    """A plugin that is connected."""

    def __init__(self, plugin: Plugin) -> None:
        self.plugin = plugin
        self.index = plugin.index
        self.name = f"{plugin.index}-{plugin.name}"
        """As errors and recordings call it."""
        self.events = 0
        """The mask of what it subscribed to."""
        self.is_old = False
        """Whether it has no methods of their own for some events, and gets StateChange."""
        self.closed = False

    def wants(self, method: str) -> bool:
        """Whether it is called for a hook."""
        return not self.closed and bool(self.events & 1 << (EVENTS[method] - 1))


class Adaptation:
    """All plugins of a world. Without any it costs nothing."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._scheduler = world.scheduler
        self.turns = Turns(world.scheduler)
        self.seats: list[Seat] = []
        """In the order of their calling."""
        self._connecting: dict[Task[None], None] = {}
        self.registration_timeout_ns = 5 * SECOND_NS
        self.request_timeout_ns = 2 * SECOND_NS
        """How long a plugin may take to answer one request."""

    @property
    def active(self) -> bool:
        """Whether a hook has somebody to ask, or has to wait for a plugin that synchronises."""
        return bool(self.seats) or self.turns.taken

    # Coming and going.

    def connect(self, plugin: Plugin) -> Future[None]:
        """Configure and synchronise a plugin that has registered; from then on it is called.

        The future fails with NRIError, and the plugin is closed, where that does not succeed.
        """
        from fakecri.core.nri.synchronizing import seat  # noqa: PLC0415  # it knows the world

        task = Task(self._scheduler, seat(self._world, plugin))
        self._connecting[task] = None
        task.then(lambda: self._connecting.pop(task, None))
        task.step()
        return task

    def add(self, seat: Seat) -> None:
        """Call a plugin from now on; of those with the same index the earlier one comes first."""
        self.seats.append(seat)
        self.seats.sort(key=lambda each: each.index)

    def disconnect(self, plugin: Plugin) -> None:
        """Forget a plugin whose connection has ended; harmless when it is not there."""
        for seat in self.seats:
            if seat.plugin is plugin:
                self.close(seat)
                return

    def close(self, seat: Seat) -> None:
        """End the connection to a plugin, and forget it."""
        if seat.closed:
            return
        seat.closed = True
        if seat in self.seats:
            self.seats.remove(seat)
        seat.plugin.close()
        self._world.recorder.plugged("disconnected", seat.name)

    def reset(self) -> None:
        """The runtime dies: its plugins lose their connections."""
        self.turns = Turns(self._scheduler)
        for task in tuple(self._connecting):
            task.throw(PluginGone())
        for seat in tuple(self.seats):
            self.close(seat)

    def update_containers(
        self, plugin: Plugin, request: nri.UpdateContainersRequest
    ) -> Future[nri.UpdateContainersResponse]:
        """Do what a plugin wants of itself, when it is nobody's turn.

        The future fails with NRIError where some of it cannot be.
        """
        from fakecri.core.nri.updating import update_unasked  # noqa: PLC0415  # likewise

        self._world.recorder.plugin_wants(f"{plugin.index}-{plugin.name}", request)
        task = Task(self._scheduler, update_unasked(self._world, request))
        task.step()
        return task

    # Asking.

    def tell(self, method: str, request: Message) -> Waits[None]:
        """Call a hook of all plugins that subscribed to it; raise the first error."""
        for seat in tuple(self.seats):
            yield from self.ask(seat, method, request)

    def ask(self, seat: Seat, method: str, request: Any) -> Waits[Any]:
        """Call a hook of one plugin; return its response.

        None: it did not subscribe, or is gone. CRIError: its own answer is an error.
        """
        if not seat.wants(method):
            return None
        try:
            return (yield from self._ask(seat, method, request))
        except PluginGone:
            self.close(seat)
            return None
        except NRIError as error:
            raise CRIError(str(error), error.code) from error
        except CancelledError as error:
            # The deadline of a CRI call is one of what it has others do.
            if error.code is Code.DEADLINE_EXCEEDED:
                self.close(seat)
            raise

    def _ask(self, seat: Seat, method: str, request: Any) -> Waits[Any]:
        if not (seat.is_old and method in LATER_METHODS):
            try:
                return (yield from self.call(seat, method, request))
            except NRIError as error:
                if error.code is not Code.UNIMPLEMENTED or method not in LATER_METHODS:
                    raise
                seat.is_old = True
        change = nri.StateChangeEvent(event=nri.Event.ValueType(EVENTS[method]), pod=request.pod)
        if "container" in request.DESCRIPTOR.fields_by_name:
            change.container.CopyFrom(request.container)
        return (yield from self.call(seat, "StateChange", change))

    def call(
        self, seat: Seat, method: str, request: Message, deadline_ns: int | None = None
    ) -> Waits[Any]:
        """Call any method of a plugin; PluginGone where it takes longer than it may.

        `deadline_ns`: until when it may take, where that is not for this call alone.
        """
        recorder = self._world.recorder
        asked = type(request)()
        asked.CopyFrom(request)  # what a plugin does to it is its own business
        recorder.plugin_asked(seat.name, method, asked)
        try:
            answer = seat.plugin.call(method, asked)
            if not answer.done:
                yield from first_of(self._scheduler, answer, self._limit(deadline_ns))
            if not answer.done:
                raise PluginGone("context deadline exceeded")
            response = answer.result()
        except NRIError as error:
            gone = isinstance(error, PluginGone)
            recorder.plugin_failed(seat.name, method, error.code, error.text, gone=gone)
            raise
        recorder.plugin_answered(seat.name, method, response)
        return response

    def _limit(self, deadline_ns: int | None) -> Future[None]:
        """Return what is done when a plugin has taken too long; time does not leap to it."""
        limit: Future[None] = Future(self._scheduler)
        limit.timer = self._scheduler.at(
            self.deadline_ns if deadline_ns is None else deadline_ns,
            lambda: limit.set_result(None),
            patient=True,
        )
        return limit

    @property
    def deadline_ns(self) -> int:
        """Until when a request that is made now may take."""
        return self._scheduler.now_ns + self.request_timeout_ns
