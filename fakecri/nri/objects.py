"""Plugins of NRI that are objects of the test: `cri.nri.connect(plugin, name="tuner")`."""

import re
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from fakecri.api import nri_pb2 as nri
from fakecri.clock import UntilStopped
from fakecri.core.nri.plugins import EVENTS, NRIError, index_fault, name_fault
from fakecri.core.scheduler import Future, Scheduler, Task, Waits
from fakecri.errors import Code, CRIError, Refused, UsageError
from fakecri.host import Host
from fakecri.nri.hooks import Hooks


def _method_name(hook: str) -> str:
    return re.sub(r"(?<=.)(?=[A-Z])", "_", hook).lower()


_METHODS: Mapping[str, str] = {
    _method_name(hook): hook for hook in ("Configure", "Synchronize", *EVENTS)
}


class ObjectPlugin:
    """A plugin whose hooks are the methods of an object."""

    def __init__(self, scheduler: Scheduler, hooks: Hooks, index: str, name: str) -> None:
        """UsageError where it has no hook, or one that there is not, or cannot be called so."""
        self.index = index
        self.name = name
        self._scheduler = scheduler
        self._hooks: dict[str, Callable[..., Any]] = {
            hook: getattr(hooks, method)
            for method, hook in _METHODS.items()
            if hasattr(hooks, method)
        }
        self._running: Task[Any] | None = None
        fault = name_fault(name) or index_fault(index)
        if fault:
            raise UsageError(fault)
        if not self._hooks:
            raise UsageError(f"a plugin has at least one of the methods {', '.join(_METHODS)}")

    def call(self, method: str, request: Message) -> Future[Any]:
        """Call the hook; it has been, when this returns, unless it waits."""
        task: Task[Any] = Task(self._scheduler, self._answer(method, request))
        self._running = task
        task.step()
        return task

    def close(self) -> None:
        """Give up the hook that waits, if one does."""
        if self._running is not None:
            self._running.drop()

    def _answer(self, method: str, request: Any) -> Waits[Message]:
        hook = self._hooks.get(_hook_of(method, request))
        try:
            found = hook(*_arguments(method, request)) if hook else None
            if isinstance(found, Generator):
                found = yield from found
            return self._response(method, found)
        except CRIError as error:
            raise NRIError(error.code, error.message) from error
        except NRIError:
            raise
        except Exception as error:
            raise NRIError(Code.UNKNOWN, str(error) or type(error).__name__) from error

    def _response(self, method: str, found: Any) -> Message:
        if method == "Configure":
            events = sum(1 << EVENTS[each] - 1 for each in self._hooks if each in EVENTS)
            return nri.ConfigureResponse(events=events)
        if method == "CreateContainer":
            adjust, updates = found if isinstance(found, tuple) else (found, None)
            return nri.CreateContainerResponse(adjust=adjust, update=updates)
        if method == "StateChange":
            return nri.Empty()
        if method == "ValidateContainerAdjustment":
            return nri.ValidateContainerAdjustmentResponse(reject=bool(found), reason=found)
        response: Message = getattr(nri, f"{method}Response")()
        if found is not None:
            response.MergeFrom(type(response)(update=found))
        return response


def _arguments(method: str, request: Any) -> Iterable[Any]:
    if method in {"Configure", "ValidateContainerAdjustment"}:
        return (request,)
    if method == "Synchronize":
        return list(request.pods), list(request.containers)
    if method == "StateChange":
        about_pod = _hook_of(method, request).endswith("PodSandbox")
        return (request.pod,) if about_pod else (request.pod, request.container)
    return (getattr(request, field.name) for field in request.DESCRIPTOR.fields)


def _hook_of(method: str, request: Any) -> str:
    """Return the hook that a call is for: older runtimes have one method for most of them."""
    return _HOOKS[request.event] if method == "StateChange" else method


_HOOKS = {number: hook for hook, number in EVENTS.items()}


class Connection(UntilStopped):
    """A plugin that is connected; as a context, until that is left."""

    def __init__(self, host: Host, plugin: ObjectPlugin) -> None:
        super().__init__(self._disconnect)
        self._host = host
        self._plugin = plugin

    @property
    def connected(self) -> bool:
        """Whether the runtime still calls it."""
        with self._host.turn() as world:
            return any(seat.plugin is self._plugin for seat in world.nri.seats)

    def update(self, updates: Iterable[nri.ContainerUpdate]) -> None:
        """Change resources of containers, unasked, as a plugin does at any time.

        What is not there is left out. Refused where some of it cannot be; the rest is done then.
        """
        request = nri.UpdateContainersRequest(update=updates)
        with self._host.turn() as world:
            future = world.nri.update_containers(self._plugin, request)
            future.then(self._host.notify)
        self._host.wait_until(lambda: future.done, _Waiting("nri.update"))
        if future.error is not None:
            raise Refused(str(future.error)) from future.error

    def _disconnect(self) -> None:
        with self._host.turn() as world:
            world.nri.disconnect(self._plugin)


@dataclass(frozen=True)
class _Waiting:
    """Who waits for a plugin to be connected, or for what it wants."""

    name: str
    lasts: bool = False


class Plugins:
    """The plugins of a runtime."""

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def names(self) -> list[str]:
        """Those that are connected, as `00-name`, in the order of their calling."""
        with self._host.turn() as world:
            return [seat.name for seat in world.nri.seats]

    def connect(self, plugin: Hooks, *, name: str = "test", index: str = "00") -> Connection:
        """Have a plugin called, after it is told of what there is: see fakecri.nri.hooks.

        `index`: two digits, the order of calling. Returns what disconnects it. UsageError for a
        name or an index that cannot be, Refused where it does not get through the beginning.
        """
        with self._host.turn() as world:
            connecting = ObjectPlugin(world.scheduler, plugin, index, name)
            future = world.nri.connect(connecting)
            future.then(self._host.notify)
        self._host.wait_until(lambda: future.done, _Waiting("nri.connect"))
        if future.error is not None:
            raise Refused(f"plugin {index}-{name}: {future.error}") from future.error
        return Connection(self._host, connecting)
