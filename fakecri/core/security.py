"""What a container's processes may do: capabilities, new privileges, system calls."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.capabilities import DEFAULT, capabilities_of

_FILTERED = 2
"""SECCOMP_MODE_FILTER."""


_PASSING = frozenset({"SCMP_ACT_ALLOW", "SCMP_ACT_LOG"})


@dataclass(frozen=True, slots=True)
class Filter:
    """A seccomp profile, as far as it tells calls apart by their names."""

    otherwise: str
    """The action for calls that it does not name."""
    actions: Mapping[str, str]

    def denies(self, syscall: str) -> bool:
        """Whether a call does not get through."""
        return self.actions.get(syscall, self.otherwise) not in _PASSING


@dataclass(frozen=True, slots=True)
class Security:
    """The security settings of a container's processes."""

    bounding: frozenset[str] = frozenset(DEFAULT)
    """The capabilities that they can have, with their prefix: `CAP_CHOWN`."""
    no_new_privs: bool = False
    seccomp_mode: int = 0
    """As /proc/PID/status shows it: 0 without a filter, 2 with one."""
    filter: "Filter | None" = None
    """What a profile of the node's own says; None: nothing is refused that is not anyway."""

    def denies(self, syscall: str) -> bool:
        """Whether the filter answers a system call with an error."""
        return self.filter is not None and self.filter.denies(syscall)

    def effective(self, euid: int) -> frozenset[str]:
        """Return the effective set of a process: only root's is not empty."""
        return self.bounding if euid == 0 else frozenset()


@lru_cache(maxsize=1024)
def _security(
    bounding: tuple[str, ...], no_new_privs: bool, seccomp_mode: int
) -> Security:  # a key
    return Security(frozenset(bounding), no_new_privs, seccomp_mode)


def security_of(
    context: pb.LinuxContainerSecurityContext, profile: dict[str, Any] | None
) -> Security:
    """Return what a container's security context makes of it; containers share what is equal.

    `profile` is its filter of system calls, as its spec has it. The runtime's own refuses nothing
    but what takes a capability, so it only shows.
    """
    mode = 0 if profile is None else _FILTERED
    shared = _security(capabilities_of(context), context.no_new_privs, mode)
    named = _filter(profile) if profile is not None and "syscalls" in profile else None
    return shared if named is None else replace(shared, filter=named)


def _filter(profile: dict[str, Any]) -> Filter:
    actions: dict[str, str] = {}
    rules = profile.get("syscalls")
    for rule in rules if isinstance(rules, list) else ():
        # A rule that looks at arguments leaves other calls of the name to the default.
        if not isinstance(rule, dict) or rule.get("args"):
            continue
        names = rule.get("names")
        single = [rule["name"]] if isinstance(rule.get("name"), str) else []
        for name in names if isinstance(names, list) else single:
            actions.setdefault(str(name), str(rule.get("action")))
    return Filter(str(profile.get("defaultAction")), actions)
