"""Sequences played on two runtimes one after another, and what was found."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from fakecri.errors import UsageError
from fakecri.replay.ignoring import Ignore
from fakecri.verify.accounts import Fields
from fakecri.verify.comparing import Difference, compare
from fakecri.verify.sequences import Sequence
from fakecri.verify.sides import now_s

Keep: TypeAlias = Callable[[Sequence, Fields], None]

SHRINKING_S = 120.0
"""How long a smaller sequence is looked for."""


class Source(Protocol):
    """What tells how a sequence goes: a player, or a transcript."""

    def play(self, sequence: Sequence) -> Fields:
        """Return an account."""


@dataclass(frozen=True)
class Finding:
    """A sequence that went differently."""

    sequence: Sequence
    differences: list[Difference]


@dataclass
class Verdict:
    """What came of it all."""

    written: int = 0
    generated: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def alike(self) -> bool:
        """Whether there is no difference."""
        return not self.findings


class Campaign:
    """Plays sequences on both sides."""

    def __init__(
        self,
        reference: Source,
        subject: Source,
        known: Ignore,
    ) -> None:
        """Have two sides, and the differences that are known."""
        self._reference = reference
        self._subject = subject
        self._known = known
        self.verdict = Verdict()

    def play(self, sequences: Iterable[Sequence], keep: Keep = lambda *_: None) -> None:
        """Play written sequences. `keep` is told each account of the reference's."""
        for each in sequences:
            differences = self.differences(each, keep)
            self.verdict.written += 1
            if differences:
                self.verdict.findings.append(Finding(each, differences))

    def search(self, *, seed: int, examples: int) -> None:
        """Play generated sequences until one goes differently, and look for a smaller one.

        UsageError without what generates them.
        """
        if not examples:
            return
        try:
            from fakecri.verify.generating import search  # noqa: PLC0415  # an optional library
        except ImportError as error:
            raise UsageError(
                "sequences are generated with what is missing here: pip install 'fakecri[verify]',"
                " or --examples 0"
            ) from error
        found: dict[str, list[Difference]] = {}
        since_s: list[float] = []

        def differences(sequence: Sequence) -> list[Difference]:
            made = found[sequence.text] = self.differences(sequence)
            return made

        def is_late() -> bool:
            since_s[:] = since_s or [now_s()]
            return now_s() > since_s[0] + SHRINKING_S

        played, smallest = search(differences, start=seed, examples=examples, is_late=is_late)
        self.verdict.generated += played
        if smallest is not None:
            self.verdict.findings.append(Finding(smallest, found[smallest.text]))

    def differences(self, sequence: Sequence, keep: Keep = lambda *_: None) -> list[Difference]:
        """Play a sequence on both; return what differs."""
        ours = self._reference.play(sequence)
        keep(sequence, ours)
        return compare(sequence, ours, self._subject.play(sequence), self._known)
