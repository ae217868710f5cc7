"""The messages of the control service; `control_pb2.pyi` says what is in here."""

from fakecri.api.pools import load

POOL, DESCRIPTOR = load("control", globals())
