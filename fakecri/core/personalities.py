"""Personalities by their names: rows of the traits in which they differ from the default."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from fakecri.core.chaos import CHAOTIC
from fakecri.core.containerds import CONTAINERD_1_6, CONTAINERD_1_7
from fakecri.core.crio import CRIO, POD_EVENTS
from fakecri.core.profiles import CONTAINERD, Profile
from fakecri.errors import UsageError

DEFAULT = "containerd-2"
UPSTREAM = "upstream"
"""What the header of a recording says where another runtime answered."""

_ROWS: Mapping[str, Mapping[str, Any]] = {
    "containerd-1.7": CONTAINERD_1_7,
    "containerd-1.6": CONTAINERD_1_6,
    # Of the time of Kubernetes 1.24: no events, no metrics, nothing that came after them.
    "old": {**CONTAINERD_1_6, "runtime_version": "1.6.6", "api_level": "1.24"},
    "crio-1.36": CRIO,
    "chaotic": CHAOTIC,
}
"""Of each personality but the default, the traits that differ from the default's."""

ADDITIONS: Mapping[str, Mapping[str, Any]] = {"chaotic": CHAOTIC, "events": POD_EVENTS}
"""What `+NAME` adds to any personality: the traits that it changes."""

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {DEFAULT: CONTAINERD} | {name: Profile(name=name, **row) for name, row in _ROWS.items()}
)


def profile_of(name: str) -> Profile:
    """Return a personality by its name: one of PROFILES, and `+` what is added to it.

    The empty name, and `containerd`, are the default's. UsageError that lists the names where
    there is none such.
    """
    base, *additions = name.split("+")
    profile = CONTAINERD if base in ("", CONTAINERD.name) else PROFILES.get(base)
    unknown = [each for each in additions if each not in ADDITIONS]
    if profile is None or unknown:
        known = ", ".join([*PROFILES, *(f"NAME+{each}" for each in ADDITIONS)])
        raise UsageError(f"{name!r} is no personality: {known}")
    for each in additions:
        profile = replace(profile, **ADDITIONS[each], name=f"{profile.name}+{each}")
    return profile
