"""The lock that containerd has on the status of each container: an update of resources holds it.

Meanwhile whoever wants to know the status waits, lists of all containers too (spec: lifecycle 23).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fakecri.core.records import Container
from fakecri.core.scheduler import Future, Scheduler, Waits

_LISTS = frozenset({"ListContainers", "StreamContainers"})


class StatusLocks:
    """The locks that are held. Nothing is kept of the others."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._held: dict[Container, Future[None]] = {}

    def __bool__(self) -> bool:
        return bool(self._held)

    @contextmanager
    def hold(self, container: Container) -> Iterator[None]:
        """Hold the lock of a container; who comes second does not wait here, see `free`."""
        if container in self._held:
            yield
            return
        released = self._held[container] = Future[None](self._scheduler)
        try:
            yield
        finally:
            del self._held[container]
            released.set_result(None)

    def free(self, rpc: str, request: Any) -> Waits[None]:
        """Wait until nobody holds a lock that a call needs."""
        while (released := self._needed(rpc, request)) is not None:
            yield from released

    def find(self, container: Container) -> Future[None] | None:
        """Return what is done when the lock of a container is free; None: it is."""
        return self._held.get(container)

    def _needed(self, rpc: str, request: Any) -> Future[None] | None:
        id_ = getattr(request, "container_id", "")
        pod_id = getattr(request, "pod_sandbox_id", "") if rpc.endswith("PodSandbox") else ""
        for container, released in self._held.items():
            named = id_ and container.id.startswith(id_)
            in_pod = pod_id and container.parent.id.startswith(pod_id)
            if named or in_pod or rpc in _LISTS:
                return released
        return None
