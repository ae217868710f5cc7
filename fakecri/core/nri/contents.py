"""Pods and containers as plugins are told of them, from what verbose statuses show too."""

from collections.abc import Mapping
from typing import Any

from fakecri.api import nri_pb2 as nri
from fakecri.core.daemon_config import RUNTIME_TYPE
from fakecri.core.nri.resources import given_resources, resources_of_spec
from fakecri.core.nri.specs import (
    devices_of,
    hooks_of,
    io_priority_of,
    mounts_of,
    namespaces_of,
    rdt_of,
    scheduler_of,
    seccomp_of,
    valid,
)
from fakecri.core.oci_pause import sandbox_spec
from fakecri.core.oci_spec import container_spec
from fakecri.core.records import Container, Sandbox
from fakecri.core.states import ContainerState, SandboxState
from fakecri.core.world import World

_KIND = "io.cri-containerd.kind"
_STATES = {
    ContainerState.CREATED: nri.CONTAINER_CREATED,
    ContainerState.RUNNING: nri.CONTAINER_RUNNING,
}  # of all others containerd says that it does not know, unless it tells of the end itself


def pod_message(world: World, sandbox: Sandbox) -> nri.PodSandbox:
    """Return a pod as it is now, also before and after the time when clients see it."""
    config, spec = sandbox.config, sandbox_spec(world, sandbox)
    metadata = config.metadata
    return nri.PodSandbox(
        id=sandbox.id,
        name=metadata.name,
        uid=metadata.uid,
        namespace=metadata.namespace,
        labels={
            "oci_runtime_type": RUNTIME_TYPE,
            "selinux_label": "",
            **config.labels,
            _KIND: "sandbox",
        },
        annotations={**config.annotations, **spec["annotations"]},
        runtime_handler=sandbox.runtime_handler,
        linux=_linux_pod(sandbox, spec["linux"]),
        pid=0 if _is_dead(sandbox) else sandbox.pid,
        ips=sandbox.ips,
    )


def _is_dead(sandbox: Sandbox) -> bool:
    is_made = bool(sandbox.created_ns)
    return sandbox.pause_exited or (is_made and sandbox.state is not SandboxState.READY)


def _linux_pod(sandbox: Sandbox, spec: Mapping[str, Any]) -> nri.LinuxPodSandbox:
    linux, namespaces = sandbox.config.linux, spec["namespaces"]
    if sandbox.netns_closed:
        namespaces = [each for each in namespaces if each["type"] != "network"]
    return nri.LinuxPodSandbox(
        pod_overhead=given_resources(linux, "overhead"),
        pod_resources=given_resources(linux, "resources"),
        cgroup_parent=linux.cgroup_parent,
        cgroups_path=spec["cgroupsPath"],
        namespaces=namespaces_of(namespaces),
        resources=resources_of_spec(spec["resources"]),
    )


def container_message(
    world: World, container: Container, *, pid: int = 0, ended: bool = False
) -> nri.Container:
    """Return a container as it is now, also before and after the time when clients see it.

    `pid` is its first process where it does not run yet, or no more; `ended` tells of its end.
    """
    config, spec = container.config, container_spec(world, container)
    state = nri.CONTAINER_STOPPED if ended else _STATES.get(container.state, nri.CONTAINER_UNKNOWN)
    message = _outline(container, spec)
    message.state = state
    message.labels.update(_labels(container))
    message.annotations.update(config.annotations)
    message.pid = container.pid or pid
    message.created_at = container.created_ns
    message.started_at = container.started_ns
    message.finished_at = container.finished_ns
    message.exit_code = container.exit_code
    message.CDI_devices.extend(nri.CDIDevice(name=each.name) for each in config.CDI_devices)
    message.image.CopyFrom(_image(container))
    security = config.linux.security_context
    if security.HasField("seccomp"):
        profile = message.linux.seccomp_profile
        profile.profile_type = nri.SecurityProfile.ProfileType.ValueType(
            security.seccomp.profile_type
        )
        profile.localhost_ref = security.seccomp.localhost_ref
    return message


def bare_container_message(world: World, container: Container) -> nri.Container:
    """Return a container whose creation failed: its id, and what its spec says."""
    return _outline(container, container_spec(world, container))


def _outline(container: Container, spec: Mapping[str, Any]) -> nri.Container:
    process, linux = spec["process"], spec["linux"]
    user = process["user"]
    return nri.Container(
        id=container.id,
        pod_sandbox_id=container.parent.id,
        name=container.config.metadata.name,
        annotations=spec["annotations"],
        args=[valid(each) for each in process.get("args", ())],
        env=[valid(each) for each in process.get("env", ())],
        mounts=mounts_of(spec["mounts"]),
        hooks=hooks_of(spec["hooks"]) if "hooks" in spec else None,
        linux=_linux_container(process, linux),
        rlimits=[
            nri.POSIXRlimit(type=each["type"], hard=each["hard"], soft=each["soft"])
            for each in process.get("rlimits", ())
        ],
        user=nri.User(
            uid=user["uid"], gid=user["gid"], additional_gids=user.get("additionalGids", ())
        ),
    )


def _linux_container(process: Mapping[str, Any], linux: Mapping[str, Any]) -> nri.LinuxContainer:
    score = process.get("oomScoreAdj")
    return nri.LinuxContainer(
        namespaces=namespaces_of(linux.get("namespaces", ())),
        devices=devices_of(linux.get("devices", ())),
        resources=resources_of_spec(linux["resources"]),
        oom_score_adj=None if score is None else nri.OptionalInt(value=score),
        cgroups_path=linux.get("cgroupsPath", ""),
        io_priority=io_priority_of(process.get("ioPriority")),
        seccomp_policy=seccomp_of(linux.get("seccomp")),
        sysctl=linux.get("sysctl", {}),
        net_devices={
            name: nri.LinuxNetDevice(name=each.get("name", ""))
            for name, each in linux.get("netDevices", {}).items()
        },
        scheduler=scheduler_of(process.get("scheduler")),
        rdt=rdt_of(linux.get("intelRdt")),
    )


def _labels(container: Container) -> dict[str, str]:
    # A label of the config wins, whatever its name.
    return {**container.image.recipe.labels, _KIND: "container", **container.config.labels}


def _image(container: Container) -> nri.Image:
    image = container.image
    return nri.Image(
        name=container.image_name,
        digest=image.index_digest or image.manifest_digest,
        config_digest=image.id,
    )
