"""While the runtime does not serve: it is away, or back and not ready."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fakecri.core.records import Container
from fakecri.errors import Code, CRIError


@dataclass(frozen=True, slots=True)
class Outage:
    """Why the runtime does not serve."""

    socket: str
    reasons: Mapping[Container, str]
    """Why containers have ended, as was stored before: why they do meanwhile is seen by nobody."""
    is_down: bool
    """Nobody listens; else it answers that it is not initialized yet (spec: lifecycle 1.1)."""

    def refusal(self) -> CRIError:
        """Return what a client of grpc-go says when nobody listens."""
        return CRIError(
            'connection error: desc = "transport: Error while dialing: dial unix '
            f'{self.socket}: connect: connection refused"',
            Code.UNAVAILABLE,
        )


def cut_off() -> CRIError:
    """Return what a client of grpc-go says when the runtime dies under its call."""
    return CRIError("error reading from server: EOF", Code.UNAVAILABLE)


class Power:
    """Tells who serves the runtime that it has gone down, and that it is back."""

    def __init__(self) -> None:
        self._watchers: list[Callable[[bool], None]] = []

    def watch(self, callback: Callable[[bool], None]) -> Callable[[], None]:
        """Call back with whether it is up, under the host's lock; return what ends that."""
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback) if callback in self._watchers else None

    def tell(self, *, is_up: bool) -> None:
        """Tell all."""
        for callback in tuple(self._watchers):
            callback(is_up)
