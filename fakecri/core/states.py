"""The legal moves of sandboxes and containers, as tables.

`World.move` looks each move up here, the docs draw their diagrams from here, and the tests walk
what stands here. Source: spec lifecycle 2.1, 2.3 and 18.1.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TypeAlias, TypeVar

from fakecri.api import runtime_pb2 as pb


class ContainerState(IntEnum):
    """The states that clients see, by their numbers, and the two ends that they do not see."""

    CREATED = 0
    RUNNING = 1
    EXITED = 2
    UNKNOWN = 3
    ABSENT = -1


class SandboxState(IntEnum):
    """Likewise; a sandbox whose state is unknown shows as not ready."""

    READY = 0
    NOTREADY = 1
    ABSENT = -1


class Told(Enum):
    """What plugins of NRI have been told of a sandbox or a container, had there been any."""

    BEGUN = "begun"
    STOPPED = "stopped"
    NOTHING = "nothing"
    """So far as the runtime remembers: it has been restarted since."""


class Trigger(Enum):
    """What makes a sandbox or a container move."""

    CREATE = "create"
    START = "start"
    START_FAILED = "start failed"
    EXIT = "exit"
    LOSE = "state lost"
    FIND_DEAD = "found dead"
    FIND_RUNNING = "found running"
    FIND_CREATED = "found created"
    LEAVE = "left behind"
    FORGET = "forgotten"
    REMOVE = "remove"
    SWEEP = "removed without a word"
    CLAIM = "claimed"


class ContainerEvent(IntEnum):
    """The kinds of CRI event, by their numbers in the contract."""

    CREATED = pb.CONTAINER_CREATED_EVENT
    STARTED = pb.CONTAINER_STARTED_EVENT
    STOPPED = pb.CONTAINER_STOPPED_EVENT
    DELETED = pb.CONTAINER_DELETED_EVENT


@dataclass(frozen=True, slots=True)
class Row:
    """Where a move leads, and the CRI event it publishes."""

    state: ContainerState | SandboxState
    event: ContainerEvent | None = None


S = TypeVar("S", ContainerState, SandboxState)
Moves: TypeAlias = Mapping[tuple[S, Trigger], Row]

_C, _S, _T, _E = ContainerState, SandboxState, Trigger, ContainerEvent

CONTAINER_MOVES: Mapping[tuple[ContainerState, Trigger], Row] = {
    (_C.ABSENT, _T.CREATE): Row(_C.CREATED, _E.CREATED),
    (_C.CREATED, _T.START): Row(_C.RUNNING, _E.STARTED),
    # A failed start tells nobody: the last event stays CREATED.
    (_C.CREATED, _T.START_FAILED): Row(_C.EXITED),
    (_C.RUNNING, _T.EXIT): Row(_C.EXITED, _E.STOPPED),
    (_C.CREATED, _T.LOSE): Row(_C.UNKNOWN),
    (_C.RUNNING, _T.LOSE): Row(_C.UNKNOWN),
    (_C.EXITED, _T.LOSE): Row(_C.UNKNOWN),
    (_C.UNKNOWN, _T.EXIT): Row(_C.EXITED, _E.STOPPED),
    (_C.UNKNOWN, _T.FIND_DEAD): Row(_C.EXITED, _E.STOPPED),
    # After a restart of the runtime; changes found there produce no event.
    (_C.RUNNING, _T.FIND_DEAD): Row(_C.EXITED),
    (_C.CREATED, _T.FIND_RUNNING): Row(_C.RUNNING),
    (_C.UNKNOWN, _T.FIND_RUNNING): Row(_C.RUNNING),
    (_C.UNKNOWN, _T.FIND_CREATED): Row(_C.CREATED),
    (_C.CREATED, _T.REMOVE): Row(_C.ABSENT, _E.DELETED),
    (_C.EXITED, _T.REMOVE): Row(_C.ABSENT, _E.DELETED),
    # Its metadata are lost.
    (_C.CREATED, _T.FORGET): Row(_C.ABSENT),
    (_C.RUNNING, _T.FORGET): Row(_C.ABSENT),
    (_C.EXITED, _T.FORGET): Row(_C.ABSENT),
    (_C.UNKNOWN, _T.FORGET): Row(_C.ABSENT),
}

SANDBOX_MOVES: Mapping[tuple[SandboxState, Trigger], Row] = {
    # It becomes visible when it is ready already; CREATED and STARTED follow one another.
    (_S.ABSENT, _T.CREATE): Row(_S.READY, _E.CREATED),
    (_S.READY, _T.START): Row(_S.READY, _E.STARTED),
    (_S.READY, _T.EXIT): Row(_S.NOTREADY, _E.STOPPED),
    (_S.READY, _T.LOSE): Row(_S.NOTREADY),
    (_S.READY, _T.FIND_DEAD): Row(_S.NOTREADY),
    (_S.NOTREADY, _T.FIND_RUNNING): Row(_S.READY),
    # A RunPodSandbox that failed and could not be undone, or was cut off by the end of the runtime.
    (_S.ABSENT, _T.LEAVE): Row(_S.NOTREADY),
    (_S.READY, _T.FORGET): Row(_S.ABSENT),
    (_S.NOTREADY, _T.FORGET): Row(_S.ABSENT),
    (_S.NOTREADY, _T.REMOVE): Row(_S.ABSENT, _E.DELETED),
}
