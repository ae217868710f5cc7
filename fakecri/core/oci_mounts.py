"""The mounts of the OCI spec: the default ones, the runtime's own, and those that clients ask for.

They stand in containerd's order, so that none hides another.
"""

import hashlib
import posixpath
from collections.abc import Collection, Iterable
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.go_json import omit_empty
from fakecri.core.nri.adjusted import adjust_mounts
from fakecri.core.oci_parts import mappings
from fakecri.core.profiles import Profile
from fakecri.core.records import Container, Sandbox

CRI = "io.containerd.grpc.v1.cri"
SHM = "/dev/shm"  # noqa: S108  # a path to show, not to write to

_RESOLV_CONF = "/etc/resolv.conf"
_DEFAULTS = (  # destination, type, source and options
    ("/proc", "proc", "proc", "nosuid,noexec,nodev"),
    ("/dev", "tmpfs", "tmpfs", "nosuid,strictatime,mode=755,size=65536k"),
    (
        "/dev/pts",
        "devpts",
        "devpts",
        "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
    ),
    ("/dev/mqueue", "mqueue", "mqueue", "nosuid,noexec,nodev"),
    ("/sys", "sysfs", "sysfs", "nosuid,noexec,nodev,ro"),
)
_CGROUP = ("/sys/fs/cgroup", "cgroup", "cgroup", "nosuid,noexec,nodev,relatime,ro")
_HOST_CGROUP_OPTIONS = ["nsdelegate", "memory_recursiveprot"]
_PROPAGATION = {
    pb.PROPAGATION_PRIVATE: "rprivate",
    pb.PROPAGATION_BIDIRECTIONAL: "rshared",
    pb.PROPAGATION_HOST_TO_CONTAINER: "rslave",
}


def container_mounts(profile: Profile, container: Container) -> list[dict[str, Any]]:
    """Return the mounts of a container."""
    binds = [*container.config.mounts]
    taken = {_cleaned(each) for each in binds}
    own = [*_runtime_mounts(profile, container), *_image_volumes(profile, container)]
    binds += [each for each in own if _cleaned(each) not in taken]
    binds.sort(key=lambda each: _cleaned(each).count("/"))
    covered = {_cleaned(each) for each in binds}
    rows = [*_unbound_mounts(container, covered), *(_bind(each) for each in binds)]
    return adjust_mounts(rows, container.adjustment) if container.adjustment else rows


def _cleaned(mount: pb.Mount) -> str:
    return posixpath.normpath(mount.container_path)


def _unbound_mounts(container: Container, covered: Collection[str]) -> list[dict[str, Any]]:
    mounts = [_mount(*each) for each in (*_DEFAULTS, _CGROUP)]
    if container.config.linux.security_context.privileged:
        mounts[-1]["options"] += _HOST_CGROUP_OPTIONS
        for each in mounts[-2:]:
            each["options"] = ["rw" if option == "ro" else option for option in each["options"]]
    return [each for each in mounts if not _is_covered(each["destination"], covered)]


def _is_covered(destination: str, covered: Collection[str]) -> bool:
    return destination in covered or ("/dev" in covered and destination.startswith("/dev/"))


def _mount(destination: str, kind: str, source: str, options: str) -> dict[str, Any]:
    what = {"destination": destination, "type": kind, "source": source}
    return {**what, "options": options.split(",")}


def _runtime_mounts(profile: Profile, container: Container) -> list[pb.Mount]:
    security = container.config.linux.security_context
    sandbox_id = container.parent.id
    root = f"{profile.root}/{CRI}/sandboxes/{sandbox_id}"
    files = [
        pb.Mount(
            container_path=f"/etc/{name}",
            host_path=f"{root}/{name}",
            readonly=security.readonly_rootfs,
            uidMappings=security.namespace_options.userns_options.uids,
            gidMappings=security.namespace_options.userns_options.gids,
        )
        for name in ("hostname", "hosts", "resolv.conf")
    ]
    shm = _shm_source(profile, sandbox_id, security.namespace_options)
    return [*files, pb.Mount(container_path=SHM, host_path=shm)]


def _shm_source(profile: Profile, sandbox_id: str, options: pb.NamespaceOption) -> str:
    if options.ipc == pb.NODE:
        return SHM
    return f"{profile.state}/{CRI}/sandboxes/{sandbox_id}/shm"


def _image_volumes(profile: Profile, container: Container) -> Iterable[pb.Mount]:
    userns = container.config.linux.security_context.namespace_options.userns_options
    for path in sorted(container.image.recipe.volumes):
        volume_id = hashlib.sha256(f"{container.id} {path}".encode()).hexdigest()
        yield pb.Mount(
            container_path=path if path.startswith("/") else f"/{path}",
            host_path=f"{profile.root}/{CRI}/containers/{container.id}/volumes/{volume_id}",
            uidMappings=userns.uids,
            gidMappings=userns.gids,
        )


def _bind(mount: pb.Mount) -> dict[str, Any]:
    writing = "rw"
    if mount.readonly:
        writing = "rro" if mount.recursive_read_only else "ro"
    return omit_empty(
        destination=mount.container_path,
        type="bind",
        source=mount.host_path,
        options=["rbind", _PROPAGATION.get(mount.propagation, "rprivate"), writing],
        uidMappings=mappings(mount.uidMappings),
        gidMappings=mappings(mount.gidMappings),
    )


def root_propagation(asked: Iterable[pb.Mount]) -> str:
    """Return linux.rootfsPropagation: what the widest of the mounts needs."""
    kinds = [each.propagation for each in asked]
    if pb.PROPAGATION_BIDIRECTIONAL in kinds:
        return "rshared"
    return "rslave" if pb.PROPAGATION_HOST_TO_CONTAINER in kinds else ""


def sandbox_mounts(profile: Profile, sandbox: Sandbox) -> list[dict[str, Any]]:
    """Return the mounts of the process that holds a sandbox's namespaces."""
    options = sandbox.config.linux.security_context.namespace_options
    shm = _shm_source(profile, sandbox.id, options)
    resolv_conf = f"{profile.root}/{CRI}/sandboxes/{sandbox.id}/resolv.conf"
    own = [(SHM, "bind", shm), (_RESOLV_CONF, "bind", resolv_conf)]
    return [
        *(_mount(*each) for each in _DEFAULTS),
        *(_mount(*each, "rbind,ro,nosuid,nodev,noexec") for each in own),
    ]
