"""Images: list, status, pull, remove, and the room they take. Source: spec images 1."""

from collections.abc import Callable
from functools import lru_cache

from fakecri.api import runtime_pb2 as pb
from fakecri.core import info
from fakecri.core.daemon_config import SNAPSHOTTER
from fakecri.core.executables import quoted
from fakecri.core.image_store import AmbiguousDigest, StoredImage
from fakecri.core.pulls import pull
from fakecri.core.references import InvalidReference, Reference, parse_reference
from fakecri.core.registry import handles
from fakecri.core.scheduler import Waits
from fakecri.core.selection import batches
from fakecri.core.usage import NOT_STARTED
from fakecri.core.world import World
from fakecri.errors import CRIError

_SNAPSHOTS = f"io.containerd.snapshotter.v1.{SNAPSHOTTER}"


@handles
def list_images(world: World, request: pb.ListImagesRequest) -> pb.ListImagesResponse:  # noqa: ARG001  # so does containerd
    """All images: the filter is ignored."""
    return pb.ListImagesResponse(images=[_image(each) for each in world.images.list()])


@handles
def stream_images(
    world: World,
    request: pb.StreamImagesRequest,  # noqa: ARG001  # as in list_images
    send: Callable[[pb.StreamImagesResponse], None],
) -> None:
    """The same; nothing to send, no message."""
    images = [_image(each) for each in world.images.list()]
    for batch in batches(images, world.profile.stream_batch):
        send(pb.StreamImagesResponse(images=batch))


@lru_cache(maxsize=4096)
def _image(image: StoredImage) -> pb.Image:
    """Return what clients see of an image, which never changes; the spec is left unset."""
    uid = image.content.uid
    return pb.Image(
        id=image.id,
        repo_tags=image.repo_tags,
        repo_digests=image.repo_digests,
        size=image.size_bytes,
        uid=None if uid is None else pb.Int64Value(value=uid),
        username=image.content.username,
        pinned=image.pinned,
    )


@handles
def image_status(world: World, request: pb.ImageStatusRequest) -> pb.ImageStatusResponse:
    """An image that is not there is no error, but no image."""
    image = _resolve(world, request.image.image)
    if image is None:
        return pb.ImageStatusResponse()
    return pb.ImageStatusResponse(
        image=_image(image),
        info=info.image_info(image.content) if request.verbose else None,
    )


def _resolve(world: World, text: str) -> StoredImage | None:
    try:
        return world.images.resolve(text)
    except AmbiguousDigest as error:
        raise CRIError(f"can not resolve {quoted(text)} locally: {error}") from error


@handles
def pull_image(world: World, request: pb.PullImageRequest) -> Waits[pb.PullImageResponse]:
    """The registry is asked every time, and nothing is stored before it is all there."""
    reference = _parse(request.image.image)
    rules = world.behaviours.find_pull(reference)
    image = yield from pull(world, reference, request.auth, rules, world.halfway(request))
    return pb.PullImageResponse(image_ref=image.id)


def _parse(text: str) -> Reference:
    try:
        return parse_reference(text)
    except InvalidReference as error:
        raise CRIError(f"failed to parse image reference {quoted(text)}: {error}") from error


@handles
def remove_image(world: World, request: pb.RemoveImageRequest) -> pb.RemoveImageResponse:
    """All names of the image go, whichever one was given; it may be gone, pinned or in use."""
    image = _resolve(world, request.image.image)
    if image is not None:
        world.images.remove(image)
    return pb.RemoveImageResponse()


@handles
def image_fs_info(world: World, request: pb.ImageFsInfoRequest) -> pb.ImageFsInfoResponse:  # noqa: ARG001  # it is empty
    """One filesystem, where the layers of images and those of containers and pauses are."""
    used = [NOT_STARTED.levels for _ in world.store.sandboxes]
    now_ns = world.scheduler.now_ns
    used += [world.meters.read(each, now_ns).levels for each in world.store.containers]
    usage = pb.FilesystemUsage(
        timestamp=world.clock.stamp_ns(),
        fs_id=pb.FilesystemIdentifier(mountpoint=f"{world.profile.root}/{_SNAPSHOTS}"),
        used_bytes=pb.UInt64Value(
            value=world.images.used_bytes + sum(each.layer_bytes for each in used)
        ),
        inodes_used=pb.UInt64Value(
            value=world.images.inodes_used + sum(each.layer_inodes for each in used)
        ),
    )
    return pb.ImageFsInfoResponse(image_filesystems=[usage])
