"""Waiting for something in the network, but not for ever."""

import re
from typing import TypeVar

from fakecri.core.options import UsageError
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS, Task, Waits, first_of

T = TypeVar("T")


def within(process: Process, seconds: float | None, work: Waits[T]) -> Waits[T]:
    """Return what a generator returns. TimeoutError where it takes longer; None: any time."""
    if seconds is None:
        return (yield from work)
    task: Task[T] = Task(process.scheduler, work)
    task.step()
    limit = process.scheduler.sleep(round(seconds * SECOND_NS))
    try:
        yield from first_of(process.scheduler, task, limit)
    finally:
        if not task.done:
            task.drop()
    if not task.done:
        raise TimeoutError
    return task.result()


def parse_seconds(text: str) -> float | None:
    """Return the seconds that an option gives; None for no text. UsageError where it is none."""
    if text and not re.fullmatch(r"[0-9]{1,9}(\.[0-9]*)?", text, re.ASCII):
        raise UsageError(f"invalid number '{text}'\n")
    return float(text) if text else None
