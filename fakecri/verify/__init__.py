"""The same calls on two runtimes: whether they answer, and leave things, alike."""

from fakecri.verify.campaigns import Campaign, Finding, Verdict
from fakecri.verify.comparing import Difference, compare
from fakecri.verify.playing import Player
from fakecri.verify.requests import Run
from fakecri.verify.sequences import Sequence, Step, parse, written
from fakecri.verify.sides import Side
from fakecri.verify.transcripts import Transcript, read_transcript

__all__ = [
    "Campaign",
    "Difference",
    "Finding",
    "Player",
    "Run",
    "Sequence",
    "Side",
    "Step",
    "Transcript",
    "Verdict",
    "compare",
    "parse",
    "read_transcript",
    "written",
]
