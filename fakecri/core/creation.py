"""What CreateContainer makes of its configs and an image: the checks, and the process to run.

Source: spec lifecycle 8 and 12.3. The order of the checks is the order of containerd's errors.
"""

import posixpath
from collections.abc import Iterable, Mapping

from google.protobuf.message import Message
from google.protobuf.text_format import MessageToString

from fakecri.api import runtime_pb2 as pb
from fakecri.core import signals
from fakecri.core.image_registry import ImageContent
from fakecri.core.image_store import AmbiguousDigest, StoredImage
from fakecri.core.processes import ProcessSpec, User
from fakecri.core.records import Sandbox
from fakecri.core.states import ContainerState, SandboxState
from fakecri.core.store import Store
from fakecri.core.userlands import Userland
from fakecri.core.world import World
from fakecri.errors import CRIError, InvalidError, NotFoundError, wrapped

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
LABEL_LIMIT = 4096
NODE_NAME = "fakecri"


def sandbox_name(metadata: pb.PodSandboxMetadata) -> str:
    """Return the name that a sandbox reserves."""
    return "_".join((metadata.name, metadata.namespace, metadata.uid, str(metadata.attempt)))


def container_name(metadata: pb.ContainerMetadata, pod: pb.PodSandboxMetadata) -> str:
    """Return the name that a container reserves. The sandbox's attempt is no part of it."""
    return "_".join((metadata.name, pod.name, pod.namespace, pod.uid, str(metadata.attempt)))


def require_ready(sandbox: Sandbox) -> None:
    """Raise where the sandbox cannot take or start containers."""
    if sandbox.state is not SandboxState.READY:
        raise CRIError(f'sandbox container "{sandbox.id}" is not running')


def require_configs(request: pb.CreateContainerRequest) -> None:
    """Raise where metadata are missing."""
    if not request.config.HasField("metadata"):
        raise CRIError("container config must include metadata")
    if not request.sandbox_config.HasField("metadata"):
        raise CRIError("pod sandbox config must include metadata")


def require_short_labels(labels: Mapping[str, str], prefix: str) -> None:
    """Raise where containerd's metadata store would refuse a label."""
    for key in sorted(labels):
        total = len(key.encode()) + len(labels[key].encode())
        if total > LABEL_LIMIT:
            raise InvalidError(
                f"{prefix}: containers.Labels: label key and value length ({total} bytes) greater "
                f"than maximum size ({LABEL_LIMIT} bytes), key: {key[:64]}: invalid argument"
            )


def require_known_stop_signal(config: pb.ContainerConfig) -> None:
    """Raise where the number is none of the contract's."""
    if config.stop_signal not in pb.Signal.values():
        raise InvalidError(f"unknown CRI stop signal {config.stop_signal}: invalid argument")


def stop_signal(config: pb.ContainerConfig, image: ImageContent) -> str:
    """Return the name of the signal to stop with; empty: neither config nor image says."""
    number = config.stop_signal
    return signals.signal_text(number) if number else image.recipe.stop_signal


def resolve_image(world: World, reference: str) -> StoredImage:
    """Return the stored image that `reference` names."""
    with wrapped(f'failed to resolve image "{reference}"'):
        try:
            image = world.images.resolve(reference)
        except AmbiguousDigest as error:
            raise CRIError(f'can not resolve "{reference}" locally: {error}') from error
        if image is None:
            raise NotFoundError("not found")
        return image


def with_image_mounts(
    world: World, sandbox: Sandbox, config: pb.ContainerConfig
) -> pb.ContainerConfig:
    """Return the config as it is stored: mounts of images have got a host path."""
    if not any(each.HasField("image") for each in config.mounts):
        return config
    stored = pb.ContainerConfig.FromString(config.SerializeToString())
    with wrapped("failed to mount image volume: ImageVolumeMountFailed"):
        for mount in stored.mounts:
            if mount.HasField("image"):
                _mount_image(world, sandbox, mount)
    return stored


def _mount_image(world: World, sandbox: Sandbox, mount: pb.Mount) -> None:
    text = MessageToString(mount, as_one_line=True)
    if mount.host_path:
        raise CRIError(f"hostpath must be empty for mount image: {text}")
    if not mount.readonly:
        raise CRIError(f"readonly must be true for mount image: {text}")
    if not mount.image.image:
        raise CRIError(f"image not specified in: {text}")
    image = resolve_image(world, mount.image.image)
    volumes = f"{world.profile.state}/io.containerd.grpc.v1.cri/image-volumes"
    mount.host_path = posixpath.join(volumes, sandbox.id, image.id)
    mount.ClearField("uidMappings")
    mount.ClearField("gidMappings")


def log_path(config: pb.ContainerConfig, sandbox_config: pb.PodSandboxConfig) -> str:
    """Return where the log goes; empty: nowhere, unless both parts are given."""
    if not (config.log_path and sandbox_config.log_directory):
        return ""
    path = posixpath.normpath(f"{sandbox_config.log_directory}/{config.log_path}")
    return path[1:] if path.startswith("//") else path


def process_spec(
    request: pb.CreateContainerRequest,
    sandbox: Sandbox,
    image: ImageContent,
    argv: tuple[str, ...],
) -> ProcessSpec:
    """Return the process that configs and image ask for."""
    config = request.config
    return ProcessSpec(
        argv=argv,
        environment=_environment(config, image, request.sandbox_config.hostname or NODE_NAME),
        cwd=config.working_dir or image.recipe.working_dir or "/",
        user=_user(config.linux.security_context, image),
        tty=config.tty,
        hostname=sandbox.config.hostname or NODE_NAME,
        group_names={each.gid: each.name for each in image.userland.groups},
    )


def check_namespaces(store: Store, request: pb.CreateContainerRequest, sandbox: Sandbox) -> None:
    """Raise where privileges or namespaces do not fit the sandbox."""
    security = request.config.linux.security_context
    pod_security = request.sandbox_config.linux.security_context
    with wrapped("failed to generate spec opts"):
        if security.privileged and not pod_security.privileged:
            raise CRIError("no privileged container allowed in sandbox")
        options = security.namespace_options
        if options.pid == pb.TARGET:
            require_target(store, options.target_id, sandbox)
        ours, theirs = options.userns_options, pod_security.namespace_options.userns_options
        if ours != theirs:
            raise CRIError(
                "user namespace config for sandbox is different from container. Sandbox userns "
                f"config: {_text(theirs)} - Container userns config: {_text(ours)}"
            )


def require_target(store: Store, target_id: str, sandbox: Sandbox) -> None:
    """Raise where the container whose PID namespace is to be joined is not there to be joined."""
    with wrapped("invalid target container"):
        with wrapped(f'container "{target_id}" does not exist'):
            target = store.containers.get(target_id)
        if target.parent is not sandbox:
            raise CRIError(f'container "{target_id}" does not belong to sandbox {sandbox.id}')
        if target.state is not ContainerState.RUNNING:
            raise CRIError(
                f'container "{target_id}" is not running - in state CONTAINER_{target.state.name}'
            )


def _text(message: Message) -> str:
    return MessageToString(message, as_one_line=True) or "<nil>"


def argv(config: pb.ContainerConfig, image: ImageContent) -> tuple[str, ...]:
    """Return the command line; CRIError where neither config nor image has one."""
    # A command of the config drops the image's CMD with its ENTRYPOINT.
    command, arguments = tuple(config.command), tuple(config.args)
    if not command:
        command = image.recipe.entrypoint
        arguments = arguments or image.recipe.cmd
    if not command + arguments:
        raise CRIError("failed to generate spec: no command specified")
    return command + arguments


def check_mounts(asked: Iterable[pb.Mount]) -> None:
    """Raise where a mount asks for recursive read-only and for what excludes it."""
    for mount in asked:
        if not mount.recursive_read_only:
            continue
        if mount.propagation != pb.PROPAGATION_PRIVATE:
            raise CRIError(
                "failed to generate spec: recursive read-only mount needs private propagation "
                f'(mount dst "{mount.container_path}")'
            )
        if not mount.readonly:
            raise CRIError(
                "failed to generate spec: recursive read-only mount conflicts with RW mount "
                f'(mount dst "{mount.container_path}")'
            )


def _environment(
    config: pb.ContainerConfig, image: ImageContent, hostname: str
) -> Mapping[str, str]:
    environment = {"PATH": DEFAULT_PATH}
    if config.tty:
        environment["TERM"] = "xterm"
    environment["HOSTNAME"] = hostname
    for pair in image.recipe.env:
        key, _, value = pair.partition("=")
        environment[key] = value
    # The contract's values are bytes, as a kernel's are.
    environment.update(
        (each.key, each.value.decode(errors="surrogateescape")) for each in config.envs
    )
    return environment


def user_string(uid: int | None, username: str, gid: int | None) -> str:
    """Return `user[:group]` as containerd joins it; empty: the image decides."""
    user = username or ("" if uid is None else str(uid))
    if gid is None:
        return user
    if not user:
        raise CRIError(
            f'failed to generate user string: user group "{gid}" is specified without user'
        )
    return f"{user}:{gid}"


def _user(security: pb.LinuxContainerSecurityContext, image: ImageContent) -> User:
    with wrapped("failed to get container spec opts"):
        asked = user_string(
            security.run_as_user.value if security.HasField("run_as_user") else None,
            security.run_as_username,
            security.run_as_group.value if security.HasField("run_as_group") else None,
        )
    if security.supplemental_groups_policy not in pb.SupplementalGroupsPolicy.values():
        raise CRIError(
            "failed to get container spec opts: not implemented in this containerd release: "
            f"SupplementalGroupsPolicy={security.supplemental_groups_policy}"
        )
    with wrapped("failed to create containerd container"):
        uid, gid, name = _resolve_user(asked or image.recipe.user, image.userland)
    groups = {gid, *security.supplemental_groups}
    if security.supplemental_groups_policy == pb.Merge:
        groups.update(image.userland.group_ids_of(name))
    return User(uid, gid, tuple(sorted(groups)), name)


def _resolve_user(text: str, userland: Userland) -> tuple[int, int, str]:
    user, _, group = text.partition(":")
    known = userland.find_uid(int(user)) if user.isdecimal() else userland.find_user(user or "root")
    if known is not None:
        uid, gid, name = known.uid, known.gid, known.name
    elif user.isdecimal() or user in {"", "root"}:
        uid, gid, name = int(user or 0) if user != "root" else 0, 0, ""
    else:
        raise CRIError("no users found")
    return uid, _resolve_group(group, userland, gid), name


def _resolve_group(text: str, userland: Userland, default: int) -> int:
    if not text or text.isdecimal():
        return int(text or default)
    group = userland.find_group(text)
    if group is None:
        raise CRIError("no groups found")
    return group.gid


def merge_resources(
    current: pb.LinuxContainerResources, asked: pb.LinuxContainerResources
) -> pb.LinuxContainerResources:
    """Return `current` as a request changes it: what is 0 or empty stays as it was."""
    merged = pb.LinuxContainerResources.FromString(current.SerializeToString())
    score = merged.oom_score_adj
    merged.MergeFrom(asked)
    # Updates never change it, and MergeFrom would append to nothing but lists, as containerd does.
    merged.oom_score_adj = score
    if asked.memory_limit_in_bytes and not asked.memory_swap_limit_in_bytes:
        merged.memory_swap_limit_in_bytes = asked.memory_limit_in_bytes
    return merged


def first_resources(config: pb.ContainerConfig) -> pb.LinuxContainerResources:
    """Return the resources of a new container."""
    asked = config.linux.resources
    resources = merge_resources(pb.LinuxContainerResources(), asked)
    resources.oom_score_adj = asked.oom_score_adj
    return resources
