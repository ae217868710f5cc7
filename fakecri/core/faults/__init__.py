"""Faults: what a test wants to go wrong, and where in a call it does."""

from fakecri.core.faults.armed import Armed
from fakecri.core.faults.engine import Faults

__all__ = ["Armed", "Faults"]
