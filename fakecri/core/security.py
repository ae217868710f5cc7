"""What a container's processes may do: capabilities, new privileges, system calls."""

from dataclasses import dataclass
from functools import lru_cache

from fakecri.api import runtime_pb2 as pb
from fakecri.core.capabilities import DEFAULT, capabilities_of


@dataclass(frozen=True, slots=True)
class Security:
    """The security settings of a container's processes."""

    bounding: frozenset[str] = frozenset(DEFAULT)
    """The capabilities that they can have, with their prefix: `CAP_CHOWN`."""
    no_new_privs: bool = False
    seccomp_mode: int = 0
    """As /proc/PID/status shows it: 0 without a filter, 2 with one."""
    barred: frozenset[str] = frozenset()
    """The system calls that the filter answers with an error."""

    def effective(self, euid: int) -> frozenset[str]:
        """Return the effective set of a process: only root's is not empty."""
        return self.bounding if euid == 0 else frozenset()


@lru_cache(maxsize=1024)
def _security(bounding: tuple[str, ...], no_new_privs: bool) -> Security:  # a key
    return Security(frozenset(bounding), no_new_privs)


def security_of(context: pb.LinuxContainerSecurityContext) -> Security:
    """Return what a container's security context makes of it; containers share what is equal."""
    return _security(capabilities_of(context), context.no_new_privs)
