"""What came of a run: as data, as JSON and as lines of text. `pages` makes a page of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from fakecri.core.scheduler import SECOND_NS
from fakecri.scenarios.files import CANNOT_RUN, Live, Scenario, minor_of
from fakecri.scenarios.playing import SKIPPED, Played, Player

AS_EXPECTED, OTHERWISE, UNABLE = 0, 1, 3
"""Exit statuses; 2 is for mistakes."""


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step, and what came of it. Times are seconds since the runtime began."""

    line: int
    text: str
    verb: str
    result: str
    at_s: float
    took_s: float
    after_s: float
    """From the last step that did something to its end."""
    told: str
    injects: bool


@dataclass(frozen=True, slots=True)
class RuleReport:
    """A rule that was armed, and on how many calls it acted."""

    text: str
    fired: int
    why_unfired: str = ""


@dataclass(frozen=True, slots=True)
class EventReport:
    """Kubernetes events that say the same, and how often the kubelet told one."""

    at_s: float
    last_s: float
    count: int
    pod: str
    container: str
    type: str
    reason: str
    message: str


@dataclass(slots=True)
class Report:
    """What came of a run."""

    scenario: str
    number: int
    about: str
    expect: str
    symptom: str
    note: str
    kubelet: str
    """Its version, such as v1.36.3."""
    expected: str
    """The outcome that the scenario's file has for such a kubelet."""
    outcome: str
    why: str = ""
    """Why it is that one, where it is none of those that were to be thought of."""
    recovered_s: float | None = None
    did_not_recover: bool = False
    took_s: float = 0.0
    seed: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    gates: Mapping[str, bool] = field(default_factory=dict)
    cri: Mapping[str, Any] = field(default_factory=dict)
    threads: Sequence[str] = ()
    steps: Sequence[StepReport] = ()
    rules: Sequence[RuleReport] = ()
    kubelet_events: Sequence[EventReport] = ()
    calls: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """By RPC: how many, and how many of them failed."""
    recording: str = ""

    @property
    def as_expected(self) -> bool:
        """Whether all came as the scenario's file says."""
        return self.outcome == self.expected and not self.did_not_recover

    @property
    def exit_status(self) -> int:
        """What a command ends with: see docs/scenario_files.md."""
        if self.outcome == CANNOT_RUN:
            return UNABLE
        return AS_EXPECTED if self.as_expected else OTHERWISE

    def as_json(self) -> str:
        """Return all of it, as one object."""
        return json.dumps({**asdict(self), "as_expected": self.as_expected}, indent=2) + "\n"

    def lines(self) -> Iterator[str]:
        """Return the most of it, for people."""
        yield f"{self.scenario} on kubelet {self.kubelet}: {self.outcome}"
        if self.why:
            yield f"  {self.why}"
        if self.outcome != self.expected:
            yield f"  its file says: {self.expected}"
        if self.recovered_s is not None:
            yield f"  recovered after {self.recovered_s:.1f} s"
        if self.did_not_recover:
            yield "  it did not recover"
        yield from (f"  {rule.why_unfired}" for rule in self.rules if rule.why_unfired)
        yield f"  took {self.took_s:.1f} s"


def begun(scenario: Scenario, live: Live, version: str, seed: int) -> Report:
    """Return the report of a run of which nothing has come yet."""
    return Report(
        scenario=scenario.id,
        number=scenario.number,
        about=scenario.about.strip(),
        expect=live.expect.strip(),
        symptom=live.symptom.strip(),
        note=live.note.strip(),
        kubelet=version,
        expected=live.expected(minor_of(version)),
        outcome=CANNOT_RUN,
        why=live.cannot_run,
        seed=seed,
        settings=live.settings,
        gates=live.gates,
        cri=live.cri,
        threads=tuple(scenario.threads),
    )


def note_played(report: Report, player: Player) -> None:
    """Write down what came of the steps."""
    report.outcome = player.outcome
    if player.stuck is not None:
        step = player.stuck.step
        report.why = f"line {step.line}, {step.text}: {player.stuck.told}"
    recovered_ns = player.recovered_ns
    report.recovered_s = None if recovered_ns is None else _seconds(recovered_ns)
    report.did_not_recover = player.has_lasting_harm
    report.steps = [_step(each) for each in player.played]
    report.took_s = max((each.at_s + each.took_s for each in report.steps), default=0.0)


def _step(played: Played) -> StepReport:
    step, is_played = played.step, played.result != SKIPPED
    return StepReport(
        line=step.line,
        text=step.text,
        verb=step.verb,
        result=played.result,
        at_s=_seconds(played.began_ns),
        took_s=_seconds(played.ended_ns - played.began_ns),
        after_s=_seconds(played.after_ns) if is_played else 0.0,
        told=played.told,
        injects=step.injects,
    )


def _seconds(ns: int) -> float:
    return round(ns / SECOND_NS, 3)
