"""What a container may use, as its cgroup holds it."""

import re
from dataclasses import dataclass

from fakecri.api import runtime_pb2 as pb
from fakecri.core.loads import NANOCORES
from fakecri.core.node import Node

_UNLIMITED_BYTES = 2**62
_DEFAULT_PERIOD_US = 100_000
_NUMBER = r"[0-9]{1,18}"
_CPUS = r"([0-9]{1,4})(?:-([0-9]{1,4}))?"


@dataclass(frozen=True, slots=True)
class Limits:
    """None: there is no such limit."""

    quota: int | None = None
    """CPU time in a unit of time, in nanocores."""
    period_ns: int = 0
    """Of the quota; 0 without one."""
    cpus: int = 1
    """How many processors it may run on."""
    memory_bytes: int | None = None
    swap_bytes: int | None = 0
    """Beside its memory."""
    kills_all: bool = False
    """Whether being out of memory ends all of its processes (memory.oom.group)."""

    @property
    def cores(self) -> int:
        """How much CPU it can get at most, in nanocores."""
        most = self.cpus * NANOCORES
        return most if self.quota is None else min(self.quota, most)

    @property
    def has_quota(self) -> bool:
        """Whether it is the quota that limits the CPU, and not the number of processors."""
        return self.quota is not None and self.quota == self.cores

    @property
    def demand_bytes(self) -> int | None:
        """How much memory it may hold that nothing but swap could take."""
        if self.memory_bytes is None or self.swap_bytes is None:
            return None
        return self.memory_bytes + self.swap_bytes


def limits_of(resources: pb.LinuxContainerResources, node: Node) -> Limits:
    """Return what the kernel makes of the resources of a container. `unified` has the last word."""
    period_us = period_us_of(resources)
    has_quota = resources.cpu_quota > 0
    memory = _bytes(resources.memory_limit_in_bytes)
    unified = resources.unified
    swap: int | None = 0
    if resources.memory_swap_limit_in_bytes < 0:
        swap = None
    elif memory is not None and resources.memory_swap_limit_in_bytes:
        swap = max(0, resources.memory_swap_limit_in_bytes - memory)
    return Limits(
        quota=resources.cpu_quota * NANOCORES // period_us if has_quota else None,
        period_ns=period_us * 1000 if has_quota else 0,
        cpus=count_cpus(resources.cpuset_cpus) or node.cpus,
        memory_bytes=_file(unified.get("memory.max"), memory),
        swap_bytes=_file(unified.get("memory.swap.max"), swap),
        kills_all=unified.get("memory.oom.group") == "1",
    )


def period_us_of(resources: pb.LinuxContainerResources) -> int:
    """Return the period of a CPU quota, which the kernel chooses where nobody does."""
    return resources.cpu_period if resources.cpu_period > 0 else _DEFAULT_PERIOD_US


def _bytes(limit: int) -> int | None:
    return limit if 0 < limit < _UNLIMITED_BYTES else None


def _file(text: str | None, otherwise: int | None) -> int | None:
    """Return what a file of the cgroup holds."""
    if text == "max":
        return None
    return int(text) if text and re.fullmatch(_NUMBER, text) else otherwise


def count_cpus(text: str) -> int:
    """Return how many processors a list like `0-3,7` has; 0 where it is none."""
    cpus: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(_CPUS, part.strip())
        if match is None:
            return 0
        cpus.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return len(cpus)
