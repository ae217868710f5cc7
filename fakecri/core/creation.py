"""What CreateContainer makes of its configs and an image: the checks, and the process to run.

Source: spec lifecycle 8 and 12.3. The order of the checks is the order of containerd's errors.
"""

import errno
import posixpath
import re
from collections.abc import Iterable, Mapping, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

from google.protobuf.text_format import MessageToString

from fakecri.api import runtime_pb2 as pb
from fakecri.core import signals
from fakecri.core.executables import DEFAULT_PATH, quoted
from fakecri.core.files import Files
from fakecri.core.image_finding import find_image
from fakecri.core.image_registry import ImageContent
from fakecri.core.image_store import AmbiguousDigest, StoredImage
from fakecri.core.node import NODE_NAME
from fakecri.core.paths import go_error_text
from fakecri.core.processes import ProcessSpec, User
from fakecri.core.profiles import ImageLookup, Profile
from fakecri.core.records import Sandbox
from fakecri.core.references import is_identifier, parse_reference
from fakecri.core.rootfs.lookups import image_lookup
from fakecri.core.rootfs.nodes import Node
from fakecri.core.states import SandboxState
from fakecri.core.userlands import Userland
from fakecri.core.world import World
from fakecri.errors import CRIError, InvalidError, NotFoundError, wrapped

LABEL_LIMIT = 4096
INT32_MAX = 2**31 - 1


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


def framed(profile: Profile, text: str) -> AbstractContextManager[None]:
    """Put `text: ` before errors that pass, unless the runtime tells them as they are."""
    return wrapped(text) if text and not profile.plain_creation else nullcontext()


def require_short_labels(profile: Profile, labels: Mapping[str, str], prefix: str) -> None:
    """Raise where a runtime's store would refuse a label."""
    for key in sorted(labels):
        total = len(key.encode()) + len(labels[key].encode())
        if total > LABEL_LIMIT and profile.plain_creation:
            raise CRIError(
                f"label key and value greater than maximum size ({LABEL_LIMIT} bytes), "
                f"key: {key[:10]}"
            )
        if total > LABEL_LIMIT:
            raise InvalidError(
                f"{prefix}: create container failed validation: containers.Labels: "
                f"{profile.texts.label_too_long.format(total=total)} greater than maximum size "
                f"({LABEL_LIMIT} bytes), key: {key[:64]}: invalid argument"
            )


def completed_pod(profile: Profile, config: pb.PodSandboxConfig) -> pb.PodSandboxConfig:
    """Return a pod's config as it is kept.

    With labels that a runtime adds, and without annotations that it does not allow.
    """
    if not (profile.adds_pod_labels or profile.dropped_annotations):
        return config
    kept = pb.PodSandboxConfig.FromString(config.SerializeToString())
    metadata = config.metadata
    own = {"name": metadata.name, "namespace": metadata.namespace, "uid": metadata.uid}
    for key, value in own.items() if profile.adds_pod_labels else ():
        label = f"io.kubernetes.pod.{key}"
        if label not in kept.labels:
            kept.labels[label] = value
    _drop_annotations(profile, kept.annotations)
    return kept


def completed_container(profile: Profile, config: pb.ContainerConfig) -> pb.ContainerConfig:
    """Return a container's config without annotations that a runtime does not allow."""
    if not profile.dropped_annotations:
        return config
    kept = pb.ContainerConfig.FromString(config.SerializeToString())
    _drop_annotations(profile, kept.annotations)
    return kept


def _drop_annotations(profile: Profile, annotations: MutableMapping[str, str]) -> None:
    for key in [each for each in annotations if each.startswith(profile.dropped_annotations)]:
        del annotations[key]


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
    if world.profile.image_lookup is ImageLookup.THREE_DIGITS:
        return _image_of_storage(world, reference)
    with wrapped(f"failed to resolve image {quoted(reference)}"):
        try:
            image = world.images.resolve(reference)
        except AmbiguousDigest as error:
            raise CRIError(str(error)) from error
        if image is None:
            raise NotFoundError("not found")
        return image


def _image_of_storage(world: World, reference: str) -> StoredImage:
    if not reference:
        raise CRIError("CreateContainerRequest.ContainerConfig.Image.Image is empty")
    image = find_image(world, reference)
    if image is None:
        name = reference if is_identifier(reference) else str(parse_reference(reference))
        where = f"[overlay@{world.profile.root}+{world.profile.state}]"
        raise CRIError(
            f"reference {quoted(where + name)} does not resolve to an image ID: "
            "identifier is not an image"
        )
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
        raise CRIError(f"hostpath must be empty while mount image: {text}")
    if not mount.readonly:
        raise CRIError(f"readonly must be true while mount image: {text}")
    if not mount.image.image:
        text = MessageToString(mount.image, as_one_line=True)
        raise CRIError(f"image not specified in: {text}")
    image = resolve_image(world, mount.image.image)
    content = image.content
    if world.profile.tells_volume_images:
        mount.image.image_ref = world.profile.image_id(image.id)
    _, _, digest = (content.index_digest or content.manifest_digest).partition(":")
    volumes = f"{world.profile.state}/io.containerd.grpc.v1.cri/image-volumes"
    target = posixpath.join(volumes, sandbox.id, digest)
    sub_path = mount.image_sub_path
    mount.host_path = posixpath.join(target, sub_path) if sub_path else target
    sandbox.image_volumes[mount.host_path] = _image_directory(content, sub_path, target)
    mount.ClearField("uidMappings")
    mount.ClearField("gidMappings")


def _image_directory(content: ImageContent, sub_path: str, target: str) -> Node:
    """Return what is at a path in an image. Source: containerd, which says so of `target`."""
    lookup = image_lookup(content.userland, content.recipe)
    with wrapped(f"failed to ensure image subpath {quoted(sub_path)} in {quoted(target)}"):
        try:
            node = lookup.place(posixpath.join("/", sub_path), "/").held
        except OSError as error:
            raise CRIError(go_error_text("openat", sub_path, error)) from error
        if node.kind != "dir":
            raise CRIError(
                f"only directory subpath is supported, subpath: {quoted(sub_path)}, "
                f"mountpoint: {quoted(target)} "
            )
    return node


def log_path(profile: Profile, request: pb.CreateContainerRequest, id_: str) -> str:
    """Return where the log goes; empty: nowhere, unless both parts are given.

    A runtime with a root for logs has a place for every container.
    """
    directory, name = request.sandbox_config.log_directory, request.config.log_path
    if profile.log_root:
        directory = directory or f"{profile.log_root}/{request.pod_sandbox_id}"
        name = name or f"{id_}.log"
    if not (name and directory):
        return ""
    path = posixpath.normpath(f"{directory}/{name}")
    return path[1:] if path.startswith("//") else path


def process_spec(
    request: pb.CreateContainerRequest,
    sandbox: Sandbox,
    image: ImageContent,
    argv: tuple[str, ...],
    rootfs: str = "",
) -> ProcessSpec:
    """Return the process that is asked for. `rootfs`: where users are looked up, if errors tell."""
    config = request.config
    return ProcessSpec(
        argv=argv,
        environment=_environment(config, image, request.sandbox_config.hostname or NODE_NAME),
        cwd=config.working_dir or image.recipe.working_dir or "/",
        user=_user(config.linux.security_context, image, rootfs),
        tty=config.tty,
        hostname=sandbox.config.hostname or NODE_NAME,
        group_names=_group_names(image.userland),
    )


@lru_cache(maxsize=1024)
def _group_names(userland: Userland) -> Mapping[int, str]:
    return {each.gid: each.name for each in userland.groups}


def argv(config: pb.ContainerConfig, image: ImageContent) -> tuple[str, ...]:
    """Return the command line; CRIError where neither config nor image has one."""
    # A command of the config drops the image's CMD with its ENTRYPOINT.
    command, arguments = tuple(config.command), tuple(config.args)
    if not command:
        command = image.recipe.entrypoint
        arguments = arguments or image.recipe.cmd
    if not command + arguments:
        raise CRIError("no command specified")
    return command + arguments


def prepare_mounts(files: Files, asked: Iterable[pb.Mount]) -> None:
    """Make the host paths that are missing; raise for what cannot be mounted so."""
    for mount in sorted(asked, key=lambda each: _depth(each.container_path)):
        if not mount.HasField("image"):
            _make_host_path(files, mount.host_path)
        if mount.recursive_read_only:
            _require_recursively_read_only(mount)


def _depth(path: str) -> int:
    # High-level mounts first, so that they do not hide others.
    return posixpath.normpath(path).count("/")


def _make_host_path(files: Files, path: str) -> None:
    if files.exists(path):
        return
    try:
        files.make_dirs(path, 0o755)
    except OSError as error:
        unreachable = error.errno in {errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL}
        call, what = ("stat", path) if unreachable else ("mkdir", error.filename or path)
        text = go_error_text(call, what, error)
        raise CRIError(f"failed to {call} {quoted(path)}: {text}") from error


def _require_recursively_read_only(mount: pb.Mount) -> None:
    where = f"(hostPath={quoted(mount.host_path)})"
    if not mount.readonly:
        raise CRIError(f"recursive read-only mount conflicts with RW mount {where}")
    if mount.propagation != pb.PROPAGATION_PRIVATE:
        known = pb.MountPropagation.values()
        asked = mount.propagation
        name = pb.MountPropagation.Name(asked) if asked in known else str(asked)
        raise CRIError(f'recursive read-only mount needs private propagation, got "{name}" {where}')


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


def _user(security: pb.LinuxContainerSecurityContext, image: ImageContent, rootfs: str) -> User:
    with wrapped("failed to get container spec opts"):
        asked = user_string(
            security.run_as_user.value if security.HasField("run_as_user") else None,
            security.run_as_username,
            security.run_as_group.value if security.HasField("run_as_group") else None,
        )
        if security.supplemental_groups_policy not in pb.SupplementalGroupsPolicy.values():
            raise CRIError(
                "not implemented in this containerd release: "
                f"SupplementalGroupsPolicy={security.supplemental_groups_policy}"
            )
    text = asked or image.recipe.user
    with wrapped("failed to create containerd container"):
        uid, gid, name = _resolve_user(text, image.userland, rootfs)
    groups = {group % 2**32 for group in security.supplemental_groups}
    if security.supplemental_groups_policy == pb.Merge:
        groups.update(image.userland.group_ids_of(name))
        groups.add(gid)
    elif text:
        groups.add(gid)
    return User(uid, gid, tuple(sorted(groups)), name)


def _resolve_user(text: str, userland: Userland, rootfs: str) -> tuple[int, int, str]:
    """Return uid, gid and name for `user` or `user:group`, each a name or a number."""
    user, *groups = text.split(":") if text else ["0"]
    if len(groups) > 1:
        raise CRIError(f"invalid USER value {text}")
    uid = _number(user, text, "uid")
    known = userland.find_user(user) if uid is None else userland.find_uid(uid)
    gid = _number(groups[0], text, "gid") if groups else None
    with wrapped(f"mount callback failed on {rootfs}") if rootfs else nullcontext():
        if known is None and uid is None:
            raise CRIError("no users found")
        if gid is None and groups:
            gid = _group_id(groups[0], userland)
    if known is None:
        return uid or 0, gid or 0, ""
    return known.uid, known.gid if gid is None else gid, known.name


def _number(text: str, whole: str, kind: str) -> int | None:
    """Return a number as Go reads it; None: it is a name."""
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    # As many digits as fit; Python reads no number of thousands of them.
    if len(text.lstrip("+-0")) > len(str(INT32_MAX)) or not 0 <= int(text) <= INT32_MAX:
        raise CRIError(f"invalid USER value {quoted(whole)}: {kind} out of range")
    return int(text)


def _group_id(name: str, userland: Userland) -> int:
    group = userland.find_group(name)
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
