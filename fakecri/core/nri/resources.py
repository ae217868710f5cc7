"""Resources in three forms: plugins', the contract's, and those of the OCI spec."""

from collections.abc import Mapping
from typing import Any

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb

_MEMORY = {  # field of the message: name in the spec
    "limit": "limit",
    "reservation": "reservation",
    "swap": "swap",
    "kernel": "kernel",
    "kernel_tcp": "kernelTCP",
    "swappiness": "swappiness",
    "disable_oom_killer": "disableOOMKiller",
    "use_hierarchy": "useHierarchy",
}
_CPU = {
    "shares": "shares",
    "quota": "quota",
    "period": "period",
    "realtime_runtime": "realtimeRuntime",
    "realtime_period": "realtimePeriod",
}


def resources_of_cri(asked: pb.LinuxContainerResources) -> nri.LinuxResources:
    """Return resources as a CRI request asks for them: what it leaves out is there, as 0."""
    return nri.LinuxResources(
        cpu=nri.LinuxCPU(
            shares=nri.OptionalUInt64(value=asked.cpu_shares % 2**64),
            quota=nri.OptionalInt64(value=asked.cpu_quota),
            period=nri.OptionalUInt64(value=asked.cpu_period % 2**64),
            cpus=asked.cpuset_cpus,
            mems=asked.cpuset_mems,
        ),
        memory=nri.LinuxMemory(limit=nri.OptionalInt64(value=asked.memory_limit_in_bytes)),
        hugepage_limits=[
            nri.HugepageLimit(page_size=each.page_size, limit=each.limit)
            for each in asked.hugepage_limits
        ],
        unified=asked.unified,
    )


def given_resources(message: Any, field: str) -> nri.LinuxResources | None:
    """Return those in a field of a CRI message; None: it is not set."""
    return resources_of_cri(getattr(message, field)) if message.HasField(field) else None


def resources_for_cri(resources: nri.LinuxResources) -> pb.LinuxContainerResources:
    """Return resources as a CRI request would ask for them."""
    cpu = resources.cpu
    return pb.LinuxContainerResources(
        memory_limit_in_bytes=resources.memory.limit.value,
        cpu_shares=_signed(cpu.shares.value),
        cpu_period=_signed(cpu.period.value),
        cpu_quota=cpu.quota.value,
        cpuset_cpus=cpu.cpus,
        cpuset_mems=cpu.mems,
        hugepage_limits=[
            pb.HugepageLimit(page_size=each.page_size, limit=each.limit)
            for each in resources.hugepage_limits
        ],
        unified=resources.unified,
    )


def _signed(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63


def resources_of_spec(spec: Mapping[str, Any]) -> nri.LinuxResources:
    """Return linux.resources of an OCI spec."""
    resources = nri.LinuxResources(unified=spec.get("unified", {}))
    if "memory" in spec:
        _fill(resources.memory, spec["memory"], _MEMORY)
    if "cpu" in spec:
        _fill(resources.cpu, spec["cpu"], _CPU)
        resources.cpu.cpus = spec["cpu"].get("cpus", "")
        resources.cpu.mems = spec["cpu"].get("mems", "")
    for each in spec.get("hugepageLimits", ()):
        resources.hugepage_limits.add(page_size=each["pageSize"], limit=each["limit"])
    if "pids" in spec:
        resources.pids.limit = spec["pids"].get("limit", 0)
    for each in spec.get("devices", ()):
        rule = resources.devices.add(
            allow=each["allow"], type=each.get("type", ""), access=each.get("access", "")
        )
        _fill(rule, each, {"major": "major", "minor": "minor"})
    return resources


def _fill(message: Any, spec: Mapping[str, Any], names: Mapping[str, str]) -> None:
    """Set the fields that can be left out; a message that gets none is there all the same."""
    message.SetInParent()
    for field, name in names.items():
        if name in spec:
            getattr(message, field).value = spec[name]
