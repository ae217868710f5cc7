"""The CRI messages; `runtime_pb2.pyi` says what is in here."""

from fakecri.api.pools import load

POOL, DESCRIPTOR = load("runtime", globals())
