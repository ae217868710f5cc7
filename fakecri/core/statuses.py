"""What clients are shown of a sandbox or a container: status and list messages.

Field by field as containerd fills them, but where a trait says otherwise. Source: spec lifecycle
6.2, 7, 12.2 and 13.
"""

from fakecri.api import runtime_pb2 as pb
from fakecri.core import signals
from fakecri.core.image_store import ImageStore
from fakecri.core.profiles import Profile
from fakecri.core.records import Container, Sandbox
from fakecri.core.states import ContainerState, SandboxState


def sandbox_status(sandbox: Sandbox, profile: Profile) -> pb.PodSandboxStatus:
    """Return PodSandboxStatus.status."""
    config = sandbox.config
    status = pb.PodSandboxStatus(
        id=sandbox.id,
        metadata=config.metadata,
        state=_sandbox_state(sandbox),
        created_at=sandbox.created_ns,
        labels=config.labels,
        annotations=config.annotations,
        runtime_handler=sandbox.runtime_handler if profile.tells_handlers else "",
        network=_network(sandbox, profile),
    )
    status.linux.namespaces.SetInParent()
    security = config.linux.security_context
    if security.HasField("namespace_options") or profile.fills_namespaces:
        status.linux.namespaces.options.CopyFrom(security.namespace_options)
    return status


def _sandbox_state(sandbox: Sandbox) -> pb.PodSandboxState.ValueType:
    # The event of its removal shows it once more.
    return pb.SANDBOX_READY if sandbox.state is SandboxState.READY else pb.SANDBOX_NOTREADY


def _network(sandbox: Sandbox, profile: Profile) -> pb.PodSandboxNetworkStatus:
    # Always there: an absent one gives a pod without IPs, an empty one says that there are none.
    if not sandbox.ips or (sandbox.netns_closed and not profile.keeps_ips):
        return pb.PodSandboxNetworkStatus()
    primary, *others = sandbox.ips
    return pb.PodSandboxNetworkStatus(
        ip=primary, additional_ips=[pb.PodIP(ip=each) for each in others]
    )


def sandbox_item(sandbox: Sandbox, profile: Profile) -> pb.PodSandbox:
    """Return an item of ListPodSandbox."""
    config = sandbox.config
    return pb.PodSandbox(
        id=sandbox.id,
        metadata=config.metadata,
        state=_sandbox_state(sandbox),
        created_at=sandbox.created_ns,
        labels=config.labels,
        annotations=config.annotations,
        runtime_handler=sandbox.runtime_handler if profile.tells_handlers else "",
    )


def container_item(container: Container, profile: Profile) -> pb.Container:
    """Return an item of ListContainers. Its image fields are not those of the status."""
    config = container.config
    image, image_ref = config.image, container.image.id
    if profile.remembers_images:
        image, image_ref = pb.ImageSpec(image=image.image), _remembered_ref(container, profile)
    return pb.Container(
        id=container.id,
        pod_sandbox_id=container.parent.id,
        metadata=config.metadata,
        image=image,
        image_ref=image_ref,
        image_id=profile.image_id(container.image.id),
        state=container.state.value,  # type: ignore[arg-type]  # its number
        created_at=container.created_ns,
        labels=config.labels,
        annotations=config.annotations,
    )


def container_status(
    container: Container, images: ImageStore, profile: Profile
) -> pb.ContainerStatus:
    """Return ContainerStatus.status."""
    config = container.config
    image, image_ref = _image(container, images, profile)
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
        image_id=profile.image_id(container.image.id),
        reason=_reason(container),
        message=container.message,
        labels=config.labels,
        annotations=config.annotations,
        mounts=config.mounts,
        log_path=container.log.path,
        resources=pb.ContainerResources(linux=container.reported or container.resources),
        stop_signal=_stop_signal(container, profile),  # type: ignore[arg-type]  # its number
    )
    user = container.spec.user
    status.user.linux.uid = user.uid
    status.user.linux.gid = user.gid
    status.user.linux.supplemental_groups.extend(user.groups)
    return status


def _image(container: Container, images: ImageStore, profile: Profile) -> tuple[pb.ImageSpec, str]:
    if profile.remembers_images:
        name = container.image_name if len(container.image_names) > 1 else ""
        return pb.ImageSpec(image=name), _remembered_ref(container, profile)
    stored = images.find(container.image.id)
    image, image_ref = container.config.image, container.image.id
    if stored is not None and stored.repo_tags:
        image = pb.ImageSpec(image=stored.repo_tags[0])
    if stored is not None and stored.repo_digests:
        image_ref = stored.repo_digests[0]
    return image, image_ref


def _remembered_ref(container: Container, profile: Profile) -> str:
    """Return the first digest that its image had when the container was made, or the image's id."""
    digests = (name for name in container.image_names if "@" in name)
    return next(digests, profile.image_id(container.image.id))


def _reason(container: Container) -> str:
    if container.reason or container.state is not ContainerState.EXITED:
        return container.reason
    return "Error" if container.exit_code else "Completed"


def _stop_signal(container: Container, profile: Profile) -> int:
    if not profile.tells_stop_signals:
        return 0
    return signals.signal_enum(container.stop_signal or "SIGTERM")
