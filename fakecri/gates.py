"""Gates of a test: they hold calls until it lets them go on.

with cri.gate("PullImage{image=*big*}") as gate:
    ...
    gate.wait_arrived(2)
    gate.release()
"""

from collections.abc import Callable, Iterable, Iterator

from fakecri.contexts import UntilLeft
from fakecri.core.faults import gates
from fakecri.core.faults.targets import WORDS, expanded
from fakecri.core.recorder import CallRecord
from fakecri.errors import Stuck, UsageError
from fakecri.host import BLINK_S, PATIENCE_S, Host
from fakecri.rpcs import RPCS
from fakecri.scopes import Scope

REAL_PATIENCE_S = 60.0
"""How long somebody waits for a client where time is real; PATIENCE_S elsewhere."""


class Gate(UntilLeft):
    """A gate, by its name. As a context manager it closes at the end."""

    def __init__(self, host: Host, name: str, scope: Scope | None = None) -> None:
        """`scope`: the rule that leads calls here, if it is this gate's own."""
        self.name = name
        self._host = host
        self._scope = scope

    @property
    def _gate(self) -> gates.Gate:
        return self._host.world.gates[self.name]

    @property
    def arrived(self) -> int:
        """How many calls have come so far."""
        with self._host.turn():
            return self._gate.arrived

    @property
    def waiting(self) -> int:
        """How many calls it holds."""
        with self._host.turn():
            return self._gate.waiting

    @property
    def most(self) -> int:
        """How many it ever held at the same time."""
        with self._host.turn():
            return self._gate.most

    def wait_arrived(self, number: int = 1) -> None:
        """Wait until so many calls have come, all in all. Stuck where that cannot be any more."""
        what = f"only {{}} of {number} calls have come to the gate {self.name}"
        self._wait_until(
            lambda: self._gate.arrived >= number, lambda: what.format(self._gate.arrived)
        )

    def _wait_until(self, happened: Callable[[], bool], complaint: Callable[[], str]) -> None:
        host = self._host
        patience_s = REAL_PATIENCE_S if host.pace.real else PATIENCE_S
        while not happened():
            # Time leaps where nobody else is on the way, and that takes a blink to know.
            if host.pause(happened, BLINK_S) or (host.all_others_parked() and host.leap()):
                continue
            if not (host.pause(happened, patience_s) or self._may_time_pass()):
                raise Stuck(complaint())

    def _may_time_pass(self) -> bool:
        """Whether something is due that real time, or somebody else, leads to."""
        leaps = self._host.pace.jumps and not self._host.holds
        with self._host.turn() as world:
            return world.scheduler.next_ns() is not None and not leaps

    def release(self, number: int | None = None) -> int:
        """Let calls go on in the order in which they came; return how many those are.

        `number`: so many at most. None: all that it holds.
        """
        if number is not None and number < 0:
            raise UsageError(f"a gate releases 0 calls or more, not {number}")
        with self._host.turn():
            return self._gate.release(number)

    def close(self) -> None:
        """Let go of what it holds, and of all that comes; harmless when done."""
        if self._scope is not None:
            self._scope.disarm()
        with self._host.turn():
            self._gate.open()

    def _left(self, _error: BaseException | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<gate {self.name}: {self.waiting} of {self.arrived} calls wait>"


class Gates:
    """The gates that rules name: `cri.gates["ready"]` for `PullImage = gate(ready)`."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def __getitem__(self, name: str) -> Gate:
        with self._host.turn() as world:
            world.gates[name]
        return Gate(self._host, name)

    def __iter__(self) -> Iterator[str]:
        """The names of those that calls came to, or that were asked for."""
        with self._host.turn() as world:
            return iter(world.gates.names())


def unused_name(host: Host) -> str:
    """Return a name that no gate has, and take it."""
    with host.turn() as world:
        name = world.gates.unused_name()
        world.gates[name]
        return name


def most_concurrent(calls: Iterable[CallRecord], target: str) -> int:
    """Return how many calls of an RPC, or of the RPCs of a word, were ever in flight together.

    Two of them meet where one begins before the other has ended, in the order of the recording.
    UsageError where there is no such RPC.
    """
    if target not in RPCS and target not in WORDS:
        raise UsageError(f"{target!r} is neither an RPC nor one of {', '.join(WORDS)}")
    rpcs = expanded((target,))
    changes: list[tuple[int, int]] = []
    for call in calls:
        if call.rpc in rpcs:
            changes.append((call.n, 1))
            if call.ended_n is not None:
                changes.append((call.ended_n, -1))
    most = flying = 0
    for _, change in sorted(changes):
        flying += change
        most = max(most, flying)
    return most
