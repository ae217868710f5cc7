"""The words of a behaviour and what each takes, as frozen dataclasses.

The fields of a class are its arguments, in the order of the text; their kinds are in `VERBS`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self, TypeAlias, TypeVar

from fakecri.core.behaviours import kinds
from fakecri.core.behaviours.grammar import Grammar, Verb
from fakecri.core.behaviours.kinds import Amount, Kind
from fakecri.core.registry_hosts import KINDS


@dataclass(frozen=True, slots=True)
class Exit:
    """The container ends with a code: at once, after a time, or when its log is written."""

    code: int
    after_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Sleep:
    """The container ends with 0 after a time."""

    time_ns: int


@dataclass(frozen=True, slots=True)
class CrashLoop:
    """The container ends so each time it is started, or in its first attempts only."""

    time_ns: int
    code: int | None = None
    """None: 1."""
    attempts: int | None = None
    """As `ContainerMetadata.attempt` counts them, from 0; None: all."""


@dataclass(frozen=True, slots=True)
class Oom:
    """The kernel kills the container for want of memory after a time."""

    time_ns: int


@dataclass(frozen=True, slots=True)
class IgnoreTerm:
    """SIGTERM, and the container's own stop signal, do nothing."""


@dataclass(frozen=True, slots=True)
class Term:
    """After SIGTERM, or its own stop signal, the container needs a time to end."""

    time_ns: int
    code: int | None = None
    """None: 0."""


@dataclass(frozen=True, slots=True)
class Log:
    """The container writes so much, at a rate."""

    volume: Amount | None = None
    """None: without end, which takes a rate."""
    rate: Amount | None = None
    """None: as fast as a disk."""
    stream: str | None = None
    width: int | None = None
    """Bytes of a line without its end; None: 99."""

    def complaint(self) -> str:
        """Return what is wrong with it, if anything is."""
        needed = f"takes {kinds.SIZE.name} or {kinds.RATE.name}"
        return "" if self.volume or self.rate else needed


@dataclass(frozen=True, slots=True)
class Http:
    """The container serves HTTP: 200 to everything, and 503 while it is unready."""

    port: int


@dataclass(frozen=True, slots=True)
class Unready:
    """Probes fail from one time on, counted from the start, until another, or for ever."""

    from_ns: int
    until_ns: int | None = None

    def complaint(self) -> str:
        """Return what is wrong with it, if anything is."""
        backwards = self.until_ns is not None and self.until_ns <= self.from_ns
        return "ends before it begins" if backwards else ""

    def covers(self, age_ns: int) -> bool:
        """Whether probes fail at this time since the start."""
        return self.from_ns <= age_ns and (self.until_ns is None or age_ns < self.until_ns)


@dataclass(frozen=True, slots=True)
class StartError:
    """The container cannot be started; the text is what runc says."""

    text: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What it writes to its termination log when it ends by itself."""

    text: str


@dataclass(frozen=True, slots=True)
class PullSlow:
    """A pull takes a time."""

    time_ns: int


@dataclass(frozen=True, slots=True)
class PullRate:
    """A pull gets so many bytes a second."""

    rate: Amount

    def complaint(self) -> str:
        """Return what is wrong with it, if anything is."""
        return "takes bytes per second: an image has no lines" if self.rate.lines else ""


@dataclass(frozen=True, slots=True)
class PullHang:
    """A pull never ends."""


@dataclass(frozen=True, slots=True)
class PullFail:
    """A pull fails: a status of HTTP, or another mishap."""

    kind: str


Step: TypeAlias = (
    Exit
    | Sleep
    | CrashLoop
    | Oom
    | IgnoreTerm
    | Term
    | Log
    | Http
    | Unready
    | StartError
    | Message
    | PullSlow
    | PullRate
    | PullHang
    | PullFail
)


PULLS = (PullSlow, PullRate, PullHang, PullFail)

_PULL_FAILURES = tuple(kind for kind in KINDS if kind != "hang")


def _parse_failure(text: str) -> str | None:
    return text if text in _PULL_FAILURES else None


_FAILURE = Kind(f"slow, rate, hang or one of {', '.join(_PULL_FAILURES)}", _parse_failure, str)

VERBS: Mapping[str, Verb] = {
    "exit": Verb(Exit, (kinds.CODE, kinds.TIME), 1, "end"),
    "sleep": Verb(Sleep, (kinds.TIME,), 1, "end"),
    "crashloop": Verb(CrashLoop, (kinds.TIME, kinds.CODE, kinds.TIMES), 1, "end"),
    "oom": Verb(Oom, (kinds.TIME,), 1, "OOM kill"),
    "ignore-term": Verb(IgnoreTerm, group="answer to SIGTERM"),
    "term": Verb(Term, (kinds.TIME, kinds.CODE), 1, "answer to SIGTERM"),
    "log": Verb(Log, (kinds.SIZE, kinds.RATE, kinds.STREAM, kinds.WIDTH)),
    "http": Verb(Http, (kinds.PORT,), 1),
    "unready": Verb(Unready, (kinds.TIME, kinds.TIME), 1),
    "start-error": Verb(StartError, (kinds.TEXT,), 0, "start error"),
    "message": Verb(Message, (kinds.TEXT,), 1, "termination message"),
    "pull/slow": Verb(PullSlow, (kinds.TIME,), 1, "pull"),
    "pull/rate": Verb(PullRate, (kinds.RATE,), 1, "pull"),
    "pull/hang": Verb(PullHang, group="pull"),
    "pull": Verb(PullFail, (_FAILURE,), 1, "pull"),
}
"""All words, by how they are written."""

_GRAMMAR = Grammar("behaviour", VERBS)

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a container does, as steps. `str()` is its text, which `parse` reads."""

    steps: tuple[Step, ...] = ()

    @classmethod
    def parse(cls, text: str, column: int = 1) -> Self:
        """Read a text that stands at a column of a longer one. Raises BehaviourError."""
        return cls(_steps(text, column))

    def __str__(self) -> str:
        return _GRAMMAR.render(self.steps)

    def of(self, kind: type[S]) -> Iterator[S]:
        """Return the steps of a kind."""
        return (each for each in self.steps if isinstance(each, kind))

    @property
    def pull(self) -> PullSlow | PullRate | PullHang | PullFail | None:
        """What happens to a pull of the image."""
        return next((each for each in self.steps if isinstance(each, PULLS)), None)

    def find(self, kind: type[S]) -> S | None:
        """Return the first step of a kind."""
        return next(self.of(kind), None)


@lru_cache(maxsize=1024)
def _steps(text: str, column: int) -> tuple[Any, ...]:
    return _GRAMMAR.parse(text, column)
