"""The parts that the OCI specs of containers and of sandboxes have in common."""

import json
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.files import Files
from fakecri.core.go_json import omit_empty

OCI_VERSION = "1.3.0"
NAMESPACES = ("pid", "ipc", "uts", "mount", "network")
READ_WRITE_MAKE = "rwm"

_ANNOTATION = "io.kubernetes.cri."
_PROFILE = pb.SecurityProfile
_DEVICES = {  # the node's own: major and minor numbers
    "/dev/null": (1, 3),
    "/dev/zero": (1, 5),
    "/dev/full": (1, 7),
    "/dev/random": (1, 8),
    "/dev/urandom": (1, 9),
    "/dev/kmsg": (1, 11),
    "/dev/tty": (5, 0),
    "/dev/net/tun": (10, 200),
    "/dev/fuse": (10, 229),
    "/dev/kvm": (10, 232),
}
_OTHER_DEVICE = (240, 0)  # a major number for local use


def annotations(pod: pb.PodSandboxMetadata, others: Mapping[str, str]) -> dict[str, str]:
    """Return the spec's annotations; `others` are named without their prefix."""
    names = {
        **others,
        "sandbox-name": pod.name,
        "sandbox-namespace": pod.namespace,
        "sandbox-uid": pod.uid,
    }
    return {_ANNOTATION + name: names[name] for name in sorted(names)}


def capability_sets(names: Sequence[str]) -> dict[str, Any]:
    """Return process.capabilities; none of it is inheritable or ambient."""
    return omit_empty(bounding=list(names), effective=list(names), permitted=list(names))


def cgroups_path(config: pb.PodSandboxConfig, id_: str) -> str:
    """Return where the cgroup of a container or sandbox is, as runc is told."""
    parent = config.linux.cgroup_parent
    if not parent:
        return f"/k8s.io/{id_}"
    base = posixpath.basename(parent.rstrip("/"))
    if base.endswith(".slice"):
        return f"{base}:cri-containerd:{id_}"
    return posixpath.normpath(f"{parent}/{id_}")


def has_user_namespace(options: pb.NamespaceOption) -> bool:
    """Whether the pod has a user namespace of its own."""
    return options.HasField("userns_options") and options.userns_options.mode == pb.POD


def id_mappings(options: pb.NamespaceOption) -> dict[str, Any]:
    """Return linux.uidMappings and linux.gidMappings, where the pod has a user namespace."""
    if not has_user_namespace(options):
        return {}
    userns = options.userns_options
    return {"uidMappings": mappings(userns.uids), "gidMappings": mappings(userns.gids)}


def mappings(asked: Iterable[pb.IDMapping]) -> list[dict[str, int]]:
    """Return the id mappings of a user namespace or of a mount."""
    return [
        {"containerID": each.container_id, "hostID": each.host_id, "size": each.length}
        for each in asked
    ]


def device(asked: pb.Device) -> dict[str, Any]:
    """Return the node of a device in linux.devices."""
    return _device(asked.container_path, _DEVICES.get(asked.host_path, _OTHER_DEVICE))


def host_devices() -> list[dict[str, Any]]:
    """Return all devices of the node."""
    return [_device(path, numbers) for path, numbers in _DEVICES.items()]


def _device(path: str, numbers: tuple[int, int]) -> dict[str, Any]:
    major, minor = numbers
    shape = {"path": path, "type": "c", "major": major, "minor": minor}
    return shape | {"fileMode": 0o666, "uid": 0, "gid": 0}


def device_rule(asked: pb.Device) -> dict[str, Any]:
    """Return what linux.resources.devices says of a device."""
    major, minor = _DEVICES.get(asked.host_path, _OTHER_DEVICE)
    shape = {"allow": True, "type": "c", "major": major, "minor": minor}
    return shape | {"access": asked.permissions}


def seccomp(
    files: Files, security: pb.LinuxContainerSecurityContext | pb.LinuxSandboxSecurityContext
) -> dict[str, Any] | None:
    """Return the filter of system calls; None: all are allowed.

    Of the default filter it is the outline, without its list of 400 calls.
    """
    kind, path = security.seccomp.profile_type, security.seccomp.localhost_ref
    if not security.HasField("seccomp"):
        kind, path = _old_profile(security.seccomp_profile_path)
    if security.privileged or kind == _PROFILE.Unconfined:
        return None
    if kind == _PROFILE.Localhost:
        return _read_filter(files, path.removeprefix("localhost/"))
    architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
    return {"defaultAction": "SCMP_ACT_ERRNO", "architectures": architectures}


def _old_profile(path: str) -> tuple[_PROFILE.ProfileType.ValueType, str]:
    if path in {"runtime/default", "docker/default"}:
        return _PROFILE.RuntimeDefault, ""
    if path in {"", "unconfined"}:
        return _PROFILE.Unconfined, ""
    return _PROFILE.Localhost, path


def _read_filter(files: Files, path: str) -> dict[str, Any] | None:
    try:
        read = json.loads(files.read(path))
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None
