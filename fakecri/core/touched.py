"""The ids of what a call names and of what its answer has made."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeAlias

from fakecri.core.image_store import AmbiguousDigest
from fakecri.rpcs import RPCS

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from fakecri.core.world import World

Getter: TypeAlias = Callable[[Any], str]

_FIELDS = {
    "container_id": "container",
    "pod_sandbox_id": "sandbox",
    "image_ref": "image",
    "image.image": "image",
    "image.id": "image",
    "config.image.image": "image",
}
"""Where messages have ids or names at their top, and of what."""

_IMAGE_ID = "sha256:"
_FULL = 64


def named(world: "World", rpc: str, request: "Message") -> tuple[str, ...]:
    """Return the full ids of what a request names; of an image that is not known, none."""
    ids: tuple[str, ...] = ()
    for kind, get in _NAMED.get(rpc, ()):
        text = get(request)
        if len(text) == _FULL or text.startswith(_IMAGE_ID):
            ids += (text,)
        elif text:
            ids += tuple(_ids(world, kind, text))
    return ids


def made(rpc: str, response: "Message") -> tuple[str, ...]:
    """Return the ids that a response tells: of what was made, pulled or found."""
    getters = _MADE.get(rpc)
    if not getters:
        return ()
    return tuple(id_ for _, get in getters if (id_ := get(response)))


def _ids(world: "World", kind: str, text: str) -> Iterator[str]:
    if kind != "image":
        shelf = world.store.containers if kind == "container" else world.store.sandboxes
        yield shelf.full_id(text)
    else:
        with suppress(AmbiguousDigest):
            image = world.images.resolve(text)
            if image is not None:
                yield image.id


def _getters(descriptor: Any) -> tuple[tuple[str, Getter], ...]:
    return tuple(
        (kind, attrgetter(path)) for path, kind in _FIELDS.items() if _has(descriptor, path)
    )


def _has(descriptor: Any, path: str) -> bool:
    name, _, rest = path.partition(".")
    field = descriptor.fields_by_name.get(name)
    if field is None or field.is_repeated:
        return False
    return not rest or (field.message_type is not None and _has(field.message_type, rest))


_NAMED = {rpc.name: _getters(rpc.request.DESCRIPTOR) for rpc in RPCS.values()}
_MADE = {rpc.name: _getters(rpc.response.DESCRIPTOR) for rpc in RPCS.values() if not rpc.streams}
