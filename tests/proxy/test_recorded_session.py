"""What a real containerd answered to a session is what fakecri answers, less what is explained."""

import io
from pathlib import Path

from fakecri import CRI
from fakecri.core.recording import Recording
from fakecri.replay.comparing import Choices, Comparison, compare
from fakecri.replay.driving import drive
from fakecri.replay.files import read_recording
from fakecri.replay.ignoring import Ignore, parse_ignored
from fakecri.replay.reports import text_report

RECORDINGS = Path(__file__).parents[2] / "fixtures" / "recordings"
REAL = RECORDINGS / "containerd-1.6.20.jsonl"
REASONS = RECORDINGS / "containerd-1.6.20.ignore"


def driven() -> Recording:
    """Return the recording of the same calls, made anew of fakecri."""
    record = io.StringIO()
    with CRI(record=record) as cri:
        driven = drive(read_recording(REAL), cri.host)
    assert driven.notes == []
    return Recording.parse(record.getvalue().splitlines(keepends=True))


def compared(*, with_reasons: bool) -> tuple[Comparison, Ignore]:
    """Compare the two; return also what was ignored."""
    reasons = parse_ignored(REASONS.read_text().splitlines(), REASONS.name)
    ignore = Ignore(reasons if with_reasons else ())
    return compare(read_recording(REAL), driven(), Choices(), ignore), ignore


def test_every_difference_to_a_real_containerd_is_explained() -> None:
    made, ignore = compared(with_reasons=True)
    assert made.alike, "\n".join(text_report(made, REAL.name, "fakecri", []))
    assert [each.path for each in ignore.unused] == []


def test_there_are_differences_to_explain() -> None:
    made, _ = compared(with_reasons=False)
    assert not made.alike


def test_the_recording_is_of_the_runtime_that_it_is_named_after() -> None:
    answers = [call.response for call in read_recording(REAL).calls if call.rpc == "Version"]
    assert [each.runtime_version for each in answers] == ["1.6.20~ds1"]
