"""Parts of OCI specs as messages of NRI."""

from collections.abc import Iterable, Mapping
from typing import Any

from fakecri.api import nri_pb2 as nri

Spec = Mapping[str, Any]

HOOKS = {  # field of the message: name in the spec
    "prestart": "prestart",
    "create_runtime": "createRuntime",
    "create_container": "createContainer",
    "start_container": "startContainer",
    "poststart": "poststart",
    "poststop": "poststop",
}


def valid(text: str) -> str:
    """Return a text of bytes as a message can hold it: what is no UTF-8 is replaced."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def namespaces_of(spec: Iterable[Spec]) -> list[nri.LinuxNamespace]:
    """Return linux.namespaces."""
    return [nri.LinuxNamespace(type=each["type"], path=each.get("path", "")) for each in spec]


def mounts_of(spec: Iterable[Spec]) -> list[nri.Mount]:
    """Return the mounts."""
    return [
        nri.Mount(
            destination=each.get("destination", ""),
            type=each.get("type", ""),
            source=each.get("source", ""),
            options=each.get("options", ()),
        )
        for each in spec
    ]


def devices_of(spec: Iterable[Spec]) -> list[nri.LinuxDevice]:
    """Return linux.devices."""
    devices = []
    for each in spec:
        device = nri.LinuxDevice(
            path=each["path"], type=each["type"], major=each["major"], minor=each["minor"]
        )
        for field, name in (("file_mode", "fileMode"), ("uid", "uid"), ("gid", "gid")):
            if name in each:
                getattr(device, field).value = each[name]
        devices.append(device)
    return devices


def hooks_of(spec: Spec) -> nri.Hooks:
    """Return the hooks: programs that a low-level runtime runs, not those of plugins."""
    hooks = nri.Hooks()
    for field, name in HOOKS.items():
        for each in spec.get(name, ()):
            hook = getattr(hooks, field).add(
                path=each["path"], args=each.get("args", ()), env=each.get("env", ())
            )
            if "timeout" in each:
                hook.timeout.value = each["timeout"]
    return hooks


def io_priority_of(spec: Spec | None) -> nri.LinuxIOPriority | None:
    """Return process.ioPriority."""
    if spec is None:
        return None
    kind = spec.get("class") or "IOPRIO_CLASS_NONE"
    message = nri.LinuxIOPriority(priority=spec["priority"])
    setattr(message, "class", nri.IOPrioClass.Value(kind))  # a word of Python's
    return message


def scheduler_of(spec: Spec | None) -> nri.LinuxScheduler | None:
    """Return process.scheduler."""
    if spec is None:
        return None
    return nri.LinuxScheduler(
        policy=_number_of(nri.LinuxSchedulerPolicy, spec["policy"]),
        nice=spec.get("nice", 0),
        priority=spec.get("priority", 0),
        flags=[_number_of(nri.LinuxSchedulerFlag, each) for each in spec.get("flags", ())],
        runtime=spec.get("runtime", 0),
        deadline=spec.get("deadline", 0),
        period=spec.get("period", 0),
    )


def _number_of(kind: Any, name: str) -> Any:
    """Return the number of a name; 0 where there is none such, as Go has it."""
    return dict(kind.items()).get(name, 0)


def rdt_of(spec: Spec | None) -> nri.LinuxRdt | None:
    """Return linux.intelRdt."""
    if spec is None:
        return None
    rdt = nri.LinuxRdt()
    rdt.clos_id.value = spec.get("closID", "")
    rdt.schemata.value.extend(spec.get("schemata", ()))
    rdt.enable_monitoring.value = spec.get("enableMonitoring", False)
    return rdt


def seccomp_of(spec: Spec | None) -> nri.LinuxSeccomp | None:
    """Return linux.seccomp, which may come from a file that somebody wrote."""
    if spec is None:
        return None
    policy = nri.LinuxSeccomp(
        default_action=str(spec.get("defaultAction", "")),
        architectures=_texts(spec.get("architectures")),
        flags=_texts(spec.get("flags")),
        listener_path=str(spec.get("listenerPath", "")),
        listener_metadata=str(spec.get("listenerMetadata", "")),
        syscalls=[_syscall(each) for each in _objects(spec.get("syscalls"))],
    )
    if _is_number(spec.get("defaultErrnoRet")):
        policy.default_errno.value = spec["defaultErrnoRet"]
    return policy


def _syscall(spec: Spec) -> nri.LinuxSyscall:
    syscall = nri.LinuxSyscall(
        names=_texts(spec.get("names")),
        action=str(spec.get("action", "")),
        args=[
            nri.LinuxSeccompArg(
                index=_number(each, "index"),
                value=_number(each, "value"),
                value_two=_number(each, "valueTwo"),
                op=str(each.get("op", "")),
            )
            for each in _objects(spec.get("args"))
        ],
    )
    if _is_number(spec.get("errnoRet")):
        syscall.errno_ret.value = spec["errnoRet"]
    return syscall


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _objects(value: object) -> list[Spec]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _is_number(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**32


def _number(spec: Spec, name: str) -> int:
    return int(spec[name]) if _is_number(spec.get(name)) else 0
