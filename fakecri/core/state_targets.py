"""From the names in state faults to the things on the node."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from fakecri.core.image_store import AmbiguousDigest, StoredImage
from fakecri.core.records import Container, Sandbox
from fakecri.core.store import Shelf
from fakecri.core.world import World
from fakecri.errors import CRIError, Missing, UsageError

T = TypeVar("T", Container, Sandbox)


def find_container(world: World, name: str) -> Container:
    """Return a container by id, the beginning of one, `name`, `pod/name` or `namespace/pod/name`.

    Of several attempts it is the newest. UsageError where there is none, or one in several pods.
    """
    found = _by_id(world.store.containers, name)
    if found is not None:
        return found
    named = [each for each in world.store.containers if _is_called(name, _names(each))]
    return _only("container", name, named)


def find_sandbox(world: World, name: str) -> Sandbox:
    """Return a pod sandbox by id, the beginning of one, `pod` or `namespace/pod`; see above."""
    found = _by_id(world.store.sandboxes, name)
    if found is not None:
        return found
    named = [each for each in world.store.sandboxes if _is_called(name, _pod_names(each))]
    return _only("pod sandbox", name, named)


def find_image(world: World, name: str) -> StoredImage:
    """Return an image on the node by any of its names."""
    try:
        image = world.images.resolve(name)
    except AmbiguousDigest as error:
        raise UsageError(f'image "{name}": {error}') from error
    if image is None:
        raise Missing(f'there is no image "{name}" on the node')
    return image


def matches(thing: Container | Sandbox, name: str) -> bool:
    """Whether a name, or the beginning of an id, is that of a thing."""
    names = _names(thing) if isinstance(thing, Container) else _pod_names(thing)
    return thing.id.startswith(name) or _is_called(name, names)


def _by_id(shelf: Shelf[T], name: str) -> T | None:
    try:
        return shelf.find(name)
    except CRIError:  # the beginning of several ids, which a name may be too
        return None


def _names(container: Container) -> Sequence[str]:
    pod = container.sandbox_config.metadata
    return pod.namespace, pod.name, container.config.metadata.name


def _pod_names(sandbox: Sandbox) -> Sequence[str]:
    metadata = sandbox.config.metadata
    return metadata.namespace, metadata.name


def _is_called(name: str, names: Sequence[str]) -> bool:
    parts = name.split("/")
    return parts == list(names[-len(parts) :])


def _only(kind: str, name: str, found: list[T]) -> T:
    owners = {_owner(each) for each in found}
    if not found:
        raise Missing(f'there is no {kind} "{name}"')
    if len(owners) > 1:
        raise UsageError(f'{kind} "{name}": there are {len(owners)}: say which, by {_ids(found)}')
    return found[-1]


def _owner(thing: Container | Sandbox) -> tuple[str, ...]:
    """What attempts of the same thing have in common."""
    if isinstance(thing, Container):
        pod = thing.sandbox_config.metadata
        return pod.namespace, pod.name, pod.uid, thing.config.metadata.name
    pod = thing.config.metadata
    return pod.namespace, pod.name, pod.uid


def _ids(found: Iterable[Container | Sandbox]) -> str:
    return ", ".join(each.id[:13] for each in found)
