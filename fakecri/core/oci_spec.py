"""The OCI runtime spec that containerd hands to runc for a container.

Nothing obeys it here; clients see it in verbose statuses. It is the one of a node with cgroup v2
that has neither AppArmor nor SELinux.
"""

from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.capabilities import capabilities_of
from fakecri.core.go_json import omit_empty
from fakecri.core.nri.adjusted import adjust_devices, adjust_spec, device_rules
from fakecri.core.oci_mounts import container_mounts, root_propagation
from fakecri.core.oci_parts import (
    NAMESPACES,
    OCI_VERSION,
    READ_WRITE_MAKE,
    annotations,
    capability_sets,
    cgroups_path,
    device,
    device_rule,
    has_user_namespace,
    host_devices,
    id_mappings,
    seccomp,
)
from fakecri.core.records import Container
from fakecri.core.world import World


def container_spec(world: World, container: Container) -> dict[str, Any]:
    """Return the spec as it is now: updates of the container's resources are in it."""
    readonly = container.config.linux.security_context.readonly_rootfs
    spec = {
        "ociVersion": OCI_VERSION,
        "process": _process(container),
        "root": omit_empty(path="rootfs", readonly=readonly),
        "mounts": container_mounts(world.profile, container),
        "annotations": _annotations(container),
        "linux": _linux(world, container),
    }
    if container.adjustment is not None:
        adjust_spec(spec, container.adjustment)
    return spec


def container_devices(container: Container) -> list[dict[str, Any]]:
    """Return the devices of a container."""
    config, adjustment = container.config, container.adjustment
    hidden = not config.linux.security_context.privileged
    devices = [device(each) for each in config.devices] if hidden else host_devices()
    return adjust_devices(devices, adjustment) if adjustment else devices


def _process(container: Container) -> dict[str, Any]:
    spec, linux = container.spec, container.config.linux
    security = linux.security_context
    user = {"uid": spec.user.uid, "gid": spec.user.gid}
    return omit_empty(
        terminal=spec.tty,
        user=user | omit_empty(additionalGids=list(spec.user.groups)),
        args=list(spec.argv),
        env=[f"{key}={value}" for key, value in spec.environment.items()],
        cwd=spec.cwd,
        capabilities=capability_sets(capabilities_of(security)),
        noNewPrivileges=security.no_new_privs,
        oomScoreAdj=linux.resources.oom_score_adj if linux.HasField("resources") else None,
    )


def _annotations(container: Container) -> dict[str, str]:
    return annotations(
        container.sandbox_config.metadata,
        {
            "container-name": container.config.metadata.name,
            "container-type": "container",
            "image-name": container.image_name,
            "sandbox-id": container.parent.id,
        },
    )


def _linux(world: World, container: Container) -> dict[str, Any]:
    config = container.config
    security = config.linux.security_context
    hidden = not security.privileged
    return omit_empty(
        **id_mappings(security.namespace_options),
        resources=_resources(container),
        cgroupsPath=cgroups_path(container.sandbox_config, container.id),
        namespaces=_namespaces(world, container),
        devices=container_devices(container),
        seccomp=seccomp(world.mounted, security),
        rootfsPropagation=root_propagation(config.mounts),
        maskedPaths=list(security.masked_paths) if hidden else None,
        readonlyPaths=list(security.readonly_paths) if hidden else None,
    )


def _resources(container: Container) -> dict[str, Any]:
    config, now = container.config, container.resources
    privileged = config.linux.security_context.privileged
    devices: list[dict[str, Any]] = [{"allow": privileged, "access": READ_WRITE_MAKE}]
    if not privileged:
        devices += [device_rule(each) for each in config.devices]
    if container.adjustment is not None:
        devices += device_rules(container.adjustment)
    if not (config.linux.HasField("resources") or now.ByteSize()):
        return {"devices": devices}
    processors = _numbers(shares=now.cpu_shares, quota=now.cpu_quota, period=now.cpu_period)
    return omit_empty(
        devices=devices,
        memory=_numbers(limit=now.memory_limit_in_bytes, swap=now.memory_swap_limit_in_bytes),
        cpu=processors | omit_empty(cpus=now.cpuset_cpus, mems=now.cpuset_mems),
        unified=now.unified or None,
    )


def _numbers(**numbers: int) -> dict[str, Any]:
    return {name: number for name, number in numbers.items() if number}


def _namespaces(world: World, container: Container) -> list[dict[str, Any]]:
    security = container.config.linux.security_context
    options = security.namespace_options
    sandbox_pid = container.parent.pid
    pids = dict.fromkeys(("ipc", "uts", "network", "user"), sandbox_pid)
    if options.pid != pb.CONTAINER:
        pids["pid"] = _target_pid(world, options) or sandbox_pid
    kinds = [*NAMESPACES]
    if not security.privileged:
        kinds.append("cgroup")
    if has_user_namespace(options):
        kinds.append("user")
    return [omit_empty(type=kind, path=_path(pids.get(kind), kind)) for kind in kinds]


def _target_pid(world: World, options: pb.NamespaceOption) -> int:
    if options.pid != pb.TARGET:
        return 0
    target = world.store.containers.find(options.target_id)
    return target.pid if target else 0


def _path(pid: int | None, kind: str) -> str:
    return f"/proc/{pid}/ns/{kind.removesuffix('work')}" if pid else ""
