"""Faults: what a test wants to go wrong, and where in a call it does."""

from fakecri.core.faults.engine import Armed, Faults

__all__ = ["Armed", "Faults"]
