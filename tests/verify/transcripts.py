"""What a real runtime was seen to do, and where fakecri is known to do something else."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "fixtures" / "verify"
TRANSCRIPT = FOLDER / "containerd-1.6.20.json"
KNOWN = FOLDER / "containerd-1.6.known"
