"""The room that pods and containers take on the disk before they have written anything."""

from fakecri.core.daemon_config import SNAPSHOTTER
from fakecri.core.disk import BLOCK_BYTES
from fakecri.core.executables import quoted
from fakecri.core.records import Container, Sandbox
from fakecri.core.world import World
from fakecri.errors import CRIError

_FULL = "no space left on device"


def take_pod(world: World, sandbox: Sandbox) -> None:
    """Make the layer of a pod's pause container, and its directory; or neither, and CRIError."""
    if not world.disk.has_room(BLOCK_BYTES, 1):
        raise _snapshot_error(world)
    if not world.disk.has_room(2 * BLOCK_BYTES, 2):
        raise _directory_error(world, "sandbox", "sandboxes", sandbox.id)
    world.disk.require(2 * BLOCK_BYTES, 2, account="pods")
    sandbox.has_room = True


def release_pod(world: World, sandbox: Sandbox) -> None:
    """Give back what `take_pod` took, if it did."""
    if sandbox.has_room:
        world.disk.release(2 * BLOCK_BYTES, 2, account="pods")
        sandbox.has_room = False


def take_container(world: World, id_: str) -> None:
    """Make a container's directory, and its empty layer; or neither, and CRIError."""
    if not world.disk.has_room(BLOCK_BYTES, 1):
        raise _directory_error(world, "container", "containers", id_)
    if not world.disk.has_room(2 * BLOCK_BYTES, 2):
        raise _snapshot_error(world)
    world.disk.require(2 * BLOCK_BYTES, 2, account="containers")


def release_container(world: World, container: Container) -> None:
    """Give back what `take_container` took, and what the container wrote to its layer."""
    if container.system is not None:
        container.system.rootfs.remove()
    world.disk.release(2 * BLOCK_BYTES, 2, account="containers")


def _directory_error(world: World, kind: str, directory: str, id_: str) -> CRIError:
    path = f"{world.profile.root}/io.containerd.grpc.v1.cri/{directory}/{id_}"
    return CRIError(f"failed to create {kind} root directory {quoted(path)}: mkdir {path}: {_FULL}")


def _snapshot_error(world: World) -> CRIError:
    snapshots = f"{world.profile.root}/io.containerd.snapshotter.v1.{SNAPSHOTTER}/snapshots"
    path = f"{snapshots}/new-{int(world.new_id('snapshot')[:8], 16)}"
    return CRIError(
        "failed to create containerd container: failed to create prepare snapshot dir: "
        f"failed to create temp dir: mkdir {path}: {_FULL}"
    )
