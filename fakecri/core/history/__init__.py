"""Calls looked back upon: which there were, in what order, how far apart, and how many at once."""

from fakecri.core.history.history import History

__all__ = ["History"]
