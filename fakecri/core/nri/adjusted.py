"""OCI specs as plugins have adjusted them."""

import posixpath
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from fakecri.api import nri_pb2 as nri
from fakecri.core.go_json import omit_empty
from fakecri.core.nri.ownership import removed
from fakecri.core.nri.specs import HOOKS

Spec = dict[str, Any]

_PROPAGATIONS = {"rshared": ("rshared",), "rslave": ("rshared", "rslave")}
"""What linux.rootfsPropagation may be, where a mount asks for it; else it becomes the mount's."""


def adjust_mounts(rows: list[Spec], adjustment: nri.ContainerAdjustment) -> list[Spec]:
    """Return the mounts, in their order: those higher up first, and then by their names."""
    if not adjustment.mounts:
        return rows
    for each in adjustment.mounts:
        gone = removed(each.destination)
        place = each.destination if gone is None else gone
        rows = [row for row in rows if row.get("destination", "") != place]
        if gone is None:
            more = omit_empty(type=each.type, source=each.source, options=list(each.options))
            rows.append({"destination": each.destination, **more})
    return sorted(rows, key=_depth)


def _depth(row: Spec) -> tuple[int, str]:
    destination = row.get("destination", "")
    return posixpath.normpath(destination).count("/"), destination


def adjust_devices(rows: list[Spec], adjustment: nri.ContainerAdjustment) -> list[Spec]:
    """Return the devices."""
    for each in adjustment.linux.devices:
        place = each.path.removeprefix("-")
        rows = [row for row in rows if row["path"] != place]
        if removed(each.path) is None:
            rows.append(_device(each))
    return rows


def _device(asked: nri.LinuxDevice) -> Spec:
    row: Spec = {"path": asked.path, "type": asked.type}
    row |= {"major": asked.major, "minor": asked.minor}
    names = {"file_mode": "fileMode", "uid": "uid", "gid": "gid"}
    return row | _given(asked, names)


def _given(message: Any, names: dict[str, str]) -> Spec:
    """Return the fields that are there, under their names in the spec."""
    return {
        name: getattr(message, field).value
        for field, name in names.items()
        if message.HasField(field)
    }


def adjust_spec(spec: Spec, adjustment: nri.ContainerAdjustment) -> None:
    """Change a spec, but for what its container has otherwise: arguments, mounts, limits."""
    for key, text in sorted(adjustment.annotations.items()):
        _set_or_remove(spec["annotations"], key, text)
    spec["annotations"] = dict(sorted(spec["annotations"].items()))
    hooks = _hooks(adjustment.hooks)
    if hooks:
        spec["hooks"] = hooks
    _adjust_process(spec["process"], adjustment)
    _adjust_linux(spec["linux"], adjustment)


def _set_or_remove(spec: Spec, key: str, value: Any) -> None:
    gone = removed(key)
    if gone is None:
        spec[key] = value
    else:
        spec.pop(gone, None)


def _hooks(asked: nri.Hooks) -> Spec:
    return omit_empty(
        **{name: [_hook(each) for each in getattr(asked, field)] for field, name in HOOKS.items()}
    )


def _hook(asked: nri.Hook) -> Spec:
    hook = {"path": asked.path, **omit_empty(args=list(asked.args), env=list(asked.env))}
    return hook | _given(asked, {"timeout": "timeout"})


def _adjust_process(process: Spec, adjustment: nri.ContainerAdjustment) -> None:
    linux = adjustment.linux
    if adjustment.rlimits:
        process["rlimits"] = [
            {"type": each.type, "hard": each.hard, "soft": each.soft} for each in adjustment.rlimits
        ]
    if linux.HasField("oom_score_adj"):
        process["oomScoreAdj"] = linux.oom_score_adj.value
    if linux.HasField("scheduler") and linux.scheduler.policy != nri.SCHED_NONE:
        process["scheduler"] = _scheduler(linux.scheduler)
    kind = _name(nri.IOPrioClass, getattr(linux.io_priority, "class"))
    if kind and kind != "IOPRIO_CLASS_NONE":
        process["ioPriority"] = {"class": kind, "priority": linux.io_priority.priority}


def _name(kind: Any, number: int) -> str:
    """Return the name of an enum's value; empty where it has none, as Go has it."""
    return str(kind.Name(number)) if number in kind.values() else ""


def _scheduler(asked: nri.LinuxScheduler) -> Spec:
    numbers = {name: getattr(asked, name) for name in _SCHEDULER if getattr(asked, name)}
    flags = [_name(nri.LinuxSchedulerFlag, each) for each in asked.flags]
    policy = _name(nri.LinuxSchedulerPolicy, asked.policy)
    return {"policy": policy, **omit_empty(**numbers, flags=flags)}


_SCHEDULER = ("nice", "priority", "runtime", "deadline", "period")


def _adjust_linux(linux: Spec, adjustment: nri.ContainerAdjustment) -> None:
    asked = adjustment.linux
    if asked.cgroups_path:
        linux["cgroupsPath"] = asked.cgroups_path
    if asked.HasField("seccomp_policy"):
        linux["seccomp"] = seccomp_spec(asked.seccomp_policy)
    _adjust_namespaces(linux["namespaces"], asked.namespaces)
    for key, text in sorted(asked.sysctl.items()):
        _set_or_remove(linux.setdefault("sysctl", {}), key, text)
    for key, device in sorted(asked.net_devices.items(), key=itemgetter(0)):
        shape = omit_empty(name=device.name)
        _set_or_remove(linux.setdefault("netDevices", {}), key, shape)
    if asked.HasField("memory_policy"):
        policy = asked.memory_policy
        linux["memoryPolicy"] = omit_empty(
            mode=_name(nri.MpolMode, policy.mode),
            nodes=policy.nodes,
            flags=[_name(nri.MpolFlag, each) for each in policy.flags],
        )
    _adjust_resources(linux["resources"], asked.resources)
    _adjust_rdt(linux, asked)
    _adjust_propagation(linux, adjustment.mounts)


def _adjust_namespaces(rows: list[Spec], asked: Iterable[nri.LinuxNamespace]) -> None:
    for each in asked:
        place = each.type.removeprefix("-")
        there = next((row for row in rows if row["type"] == place), None)
        if removed(each.type) is not None:
            if there is not None:
                rows.remove(there)
        elif there is None:
            rows.append(omit_empty(type=each.type, path=each.path))
        else:
            there |= {"path": each.path} if each.path else {}


def _adjust_resources(spec: Spec, asked: nri.LinuxResources) -> None:
    """Change what limits of the container do not tell.

    Huge pages are left out, as by default containerd has it.
    """
    real_time = _given(asked.cpu, _REAL_TIME)
    if real_time:
        spec["cpu"] = {**spec.get("cpu", {}), **real_time}
    if asked.HasField("pids"):
        spec["pids"] = {"limit": asked.pids.limit} if asked.pids.limit > -1 else {}
    numbers = {"major": "major", "minor": "minor"}
    for each in asked.devices:
        rule = {"allow": each.allow, **omit_empty(type=each.type), **_given(each, numbers)}
        spec["devices"].append(rule | omit_empty(access=each.access))


_REAL_TIME = {"realtime_runtime": "realtimeRuntime", "realtime_period": "realtimePeriod"}


def device_rules(adjustment: nri.ContainerAdjustment) -> list[Spec]:
    """Return what linux.resources.devices says of devices that plugins have added."""
    return [
        {
            "allow": True,
            "type": each.type,
            "major": each.major,
            "minor": each.minor,
            "access": "rwm" if each.type == "b" else "rw",
        }
        for each in adjustment.linux.devices
        if removed(each.path) is None
    ]


def _adjust_rdt(linux: Spec, asked: nri.LinuxContainerAdjustment) -> None:
    resources, rdt = asked.resources, asked.rdt
    if resources.HasField("rdt_class"):
        name = resources.rdt_class.value
        linux["intelRdt"] = {"closID": name} if name else None
    if rdt.remove:
        linux["intelRdt"] = None
    given = omit_empty(
        closID=rdt.clos_id.value if rdt.HasField("clos_id") else None,
        schemata=list(rdt.schemata.value) if rdt.HasField("schemata") else None,
        enableMonitoring=rdt.enable_monitoring.value,
    )
    if given:
        linux["intelRdt"] = {**(linux.get("intelRdt") or {}), **given}
    if linux.get("intelRdt", ...) is None:
        del linux["intelRdt"]


def _adjust_propagation(linux: Spec, mounts: Iterable[nri.Mount]) -> None:
    """Have the root propagate what the widest of the mounts needs."""
    for mount in mounts:
        asked = next((each for each in reversed(mount.options) if each in _PROPAGATIONS), "")
        if asked and linux.get("rootfsPropagation") not in _PROPAGATIONS[asked]:
            linux["rootfsPropagation"] = asked


def seccomp_spec(policy: nri.LinuxSeccomp) -> Spec:
    """Return linux.seccomp; the errno of the default action is not taken over, as in v0.12."""
    return omit_empty(
        defaultAction=policy.default_action,
        architectures=list(policy.architectures),
        flags=list(policy.flags),
        listenerPath=policy.listener_path,
        listenerMetadata=policy.listener_metadata,
        syscalls=[_syscall(each) for each in policy.syscalls],
    )


def _syscall(asked: nri.LinuxSyscall) -> Spec:
    args = [
        {"index": each.index, "value": each.value, "valueTwo": each.value_two, "op": each.op}
        for each in asked.args
    ]
    shape = omit_empty(names=list(asked.names), action=asked.action, args=args)
    return shape | _given(asked, {"errno_ret": "errnoRet"})
