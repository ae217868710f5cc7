"""Images: list, status, pull, remove, and the room they take. Source: spec images 1."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from fakecri.api import runtime_pb2 as pb
from fakecri.core import image_finding, info
from fakecri.core.executables import quoted
from fakecri.core.image_finding import find_image
from fakecri.core.image_store import StoredImage
from fakecri.core.profiles import Profile
from fakecri.core.pulls import pull
from fakecri.core.references import InvalidReference, Reference, parse_reference
from fakecri.core.registry import handles
from fakecri.core.scheduler import Waits
from fakecri.core.selection import batches
from fakecri.core.usage import NOT_STARTED
from fakecri.core.world import World
from fakecri.errors import CancelledError, Code, CRIError


@handles
def list_images(world: World, request: pb.ListImagesRequest) -> pb.ListImagesResponse:
    """All images; whether the filter counts is a trait."""
    return pb.ListImagesResponse(images=_items(world, request.filter))


@handles
def stream_images(
    world: World,
    request: pb.StreamImagesRequest,
    send: Callable[[pb.StreamImagesResponse], None],
) -> None:
    """The same; nothing to send, no message."""
    for batch in batches(_items(world, request.filter), world.profile.stream_batch):
        send(pb.StreamImagesResponse(images=batch))


def _items(world: World, wanted: pb.ImageFilter) -> list[pb.Image]:
    profile = world.profile
    if profile.filters_images and wanted.image.image:
        found = find_image(world, wanted.image.image)
        return [_image(found, profile.image_id(found.id))] if found else []
    return [_image(each, profile.image_id(each.id)) for each in world.images.list()]


@lru_cache(maxsize=4096)
def _image(image: StoredImage, id_: str) -> pb.Image:
    """Return what clients see of an image, which never changes; the spec is left unset."""
    uid = image.content.uid
    return pb.Image(
        id=id_,
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
    image = find_image(world, request.image.image)
    if image is None:
        return pb.ImageStatusResponse()
    response = pb.ImageStatusResponse(
        image=_image(image, world.profile.image_id(image.id)),
        info=info.image_info(world.profile, image.content) if request.verbose else None,
    )
    if world.profile.tells_image_specs:
        response.image.spec.SetInParent()
    return response


@handles
def pull_image(world: World, request: pb.PullImageRequest) -> Waits[pb.PullImageResponse]:
    """The registry is asked every time, and nothing is stored before it is all there."""
    reference = _parse(request.image.image)
    rules = world.behaviours.find_pull(reference)
    with _told(world.profile, reference):
        image = yield from pull(world, reference, request.auth, rules, world.halfway(request))
    return pb.PullImageResponse(image_ref=world.profile.image_id(image.id))


@contextmanager
def _told(profile: Profile, reference: Reference) -> Iterator[None]:
    """Tell what is wrong with a pull in the words of runtimes that have no code for it.

    Source: CRI-O 1.36, server/image_pull.go; of an absent image, go.podman.io/image/v5/docker.
    """
    try:
        yield
    except CancelledError:
        raise
    except CRIError as error:
        if not profile.plain_pulls:
            raise
        text = error.message
        if error.code is Code.NOT_FOUND:
            version = reference.digest or reference.tag
            text = (
                f"initializing source docker://{reference}: reading manifest {version} in "
                f"{reference.name}: manifest unknown"
            )
        elif text.endswith("connect: connection refused"):
            text = f"RegistryUnavailable: {text}"
        raise CRIError(text) from error


def _parse(text: str) -> Reference:
    try:
        return parse_reference(text)
    except InvalidReference as error:
        raise CRIError(f"failed to parse image reference {quoted(text)}: {error}") from error


@handles
def remove_image(world: World, request: pb.RemoveImageRequest) -> pb.RemoveImageResponse:
    """All names of the image go, whichever one was given; it may be gone, pinned or in use.

    Unless the runtime takes off one name alone, or keeps what is in use: see the profile.
    """
    image = find_image(world, request.image.image)
    if image is not None:
        image_finding.remove_image(world, image, request.image.image)
    return pb.RemoveImageResponse()


@handles
def image_fs_info(world: World, request: pb.ImageFsInfoRequest) -> pb.ImageFsInfoResponse:  # noqa: ARG001  # it is empty
    """One filesystem, where the layers of images and those of containers and pauses are."""
    used = [NOT_STARTED.levels for _ in world.store.sandboxes]
    now_ns, profile = world.scheduler.now_ns, world.profile
    used += [world.meters.read(each, now_ns).levels for each in world.store.containers]
    usage = pb.FilesystemUsage(
        timestamp=world.clock.stamp_ns(),
        fs_id=pb.FilesystemIdentifier(mountpoint=profile.image_fs),
        used_bytes=pb.UInt64Value(
            value=world.images.used_bytes + sum(each.layer_bytes for each in used)
        ),
        inodes_used=pb.UInt64Value(
            value=world.images.inodes_used + sum(each.layer_inodes for each in used)
        ),
    )
    return pb.ImageFsInfoResponse(
        image_filesystems=[usage],
        container_filesystems=[usage] if profile.tells_container_fs else [],
    )
