"""Checkpoints, of containers and of pods. Source: spec lifecycle 19.

No runtime has pod checkpoints yet; here they do what the contract promises. A process cannot be
kept: a restored container runs its program from the beginning.
"""

import json
import posixpath
import tarfile
from collections.abc import Iterable, Mapping
from io import BytesIO
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core import statuses
from fakecri.core.handlers.containers import create_container
from fakecri.core.handlers.sandboxes import remove_pod_sandbox, run_pod_sandbox
from fakecri.core.lookups import get_container
from fakecri.core.paths import go_error_text, go_open_error_text
from fakecri.core.records import Container, Sandbox
from fakecri.core.registry import handles
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.states import ContainerState, SandboxState
from fakecri.core.world import World
from fakecri.errors import Code, CRIError, InvalidError, NotFoundError, wrapped

MANIFEST = "pod.json"
FORMAT = 1


@handles
def checkpoint_container(
    world: World, request: pb.CheckpointContainerRequest
) -> pb.CheckpointContainerResponse:
    """Write an archive; the container goes on running, and nobody hears of it."""
    container = get_container(world, "CheckpointContainer", request.container_id)
    _require_running(container)
    # An archive that is there already is not cut off before it is written over.
    _write(world, request.location, _archive(world, container), truncate=False)
    return pb.CheckpointContainerResponse()


def _require_running(container: Container) -> None:
    if container.state is not ContainerState.RUNNING:
        raise CRIError(
            f'container "{container.id}" is in CONTAINER_{container.state.name} state. '
            "only CONTAINER_RUNNING containers can be checkpointed"
        )


def _write(world: World, path: str, content: bytes, *, truncate: bool = True) -> None:
    try:
        world.files.write(path, content, 0o600, truncate=truncate)
    except OSError as error:
        raise CRIError(go_open_error_text(path, error)) from error


def _read(world: World, path: str) -> bytes:
    try:
        return world.files.read(path)
    except OSError as error:
        raise CRIError(go_error_text("read", path, error)) from error


def _archive(world: World, container: Container) -> bytes:
    members = {
        "config.dump": _json(
            {
                "id": container.id,
                "name": container.config.metadata.name,
                "rootfsImageName": container.image_name,
                "rootfsImageRef": container.image.id,
                "checkpointedTime": world.clock.wall_ns(),
            }
        ),
        "spec.dump": _json(_plain(container.config)),
        "status.dump": _json(
            _plain(statuses.container_status(container, world.images, world.profile))
        ),
        "checkpoint/process.json": _json(
            {"argv": list(container.spec.argv), "cwd": container.spec.cwd, "pid": container.pid}
        ),
        "rootfs-diff.tar": _tar({}, 0),
        "dump.log": b"",
    }
    if container.log.path and world.files.exists(container.log.path):
        members["container.log"] = _read(world, container.log.path)
    return _tar(members, world.clock.wall_ns() // SECOND_NS)


def _tar(members: Mapping[str, bytes], mtime_s: int) -> bytes:
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime, member.mode = len(content), mtime_s, 0o600
            tar.addfile(member, BytesIO(content))
    return archive.getvalue()


def _json(facts: Mapping[str, Any]) -> bytes:
    return json.dumps(facts, sort_keys=True, indent=1).encode()


def _plain(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return plain


@handles
def checkpoint_pod(world: World, request: pb.CheckpointPodRequest) -> pb.CheckpointPodResponse:
    """Write one archive a container and a manifest, or nothing at all."""
    with wrapped("failed to find sandbox"):
        sandbox = world.store.sandboxes.get(request.pod_sandbox_id)
    if sandbox.state is not SandboxState.READY:
        raise CRIError(f'sandbox "{sandbox.id}" is not running', Code.FAILED_PRECONDITION)
    _require_known_options(request.options)
    containers = _selected(sandbox, request.container_ids)
    _require_empty_directory(world, request.output_path)
    content = {f"{each.id}.tar": _archive(world, each) for each in containers}
    content[MANIFEST] = _json(
        {
            "format": FORMAT,
            "config": _plain(sandbox.config),
            "runtime_handler": sandbox.runtime_handler,
            "containers": {each.config.metadata.name: f"{each.id}.tar" for each in containers},
        }
    )
    _write_all(world, request.output_path, content)
    return pb.CheckpointPodResponse()


def _require_known_options(options: Mapping[str, str]) -> None:
    for name in sorted(options):
        raise InvalidError(f'unknown option "{name}"')


def _selected(sandbox: Sandbox, ids: Iterable[str]) -> list[Container]:
    wanted = list(ids)
    if not wanted:
        raise InvalidError("container_ids must not be empty")
    if len(set(wanted)) < len(wanted):
        raise InvalidError("container_ids must not hold an id twice")
    for id_ in wanted:
        container = sandbox.containers.get(id_)
        if container is None:
            raise NotFoundError(f'container "{id_}" is not in sandbox "{sandbox.id}": not found')
        if container.state is not ContainerState.RUNNING:
            raise CRIError(f'container "{id_}" is not running', Code.FAILED_PRECONDITION)
    names = [sandbox.containers[id_].config.metadata.name for id_ in wanted]
    if len(set(names)) < len(names):
        raise InvalidError("the selected containers must have different names")
    return [sandbox.containers[id_] for id_ in wanted]


def _require_empty_directory(world: World, path: str) -> None:
    if not posixpath.isabs(path):
        raise InvalidError(f'output_path "{path}" is not absolute')
    if not world.files.is_dir(path):
        raise InvalidError(f'output_path "{path}" is not an existing directory')
    if world.files.list_dir(path):
        raise InvalidError(f'output_path "{path}" is not empty')


def _write_all(world: World, directory: str, content: Mapping[str, bytes]) -> None:
    try:
        for name, each in content.items():
            _write(world, posixpath.join(directory, name), each)
    except Exception:
        for name in world.files.list_dir(directory):
            world.files.remove(posixpath.join(directory, name))
        raise


@handles
def restore_pod(world: World, request: pb.RestorePodRequest) -> Waits[pb.RestorePodResponse]:
    """Make a sandbox and its containers, CREATED and not started, or leave no trace."""
    _require_known_options(request.options)
    _require_names(_manifest(world, request.checkpoint_path), request.container_configs)
    ran = yield from run_pod_sandbox(
        world,
        pb.RunPodSandboxRequest(config=request.config, runtime_handler=request.runtime_handler),
    )
    restored = []
    try:
        for config in request.container_configs:
            created = yield from create_container(
                world,
                pb.CreateContainerRequest(
                    pod_sandbox_id=ran.pod_sandbox_id, config=config, sandbox_config=request.config
                ),
            )
            restored.append(
                pb.RestoredContainer(name=config.metadata.name, container_id=created.container_id)
            )
    except Exception:
        yield from remove_pod_sandbox(
            world, pb.RemovePodSandboxRequest(pod_sandbox_id=ran.pod_sandbox_id)
        )
        raise
    return pb.RestorePodResponse(pod_sandbox_id=ran.pod_sandbox_id, restored_containers=restored)


def _manifest(world: World, directory: str) -> list[str]:
    """Return the names of the containers in a checkpoint."""
    if not posixpath.isabs(directory):
        raise InvalidError(f'checkpoint_path "{directory}" is not absolute')
    path = posixpath.join(directory, MANIFEST)
    try:
        manifest = json.loads(world.files.read(path))
        known, names = manifest["format"] == FORMAT, [str(name) for name in manifest["containers"]]
    except OSError as error:
        text = go_open_error_text(path, error)
        raise NotFoundError(f"failed to read checkpoint: {text}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidError(f'"{path}" is not the manifest of a checkpoint: {error}') from error
    if not known:
        raise InvalidError(f'"{path}" has format {manifest["format"]}, this is {FORMAT}')
    return names


def _require_names(names: list[str], configs: Iterable[pb.ContainerConfig]) -> None:
    asked = [each.metadata.name for each in configs]
    if not asked or not all(asked):
        raise InvalidError("container_configs must not be empty, nor have a container without name")
    if sorted(asked) != sorted(names):
        raise InvalidError(
            f"container_configs names {sorted(asked)}, the checkpoint has {sorted(names)}"
        )
