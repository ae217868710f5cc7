"""The OCI runtime spec of the process that holds a sandbox's namespaces: pause."""

from functools import lru_cache
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.capabilities import DEFAULT
from fakecri.core.cni import netns_path
from fakecri.core.creation import user_string
from fakecri.core.go_json import omit_empty
from fakecri.core.known_images import Recipe, canonical_repository, find_known, unknown_recipe
from fakecri.core.oci_mounts import CRI, sandbox_mounts
from fakecri.core.oci_parts import (
    NAMESPACES,
    OCI_VERSION,
    READ_WRITE_MAKE,
    annotations,
    capability_sets,
    cgroups_path,
    has_user_namespace,
    id_mappings,
    seccomp,
)
from fakecri.core.processes import ProcessSpec, User
from fakecri.core.records import Sandbox
from fakecri.core.references import parse_reference
from fakecri.core.world import World

CPU_SHARES = 2
OOM_SCORE = -998

_MASKED_PATHS = (
    *(f"/proc/{name}" for name in ("acpi", "asound", "kcore", "keys", "latency_stats")),
    *(f"/proc/{name}" for name in ("timer_list", "timer_stats", "sched_debug")),
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    "/proc/scsi",
)
_READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")
_UNPRIVILEGED = {  # what a pod may do that the node's root alone may do by default
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
}


def sandbox_spec(world: World, sandbox: Sandbox) -> dict[str, Any]:
    """Return the spec of a sandbox, which never changes."""
    return omit_empty(
        ociVersion=OCI_VERSION,
        process=_process(world, sandbox),
        root={"path": "rootfs", "readonly": True},
        hostname=sandbox.config.hostname,
        mounts=sandbox_mounts(world.profile, sandbox),
        annotations=_annotations(world, sandbox),
        linux=_linux(world, sandbox),
    )


def pause_spec(world: World, sandbox: Sandbox) -> ProcessSpec:
    """Return what the pause process of a pod is started with, as far as others see it."""
    process = _process(world, sandbox)
    user = User(process["user"]["uid"], process["user"]["gid"])
    return ProcessSpec(tuple(process["args"]), cwd=process["cwd"], user=user)


def _process(world: World, sandbox: Sandbox) -> dict[str, Any]:
    image = _pause(world.profile.sandbox_image)
    security = sandbox.config.linux.security_context
    asked = user_string(
        security.run_as_user.value if security.HasField("run_as_user") else None,
        "",
        security.run_as_group.value if security.HasField("run_as_group") else None,
    )
    return {
        "user": _user(asked or image.user),
        "args": list(image.argv),
        "env": list(image.env),
        "cwd": image.working_dir or "/",
        "capabilities": capability_sets(DEFAULT),
        "noNewPrivileges": True,
        "oomScoreAdj": OOM_SCORE,
    }


@lru_cache
def _pause(name: str) -> Recipe:
    reference = parse_reference(name)
    repository = canonical_repository(reference.name)
    known = find_known(repository, reference.tag)
    return known.recipe if known else unknown_recipe(repository)


def _user(text: str) -> dict[str, Any]:
    # There is no /etc/passwd in the image: only numbers can be meant.
    uid, _, gid = text.partition(":")
    return {"uid": int(uid or 0), "gid": int(gid or 0), "additionalGids": [int(gid or 0)]}


def _annotations(world: World, sandbox: Sandbox) -> dict[str, str]:
    config = sandbox.config
    own = {
        "container-type": "sandbox",
        "podsandbox.image-name": world.profile.sandbox_image,
        "sandbox-id": sandbox.id,
        "sandbox-log-directory": config.log_directory,
    }
    if config.linux.HasField("resources"):
        asked = config.linux.resources
        own["sandbox-cpu-period"] = str(asked.cpu_period)
        own["sandbox-cpu-quota"] = str(asked.cpu_quota)
        own["sandbox-cpu-shares"] = str(asked.cpu_shares)
        own["sandbox-memory"] = str(asked.memory_limit_in_bytes)
    return annotations(config.metadata, own)


def _linux(world: World, sandbox: Sandbox) -> dict[str, Any]:
    security = sandbox.config.linux.security_context
    return omit_empty(
        **id_mappings(security.namespace_options),
        sysctl=_sysctls(sandbox) or None,
        resources={
            "devices": [{"allow": False, "access": READ_WRITE_MAKE}],
            "cpu": {"shares": CPU_SHARES},
        },
        cgroupsPath=cgroups_path(sandbox.config, sandbox.id),
        namespaces=_namespaces(world, sandbox),
        seccomp=seccomp(world.mounted, security),
        maskedPaths=_MASKED_PATHS,
        readonlyPaths=_READONLY_PATHS,
    )


def _sysctls(sandbox: Sandbox) -> dict[str, str]:
    sysctls = {} if sandbox.host_network else dict(_UNPRIVILEGED)
    if has_user_namespace(sandbox.config.linux.security_context.namespace_options):
        sysctls.pop("net.ipv4.ping_group_range", None)
    sysctls.update(sandbox.config.linux.sysctls)
    return {name: sysctls[name] for name in sorted(sysctls)}


def _namespaces(world: World, sandbox: Sandbox) -> list[dict[str, Any]]:
    options = sandbox.config.linux.security_context.namespace_options
    shared = {
        "pid": options.pid == pb.NODE,
        "ipc": options.ipc == pb.NODE,
        "uts": sandbox.host_network,
        "network": sandbox.host_network,
    }
    paths = {"network": netns_path(sandbox)}
    kinds = [kind for kind in NAMESPACES if not shared.get(kind)]
    if has_user_namespace(options):
        kinds.append("user")
        if not sandbox.host_network:
            pinned = f"{CRI}/sandboxes/{sandbox.id}/pinned-namespaces/user"
            paths["user"] = f"{world.profile.state}/{pinned}"
    return [omit_empty(type=kind, path=paths.get(kind)) for kind in kinds]
