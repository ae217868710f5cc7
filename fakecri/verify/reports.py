"""What was found, for people and for programs."""

import json
from collections.abc import Iterator
from collections.abc import Sequence as Many
from itertools import groupby
from typing import Any

from fakecri.replay.ignoring import Ignored
from fakecri.replay.trees import ABSENT, short
from fakecri.verify.campaigns import Verdict
from fakecri.verify.comparing import Difference


def text_report(verdict: Verdict, unused: Many[Ignored]) -> Iterator[str]:
    """Yield lines: each sequence that went differently, as it is written, and its differences."""
    for finding in verdict.findings:
        yield from finding.sequence.text.splitlines()
        for where, found in groupby(finding.differences, lambda each: each.where):
            yield f"# {where}"
            for each in found:
                yield f"#   {each.path}"
                yield f"#     reference: {short(each.reference)}"
                yield f"#     subject:   {short(each.subject)}"
        yield ""
    for row in unused:
        yield f"note: nothing differs at {row.path}, which is known to"
    for note in verdict.notes:
        yield f"note: {note}"
    differ = len(verdict.findings)
    yield f"{verdict.written} written and {verdict.generated} generated sequences: {differ} differ"


def json_report(verdict: Verdict, unused: Many[Ignored]) -> str:
    """Return the report as one JSON object. A side that has nothing is left out."""
    return json.dumps(
        {
            "alike": verdict.alike,
            "written": verdict.written,
            "generated": verdict.generated,
            "findings": [
                {
                    "sequence": each.sequence.name,
                    "steps": [step.row for step in each.sequence.steps],
                    "differences": [_plain(found) for found in each.differences],
                }
                for each in verdict.findings
            ],
            "notes": verdict.notes,
            "unused": [each.path for each in unused],
        },
        indent=2,
    )


def _plain(difference: Difference) -> dict[str, Any]:
    facts: dict[str, Any] = {"path": difference.path, "where": difference.where}
    sides = {"reference": difference.reference, "subject": difference.subject}
    return facts | {name: side for name, side in sides.items() if side is not ABSENT}
