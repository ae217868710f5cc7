"""The messages of the Node Resource Interface; `nri_pb2.pyi` says what is in here."""

from fakecri.api.pools import load

POOL, DESCRIPTOR = load("nri", globals())
