"""Recordings used again: compared, served in place of a runtime, and driven against another one."""

from fakecri.replay.comparing import Choices, Comparison, Difference, compare
from fakecri.replay.driving import Driven, drive
from fakecri.replay.files import read_recording
from fakecri.replay.ignoring import Ignore, parse_ignored, parse_paths
from fakecri.replay.serving import Replay

__all__ = [
    "Choices",
    "Comparison",
    "Difference",
    "Driven",
    "Ignore",
    "Replay",
    "compare",
    "drive",
    "parse_ignored",
    "parse_paths",
    "read_recording",
]
