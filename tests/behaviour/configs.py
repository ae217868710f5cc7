"""Parts of configs that tests of behaviour ask for."""

from typing import Any

from fakecri.api import runtime_pb2 as pb

MAPPING = pb.IDMapping(host_id=65536, length=65536)


def linux(**security: Any) -> pb.LinuxContainerConfig:
    """Return the Linux part of a container's config; numbers of users are plain ones here."""
    for name in {"run_as_user", "run_as_group"} & set(security):
        security[name] = pb.Int64Value(value=security[name])
    return pb.LinuxContainerConfig(security_context=pb.LinuxContainerSecurityContext(**security))


def pod_linux(**security: Any) -> pb.LinuxPodSandboxConfig:
    """Return the Linux part of a sandbox's config; likewise."""
    for name in {"run_as_user", "run_as_group"} & set(security):
        security[name] = pb.Int64Value(value=security[name])
    return pb.LinuxPodSandboxConfig(security_context=pb.LinuxSandboxSecurityContext(**security))


def userns(mode: Any, uids: int = 0, gids: int = 0, network: Any = pb.POD) -> pb.NamespaceOption:
    """Return the options of a user namespace with so many mappings."""
    mappings = pb.UserNamespace(mode=mode, uids=[MAPPING] * uids, gids=[MAPPING] * gids)
    return pb.NamespaceOption(network=network, userns_options=mappings)


def mapped(uids: pb.IDMapping, gids: pb.IDMapping | None = None) -> pb.NamespaceOption:
    """Return the options of a pod's user namespace with these mappings."""
    mappings = pb.UserNamespace(mode=pb.POD, uids=[uids], gids=[gids or uids])
    return pb.NamespaceOption(userns_options=mappings)


def target(target_id: str) -> pb.NamespaceOption:
    """Return the options of a container that joins the PID namespace of another."""
    return pb.NamespaceOption(pid=pb.TARGET, target_id=target_id)
