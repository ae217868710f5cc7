"""How long a call may take, in seconds, as `timeout` of a stub's methods; None for no end."""

DEFAULT_TIMEOUT_S = 120.0
"""The kubelet's `runtimeRequestTimeout` (spec: images-streaming-stats 5.7)."""


def earliest(*limits_s: float | None) -> float | None:
    """Return the least of the limits, as of nested contexts in Go."""
    return min((limit_s for limit_s in limits_s if limit_s is not None), default=None)
