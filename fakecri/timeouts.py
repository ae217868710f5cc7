"""What a client has set as the deadline of its call, by what is left of it when the call is here.

Deadlines are rounded up, so that what the way took does not show in recordings.
"""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakecri.core.pipeline import Metadata

TIMEOUT_STEP_NS = 100_000_000
"""What the finest deadline is a multiple of, and what the way may have taken of it."""

_STEPS_NS = tuple(TIMEOUT_STEP_NS * steps for steps in (6000, 600, 100, 10, 1))
_LONG_NS = 10_000_000_000
_LONG_WAY_NS = 900_000_000
"""What the way may have taken of a deadline that is long. Whole seconds stay apart."""

_CORE_CLIENT = "grpc-c/"  # the library under grpcio, and most others that are not Go or Java


def set_timeout_ns(remaining_s: float, metadata: "Metadata") -> int:
    """Return the deadline as the client will have set it: the roundest one that it can be."""
    least_s = remaining_s
    if any(key == "user-agent" and _CORE_CLIENT in str(value) for key, value in metadata):
        least_s -= core_slack_s(remaining_s)
    least_ns, most_ns = (max(1, round(each * 1e9)) for each in (least_s, remaining_s))
    rounded = (-(-least_ns // step_ns) * step_ns for step_ns in _STEPS_NS)
    return next(each for each in rounded if each <= most_ns + _way_ns(each))


def _way_ns(timeout_ns: int) -> int:
    return _LONG_WAY_NS if timeout_ns >= _LONG_NS else TIMEOUT_STEP_NS


def core_slack_s(timeout_s: float) -> float:
    """Return what gRPC's C core may add to a timeout, which it sends with three digits."""
    return 10.0 ** max(-3, math.floor(math.log10(max(timeout_s, 0.001))) - 2)
