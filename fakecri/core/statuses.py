"""What clients are shown of a sandbox or a container: status and list messages.

Field by field as containerd fills them. Source: spec lifecycle 6.2, 7, 12.2 and 13.
"""

from fakecri.api import runtime_pb2 as pb
from fakecri.core import signals
from fakecri.core.image_store import ImageStore
from fakecri.core.records import Container, Sandbox
from fakecri.core.states import ContainerState, SandboxState


def sandbox_status(sandbox: Sandbox) -> pb.PodSandboxStatus:
    """Return PodSandboxStatus.status."""
    config = sandbox.config
    status = pb.PodSandboxStatus(
        id=sandbox.id,
        metadata=config.metadata,
        state=_sandbox_state(sandbox),
        created_at=sandbox.created_ns,
        labels=config.labels,
        annotations=config.annotations,
        runtime_handler=sandbox.runtime_handler,
        network=_network(sandbox),
    )
    status.linux.namespaces.SetInParent()
    security = config.linux.security_context
    if security.HasField("namespace_options"):
        status.linux.namespaces.options.CopyFrom(security.namespace_options)
    return status


def _sandbox_state(sandbox: Sandbox) -> pb.PodSandboxState.ValueType:
    # The event of its removal shows it once more.
    return pb.SANDBOX_READY if sandbox.state is SandboxState.READY else pb.SANDBOX_NOTREADY


def _network(sandbox: Sandbox) -> pb.PodSandboxNetworkStatus:
    # Always there: an absent one gives a pod without IPs, an empty one says that there are none.
    if not sandbox.ips or sandbox.netns_closed:
        return pb.PodSandboxNetworkStatus()
    primary, *others = sandbox.ips
    return pb.PodSandboxNetworkStatus(
        ip=primary, additional_ips=[pb.PodIP(ip=each) for each in others]
    )


def sandbox_item(sandbox: Sandbox) -> pb.PodSandbox:
    """Return an item of ListPodSandbox."""
    config = sandbox.config
    return pb.PodSandbox(
        id=sandbox.id,
        metadata=config.metadata,
        state=_sandbox_state(sandbox),
        created_at=sandbox.created_ns,
        labels=config.labels,
        annotations=config.annotations,
        runtime_handler=sandbox.runtime_handler,
    )


def container_item(container: Container) -> pb.Container:
    """Return an item of ListContainers. Its image fields are not those of the status."""
    config = container.config
    return pb.Container(
        id=container.id,
        pod_sandbox_id=container.parent.id,
        metadata=config.metadata,
        image=config.image,
        image_ref=container.image.id,
        image_id=container.image.id,
        state=container.state.value,  # type: ignore[arg-type]  # its number
        created_at=container.created_ns,
        labels=config.labels,
        annotations=config.annotations,
    )


def container_status(container: Container, images: ImageStore) -> pb.ContainerStatus:
    """Return ContainerStatus.status."""
    config = container.config
    image, image_ref = _image(container, images)
    status = pb.ContainerStatus(
        id=container.id,
        metadata=config.metadata,
        state=container.state.value,  # type: ignore[arg-type]  # its number
        created_at=container.created_ns,
        started_at=container.started_ns,
        finished_at=container.finished_ns,
        exit_code=container.exit_code,
        image=image,
        image_ref=image_ref,
        image_id=container.image.id,
        reason=_reason(container),
        message=container.message,
        labels=config.labels,
        annotations=config.annotations,
        mounts=config.mounts,
        log_path=container.log.path,
        resources=pb.ContainerResources(linux=container.resources),
        stop_signal=_stop_signal(container),  # type: ignore[arg-type]  # its number
    )
    user = container.spec.user
    status.user.linux.uid = user.uid
    status.user.linux.gid = user.gid
    status.user.linux.supplemental_groups.extend(user.groups)
    return status


def _image(container: Container, images: ImageStore) -> tuple[pb.ImageSpec, str]:
    stored = images.find(container.image.id)
    image, image_ref = container.config.image, container.image.id
    if stored is not None and stored.repo_tags:
        image = pb.ImageSpec(image=stored.repo_tags[0])
    if stored is not None and stored.repo_digests:
        image_ref = stored.repo_digests[0]
    return image, image_ref


def _reason(container: Container) -> str:
    if container.reason or container.state is not ContainerState.EXITED:
        return container.reason
    return "Error" if container.exit_code else "Completed"


def _stop_signal(container: Container) -> int:
    return signals.signal_enum(container.stop_signal or "SIGTERM")
