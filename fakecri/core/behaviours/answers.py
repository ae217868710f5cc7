"""What an exec is answered with, where a test has chosen it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Self, TypeAlias

from fakecri.core.behaviours import kinds
from fakecri.core.behaviours.grammar import BehaviourError, Grammar, Verb
from fakecri.core.behaviours.steps import Exit, Unready
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import SECOND_NS, Waits

UNREADY = b"not ready\n"
"""What a probe says, on stderr, that is chosen to fail."""


@dataclass(frozen=True, slots=True)
class _Stdout:
    output: bytes


@dataclass(frozen=True, slots=True)
class _Stderr:
    output: bytes


@dataclass(frozen=True, slots=True)
class _Missing:
    pass


_GRAMMAR = Grammar(
    "answer",
    {
        "exit": Verb(Exit, (kinds.CODE, kinds.TIME), 1, "end"),
        "missing": Verb(_Missing, group="end"),
        "stdout": Verb(_Stdout, (kinds.BYTES,), 1, "stdout"),
        "stderr": Verb(_Stderr, (kinds.BYTES,), 1, "stderr"),
        "unready": Verb(Unready, (kinds.TIME, kinds.TIME), 1),
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What an exec writes, how it ends, and after how many seconds.

    `missing`: there is no such executable. `unready` are times since the container's start, in
    seconds, between which it fails with 1 instead: `(10, 20)`; `(10, None)` has no end.
    """

    stdout: bytes | str = b""
    stderr: bytes | str = b""
    exit_code: int = 0
    delay: float = 0
    missing: bool = False
    unready: Sequence[tuple[float, float | None]] = ()

    @classmethod
    def parse(cls, text: str, column: int = 1) -> Self:
        """Read a text such as `stdout/hello%0A/exit/3/2s`. Raises BehaviourError."""
        chosen: dict[str, Any] = {"unready": ()}
        for step in _GRAMMAR.parse(text, column):
            if isinstance(step, Exit):
                chosen.update(exit_code=step.code, delay=(step.after_ns or 0) / SECOND_NS)
            elif isinstance(step, Unready):
                until_s = None if step.until_ns is None else step.until_ns / SECOND_NS
                chosen["unready"] += ((step.from_ns / SECOND_NS, until_s),)
            elif isinstance(step, _Missing):
                chosen["missing"] = True
            else:
                chosen["stdout" if isinstance(step, _Stdout) else "stderr"] = step.output
        return cls(**chosen)

    def __str__(self) -> str:
        steps: list[Any] = []
        steps += [_Stdout(_encoded(self.stdout))] if self.stdout else []
        steps += [_Stderr(_encoded(self.stderr))] if self.stderr else []
        steps += self.windows
        if self.missing:
            steps.append(_Missing())
        elif self.exit_code or self.delay or not steps:
            steps.append(Exit(self.exit_code, _ns(self.delay) or None))
        return _GRAMMAR.render(steps)

    @property
    def windows(self) -> tuple[Unready, ...]:
        """When it fails, as steps."""
        return tuple(
            Unready(_ns(from_s), None if until_s is None else _ns(until_s))
            for from_s, until_s in self.unready
        )


Answering: TypeAlias = Callable[[tuple[str, ...]], Answer | None]
"""From an argv to its answer; None: as if there were no such rule."""


@dataclass(frozen=True, slots=True)
class ExecRule:
    """Which execs it is about, and what they get."""

    pattern: str | tuple[str, ...]
    """A glob for the words of the argv with a space between them, or just these words."""
    answer: Answer | Answering

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `GLOB : ANSWER`. Raises BehaviourError."""
        pattern, colon, answer = text.rpartition(" : ")
        if not (colon and pattern.strip()):
            raise BehaviourError(1, "here should be a glob, a colon between spaces and an answer")
        column = len(pattern) + len(colon) + 1 + len(answer) - len(answer.lstrip())
        return cls(pattern.strip(), Answer.parse(answer.strip(), column))

    def find(self, argv: tuple[str, ...]) -> Answer | None:
        """Return the answer to an argv."""
        if isinstance(self.pattern, str):
            matches = fnmatchcase(" ".join(argv), self.pattern)
        else:
            matches = argv == self.pattern
        if not matches:
            return None
        return self.answer if isinstance(self.answer, Answer) else self.answer(argv)


def answering(answer: Answer) -> Program:
    """Return the program that gives an answer."""

    def program(process: Process) -> Waits[int]:
        yield from process.sleep(answer.delay)
        process.write(_encoded(answer.stdout))
        process.error(_encoded(answer.stderr))
        return answer.exit_code

    return program


def unready(process: Process) -> int:
    """A probe that fails."""
    process.error(UNREADY)
    return 1


def ready(_process: Process) -> int:
    """A probe that succeeds."""
    return 0


def _encoded(output: bytes | str) -> bytes:
    return output.encode() if isinstance(output, str) else output


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
