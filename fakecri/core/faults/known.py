"""What the store knows of the things that requests name."""

from fakecri.core.faults.subjects import KnownContainer, KnownPod
from fakecri.core.image_store import AmbiguousDigest, ImageStore
from fakecri.core.records import Container, Sandbox
from fakecri.core.references import find_normalised
from fakecri.core.store import Store
from fakecri.errors import CRIError


class StoreLookup:
    """The things of a simulated node: a `subjects.Lookup`."""

    def __init__(self, store: Store, images: ImageStore) -> None:
        self._store = store
        self._images = images

    def find_pod(self, id_: str) -> KnownPod | None:
        """Return a pod sandbox, or None."""
        try:
            sandbox = self._store.sandboxes.find(id_)
        except CRIError:  # the beginning of several ids
            return None
        return _pod(sandbox) if sandbox else None

    def find_container(self, id_: str) -> KnownContainer | None:
        """Return a container, or None."""
        try:
            container = self._store.containers.find(id_)
        except CRIError:
            return None
        return _container(container) if container else None

    def image_names(self, reference: str) -> tuple[str, ...]:
        """Return all names and the id of an image, `reference` among them."""
        try:
            stored = self._images.resolve(reference)
        except AmbiguousDigest:
            stored = None
        normalised = find_normalised(reference)
        names = (*stored.names, stored.id) if stored else ()
        return tuple(dict.fromkeys((*([normalised] if normalised else ()), reference, *names)))


def _pod(sandbox: Sandbox) -> KnownPod:
    metadata = sandbox.config.metadata
    return KnownPod(
        id=sandbox.id,
        name=metadata.name,
        namespace=metadata.namespace,
        uid=metadata.uid,
        attempt=metadata.attempt,
        handler=sandbox.runtime_handler,
        state=sandbox.state.name.lower(),
        labels=sandbox.config.labels,
        annotations=sandbox.config.annotations,
    )


def _container(container: Container) -> KnownContainer:
    metadata = container.config.metadata
    return KnownContainer(
        id=container.id,
        name=metadata.name,
        attempt=metadata.attempt,
        state=container.state.name.lower(),
        labels=container.config.labels,
        annotations=container.config.annotations,
        images=tuple(dict.fromkeys((container.config.image.image, *container.image_names))),
        pod=_pod(container.parent),
    )
