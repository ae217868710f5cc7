"""API levels: what a runtime of one Kubernetes minor speaks.

A field or a method that a level does not know is neither sent nor accepted.
"""

from collections.abc import Mapping
from functools import cache

from fakecri.api.ages import ages
from fakecri.core.contracts import Contract
from fakecri.errors import UsageError
from fakecri.rpcs import OLD_PACKAGE, PACKAGE, VERSION

LAST_WITH_V1ALPHA2 = 25
"""The last minor whose API had it; from the next one on, no kubelet spoke it."""

_FIRST = 20
_LAST_WITH_TEXTS, _TEXTS = 36, ("KeyValue.value",)
_LAST = int(VERSION.partition(".")[2])

LEVELS: Mapping[str, int] = {f"1.{minor}": minor for minor in range(_FIRST, _LAST + 1)}
"""Every level, by its name, and its minor. With the first, v1 came."""


class Level:
    """What a runtime of one level speaks."""

    def __init__(self, name: str, *, v1alpha2: bool) -> None:
        minor = LEVELS[name]
        self.name = name
        texts = _TEXTS if minor <= _LAST_WITH_TEXTS else ()
        self.v1 = Contract(PACKAGE, lambda each: ages()[each].since <= minor, texts)
        self.v1alpha2: Contract | None = None
        """None: it speaks v1 alone."""
        if v1alpha2:
            self.v1alpha2 = Contract(OLD_PACKAGE, lambda each: _is_old(each, minor), texts)

    def contract(self, path: str) -> Contract:
        """Return the contract that a method's path is of: `/runtime.v1.ImageService/ListImages`."""
        if self.v1alpha2 is not None and path.startswith(f"/{OLD_PACKAGE}."):
            return self.v1alpha2
        return self.v1


def _is_old(name: str, minor: int) -> bool:
    age = ages()[name]
    return age.in_v1alpha2 and age.since <= minor


def chosen_level(name: str, *, v1alpha2: bool | None = None) -> Level | None:
    """Return a level as `level_of` does; None, which is all that there is, for no name."""
    return level_of(name, v1alpha2=v1alpha2) if name else None


@cache
def level_of(name: str, *, v1alpha2: bool | None = None) -> Level:
    """Return a level by its name, such as 1.30. UsageError where there is none.

    `v1alpha2`: whether that is spoken as well; None: where the API of the time had it.
    """
    minor = LEVELS.get(name)
    if minor is None:
        raise UsageError(f"{name!r} is no API level: there are 1.{_FIRST} to 1.{_LAST}")
    return Level(name, v1alpha2=minor <= LAST_WITH_V1ALPHA2 if v1alpha2 is None else v1alpha2)
