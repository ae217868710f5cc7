"""What leads to an image of the node, and whether one can be taken away: as the profile has it.

Source: spec images 1.3, 1.5 and 1.7; CRI-O 1.36, internal/storage/image.go and
server/image_remove.go.
"""

import re

from fakecri.core.executables import quoted
from fakecri.core.image_store import AmbiguousDigest, StoredImage
from fakecri.core.profiles import ImageLookup
from fakecri.core.references import (
    InvalidReference,
    find_normalised,
    is_identifier,
    parse_reference,
)
from fakecri.core.world import World
from fakecri.errors import CRIError

_HEX = re.compile(r"[0-9a-fA-F]{3,}")


def find_image(world: World, text: str) -> StoredImage | None:
    """Return the image that a client means; CRIError where nobody can tell."""
    if world.profile.image_lookup is ImageLookup.THREE_DIGITS:
        return _find_strictly(world, text)
    try:
        return world.images.resolve(text)
    except AmbiguousDigest as error:
        raise CRIError(f"can not resolve {quoted(text)} locally: {error}") from error


def _find_strictly(world: World, text: str) -> StoredImage | None:
    if not text:
        raise CRIError("no image specified")
    if is_identifier(text):
        return world.images.find(f"sha256:{text}")
    image = _find_by_prefix(world, text)
    if image is not None:
        return image
    try:
        return world.images.find_named(str(parse_reference(text)))
    except InvalidReference as error:
        if _HEX.fullmatch(text):
            return None
        raise CRIError(str(error)) from error


def _find_by_prefix(world: World, text: str) -> StoredImage | None:
    if not _HEX.fullmatch(text):
        return None
    try:
        return world.images.find_prefixed(text)
    except AmbiguousDigest:
        return None


def remove_image(world: World, image: StoredImage, text: str) -> None:
    """Take an image away, or the one name of it that `text` is, where there are others."""
    if not world.profile.untags:
        world.images.remove(image)
        return
    name = find_normalised(text) or ""
    by_name = world.images.find_named(name) is not None
    _require_no_volume(world, image)
    own = _own_names(image)
    if by_name and any(each != name for each in own):
        _untag(world, image, name)
        return
    _require_unused(world, image, "" if by_name else "delete image: ")
    world.images.remove(image)


def _own_names(image: StoredImage) -> list[str]:
    """Return what it was pulled by: a digest that comes with a tag is none of the image's names."""
    repositories = {_repository(each) for each in image.repo_tags}
    return [
        *image.repo_tags,
        *(each for each in image.repo_digests if _repository(each) not in repositories),
    ]


def _untag(world: World, image: StoredImage, name: str) -> None:
    """Take off a name; with the last tag of a repository its digest goes too."""
    if name not in _own_names(image):
        return
    world.images.untag(name)
    repository = _repository(name)
    if all(_repository(each) != repository for each in image.repo_tags if each != name):
        for each in image.repo_digests:
            if _repository(each) == repository:
                world.images.untag(each)


def _repository(name: str) -> str:
    reference = parse_reference(name)
    return reference.name


def _require_no_volume(world: World, image: StoredImage) -> None:
    id_ = world.profile.image_id(image.id)
    for container in world.store.containers:
        if any(mount.image.image == id_ for mount in container.config.mounts):
            raise CRIError(f"the image is in use by {container.id}")


def _require_unused(world: World, image: StoredImage, prefix: str) -> None:
    pause = world.images.find_named(world.profile.sandbox_image)
    users = [each.id for each in world.store.containers if each.image.id == image.id]
    if pause is not None and pause.id == image.id:
        users += [each.id for each in world.store.sandboxes]
    if users:
        raise CRIError(f"{prefix}image used by {users[-1]}: image is in use by a container")
