"""Tasks that belong to a process: one for each connection, and all end with it."""

import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fakecri.core.net.connections import Connection
from fakecri.core.net.sockets import Listener
from fakecri.core.scheduler import Task, Waits

if TYPE_CHECKING:
    from fakecri.core.processes import Process


class Crew:
    """What a process does at the same time."""

    def __init__(self, process: "Process") -> None:
        self._process = process
        self._tasks: dict[Task[Any], None] = {}
        process.exited.then(self._drop)

    def run(self, work: Waits[Any]) -> Task[Any]:
        """Let a generator run beside the others. What it raises goes to stderr."""
        task: Task[Any] = Task(self._process.scheduler, work)
        self._tasks[task] = None
        task.then(lambda: self._ended(task))
        self._process.scheduler.soon(task.step)
        return task

    def serve(self, listener: Listener, handle: Callable[[Connection], Waits[Any]]) -> Waits[None]:
        """Accept connections for ever; `handle` gets each in a task of its own."""
        while not listener.closed:
            connection = yield from listener.accept()
            self.run(_handled(connection, handle))

    def _ended(self, task: Task[Any]) -> None:
        self._tasks.pop(task, None)
        if task.error is not None and not isinstance(task.error, OSError):
            text = traceback.format_exception_only(task.error)
            self._process.error("".join(text).encode())

    def _drop(self) -> None:
        for task in tuple(self._tasks):
            task.drop()


def _handled(connection: Connection, handle: Callable[[Connection], Waits[Any]]) -> Waits[None]:
    try:
        yield from handle(connection)
    finally:
        connection.close()
