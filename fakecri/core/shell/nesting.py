"""Calls without the host's stack: functions of a script may call each other deeply."""

from typing import TYPE_CHECKING, Any, TypeVar

from fakecri.core.scheduler import Future, Scheduler, Waits

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")


class Nested(Future[T]):
    """A generator that `drive` runs; who yields it waits for its result."""

    __slots__ = ("generator",)

    def __init__(self, scheduler: Scheduler, generator: Waits[T]) -> None:
        super().__init__(scheduler)
        self.generator = generator


def drive(generator: Waits[T]) -> Waits[T]:
    """Run a generator, and those that it yields as `Nested`, on a stack of their own."""
    stack: list[Generator[Future[Any], None, Any]] = [generator]
    owners: list[Nested[Any]] = []
    error: BaseException | None = None
    try:
        while True:
            try:
                top = stack[-1]
                waited = top.send(None) if error is None else top.throw(error)
                error = None
            except StopIteration as stop:
                stack.pop()
                if not stack:
                    return stop.value  # type: ignore[no-any-return]  # the T of `generator`
                owners.pop().set_result(stop.value)
                error = None
            except Exception as raised:  # it is raised where the call was made
                stack.pop()
                if not stack:
                    raise
                owners.pop()
                error = raised
            else:
                if isinstance(waited, Nested):
                    stack.append(waited.generator)
                    owners.append(waited)
                    continue
                try:
                    yield waited
                except Exception as thrown:  # noqa: BLE001  # for who waits
                    error = thrown
    finally:
        while stack:
            stack.pop().close()
