"""The images on the node: what has been pulled, under which names, and how much room it takes.

Names, their look-up and their order are containerd's (spec 1.1.5 to 1.3.8).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, replace

from fakecri.core.disk import Disk, Room
from fakecri.core.image_registry import ImageContent, Resolution
from fakecri.core.references import Reference, find_normalised, is_digest

DEFAULT_PINNED_IMAGES = ("registry.k8s.io/pause:3.10.2",)

_ALGORITHM = "sha256:"

DOCUMENTS = 2
"""The manifest and the config, a file each."""


class AmbiguousDigest(LookupError):  # noqa: N818  # it reads as what happened
    """The text is a prefix of more than one image id."""

    def __init__(self, text: str) -> None:
        super().__init__("ambiguous digest string")
        self.text = text


@dataclass(frozen=True, slots=True, eq=False)
class StoredImage:
    """An image on the node.

    It never changes: a pull, or a tag that moves away, puts another one in its place. So what is
    derived from it, an encoded message for example, holds for as long as the object itself.
    """

    content: ImageContent
    size_bytes: int
    """As of the first pull; later ones do not refresh it (spec 1.1.8)."""
    serial: int
    """Counts the images in the order of their first pull."""
    repo_tags: tuple[str, ...] = ()
    """Sorted."""
    repo_digests: tuple[str, ...] = ()
    """Sorted."""
    pinned: bool = False
    """Whether a pull of a pinned name brought it; advice to clients, it hinders nothing."""

    @property
    def id(self) -> str:
        """``sha256:`` and 64 hex digits."""
        return self.content.id

    @property
    def names(self) -> tuple[str, ...]:
        """All names but the id: tags, then digests."""
        return self.repo_tags + self.repo_digests


class ImageStore:
    """The images on the node, and the names that lead to them."""

    def __init__(
        self, pinned_images: Iterable[str] = DEFAULT_PINNED_IMAGES, disk: Disk | None = None
    ) -> None:
        self.disk = disk or Disk()
        self.pinned_images = frozenset(pinned_images)
        self.generation = 0
        """Grows with every change; what was derived from the whole list holds while it is same."""
        self.used_bytes = 0
        """Unpacked layers; one that several images share counts once."""
        self.inodes_used = 0
        self._images: dict[str, StoredImage] = {}
        self._ids: dict[str, str] = {}  # by name
        self._sorted_hex: list[str] = []  # of the ids, for look-up by prefix
        self._snapshots: dict[str, int] = {}  # how many images stand on a chain id
        self._blobs: dict[str, int] = {}  # how many images have a compressed layer
        self._broken: dict[str, None] = {}  # ids of those whose content is gone
        self._last_serial = 0

    def __len__(self) -> int:
        return len(self._images)

    def list(self) -> list[StoredImage]:
        """All images, in the order of their first pull."""
        return list(self._images.values())

    def find(self, image_id: str) -> StoredImage | None:
        """The image with exactly that id."""
        return self._images.get(image_id)

    def pull(self, reference: Reference, resolution: Resolution) -> StoredImage:
        """Register what was pulled: its id, its tag unless it was pulled by digest, its digest.

        A tag that named another image moves here; that image stays (spec 1.1.6, 1.3.8). OSError
        ENOSPC where a new image has no room.
        """
        content, digest = resolution
        name = str(reference)
        repo_digest = f"{reference.name}@{digest}"
        image = self._images.get(content.id) or self._new(content, resolution.size_bytes)
        self._broken.pop(content.id, None)
        if name in self.pinned_images and not image.pinned:
            image = replace(image, pinned=True)
        self._images[content.id] = image
        for each in dict.fromkeys((name, repo_digest)):
            self._name(each, content.id)
        self.generation += 1
        return self._images[content.id]

    def resolve(self, text: str) -> StoredImage | None:
        """The image that a name, an id or the beginning of an id stands for (spec 1.3).

        Raises AmbiguousDigest where several ids begin so.
        """
        found = self._images.get(self._ids.get(text, text))
        if found is not None or is_digest(text):
            return found
        normalised = find_normalised(text)
        image_id = self._ids.get(normalised) if normalised else None
        return self._images[image_id] if image_id else self.find_prefixed(text)

    def find_named(self, name: str) -> StoredImage | None:
        """Return the image that has a normalised name."""
        return self._images.get(self._ids.get(name, ""))

    def remove(self, image: StoredImage) -> None:
        """Remove the image of that id with all its names; it may be gone already."""
        current = self._images.pop(image.id, None)
        if current is None:
            return
        self._broken.pop(image.id, None)
        for name in current.names:
            del self._ids[name]
        self._sorted_hex.pop(bisect_left(self._sorted_hex, _hex(image.id)))
        self._drop(current)
        self.generation += 1

    def break_(self, image: StoredImage) -> None:
        """Leave of an image what a removal leaves that was cut off: the id, and no content."""
        for name in image.names:
            self.untag(name)
        self._broken[image.id] = None

    def is_whole(self, image_id: str) -> bool:
        """Whether an image is there, with its content."""
        return image_id in self._images and image_id not in self._broken

    def has_layer(self, chain_id: str) -> bool:
        """Whether a layer, on those below it, is unpacked."""
        return chain_id in self._snapshots

    def room_of(self, content: ImageContent, size_bytes: int) -> Room:
        """Return what an image that is not there would take: its blobs, and its layers unpacked."""
        blobs = [each for each in content.layers if each.digest not in self._blobs]
        fresh = [
            layer
            for chain_id, layer in zip(content.chain_ids, content.layers, strict=True)
            if chain_id not in self._snapshots
        ]
        return Room(
            _documents_bytes(content, size_bytes)
            + sum(each.size_bytes for each in blobs)
            + sum(each.unpacked_bytes for each in fresh),
            DOCUMENTS + len(blobs) + sum(each.inodes for each in fresh),
        )

    def untag(self, name: str) -> StoredImage | None:
        """Take a normalised name from its image, which stays. None if it named nothing."""
        image_id = self._ids.pop(name, None)
        if image_id is None:
            return None
        image = self._images[image_id]
        self._images[image_id] = replace(
            image,
            repo_tags=tuple(each for each in image.repo_tags if each != name),
            repo_digests=tuple(each for each in image.repo_digests if each != name),
        )
        self.generation += 1
        return self._images[image_id]

    def _new(self, content: ImageContent, size_bytes: int) -> StoredImage:
        self.disk.require(*self.room_of(content, size_bytes), account="images")
        self._last_serial += 1
        insort(self._sorted_hex, _hex(content.id))
        self._count_layers(content, 1)
        return StoredImage(content, size_bytes, self._last_serial)

    def _drop(self, image: StoredImage) -> None:
        self._count_layers(image.content, -1)
        self.disk.release(*self.room_of(image.content, image.size_bytes), account="images")

    def _name(self, name: str, image_id: str) -> None:
        if self._ids.get(name) == image_id:
            return
        self.untag(name)
        self._ids[name] = image_id
        image = self._images[image_id]
        if "@" in name:
            image = replace(image, repo_digests=tuple(sorted((*image.repo_digests, name))))
        else:
            image = replace(image, repo_tags=tuple(sorted((*image.repo_tags, name))))
        self._images[image_id] = image

    def find_prefixed(self, text: str) -> StoredImage | None:
        """Return the image whose id begins so; AmbiguousDigest where several do."""
        prefix = _hex(text) or text  # a lone "sha256:" is no prefix of anything
        first = bisect_left(self._sorted_hex, prefix)
        matches = [each for each in self._sorted_hex[first : first + 2] if each.startswith(prefix)]
        if len(matches) > 1:
            raise AmbiguousDigest(text)
        return self._images[_ALGORITHM + matches[0]] if matches else None

    def _count_layers(self, content: ImageContent, step: int) -> None:
        for chain_id, layer in zip(content.chain_ids, content.layers, strict=True):
            users = self._snapshots.pop(chain_id, 0)
            if users + step:
                self._snapshots[chain_id] = users + step
            if not (users and users + step):  # the first to come, or the last to go
                self.used_bytes += step * layer.unpacked_bytes
                self.inodes_used += step * layer.inodes
            holders = self._blobs.pop(layer.digest, 0) + step
            if holders:
                self._blobs[layer.digest] = holders


def _hex(image_id: str) -> str:
    return image_id.removeprefix(_ALGORITHM)


def _documents_bytes(content: ImageContent, size_bytes: int) -> int:
    return size_bytes - sum(each.size_bytes for each in content.layers)
