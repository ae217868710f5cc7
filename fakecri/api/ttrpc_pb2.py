"""The messages that ttrpc is made of; `ttrpc_pb2.pyi` says what is in here."""

from fakecri.api.pools import load

POOL, DESCRIPTOR = load("ttrpc", globals())
