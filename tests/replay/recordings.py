"""Runs that are recorded, and lines of recordings that are changed."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from fakecri import CRI
from fakecri.core.recording import Recording
from tests.support import Node


@contextmanager
def recorded(**options: Any) -> Iterator[tuple[Node, Callable[[], Recording]]]:
    """Open a node on the object face, and what returns its recording so far."""
    record = io.StringIO()
    with CRI(record=record, **options) as cri:
        node = Node(cri, cri.runtime, cri.images, "object")
        yield node, lambda: parse(record.getvalue())


def recording_of(script: Callable[[Node], object], **options: Any) -> Recording:
    """Return the recording of a script."""
    with recorded(**options) as (node, so_far):
        script(node)
        return so_far()


def parse(text: str) -> Recording:
    """Return a recording from its text."""
    return Recording.parse(text.splitlines())


def changed(recording: Recording, change: Callable[[dict[str, Any]], object]) -> Recording:
    """Return a recording whose lines were given to `change`; it may change them in place."""
    lines = [json.loads(line) for line in recording.lines]
    for line in lines:
        change(line)
    return Recording.parse(json.dumps(line) for line in lines)


def without(recording: Recording, call: int) -> Recording:
    """Return a recording in which a call does not occur."""
    return Recording.parse(line for line in recording.lines if json.loads(line).get("call") != call)
