"""A story, and reports of it."""

from fakecri.scenarios.files import REPRODUCED, Live, Scenario
from fakecri.scenarios.reports import Report, begun, note_played
from tests.scenarios.stages import played

LIVE = Live("it <breaks>", outcome={"1.36": REPRODUCED}, settings={"syncFrequency": "5s"})
STORY = Scenario("story", 7, ["C1"], ["k8s#1"], "about a bug", live=LIVE)


def report(steps: str, live: Live = LIVE) -> Report:
    """Return what is reported of steps that were played without a kubelet."""
    result = begun(STORY, live, "v1.36.3", 5)
    note_played(result, played(steps)[0])
    return result
