"""How long a delay lasts: fixed, uniform, lognormal, or growing from call to call.

The numbers are drawn from the shot alone, and worked out in decimals, which are the same on every
machine.
"""

from decimal import Context, Decimal
from typing import TYPE_CHECKING

from fakecri.core.faults.kinds import named_arguments
from fakecri.core.faults.rules import Duration

if TYPE_CHECKING:
    from fakecri.core.faults.shots import Shot

_EXACT = Context(prec=28)
_LONGEST_NS = 2**62
"""A century or so: what a wide lognormal gives is not to end time."""


def delay_ns(shot: "Shot") -> int:
    """Return how many virtual nanoseconds a shot of `delay` lasts."""
    named = named_arguments(shot.term.action)
    law = named.get("law")
    if law == "uniform":
        least, most = _ns(named["least"]), _ns(named["most"])
        return least + int(Decimal(shot.draw()) * (most - least))
    if law == "lognormal":
        return _lognormal_ns(shot, _ns(named["median"]), Decimal(str(named["sigma"])))
    if law == "ramp":
        first, last = _ns(named["first"]), _ns(named["last"])
        calls = int(str(named["calls"]))
        return first + (last - first) * min(shot.hit - 1, calls - 1) // max(1, calls - 1)
    return _ns(named["duration"])


def _ns(value: object) -> int:
    if not isinstance(value, Duration):
        raise TypeError(f"{value!r} is no duration")
    return value.ns


def _lognormal_ns(shot: "Shot", median_ns: int, sigma: Decimal) -> int:
    power = _EXACT.multiply(sigma, _normal(shot))
    # So that exp stays within its range.
    factor = _EXACT.exp(max(Decimal(-100), min(Decimal(100), power)))
    return min(_LONGEST_NS, int(_EXACT.multiply(Decimal(median_ns), factor)))


def _normal(shot: "Shot") -> Decimal:
    """Return a number of the standard normal distribution (Marsaglia's polar method)."""
    while True:
        x, y = (Decimal(shot.draw()) * 2 - 1 for _ in range(2))
        square = _EXACT.add(_EXACT.multiply(x, x), _EXACT.multiply(y, y))
        if 0 < square < 1:
            spread = _EXACT.divide(_EXACT.multiply(Decimal(-2), _EXACT.ln(square)), square)
            return _EXACT.multiply(x, _EXACT.sqrt(spread))
