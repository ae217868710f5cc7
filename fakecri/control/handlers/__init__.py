"""The functions that answer the control service: a module for each of its services."""

from fakecri.control.handlers import clock, gates, node, recording, rules, sessions, state

__all__ = ["clock", "gates", "node", "recording", "rules", "sessions", "state"]
