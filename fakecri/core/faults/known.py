"""What the store knows of the things that requests name."""

from fakecri.core.faults.things import KnownContainer, KnownPod, UnreadContainer, UnreadPod
from fakecri.core.image_store import AmbiguousDigest, ImageStore
from fakecri.core.records import Container, Sandbox
from fakecri.core.references import names_in
from fakecri.core.store import Store
from fakecri.errors import CRIError

# By their numbers; the last one is ABSENT, which is -1.
_CONTAINER_STATES = ("created", "running", "exited", "unknown", "absent")
_SANDBOX_STATES = ("ready", "notready", "absent")


class StoreLookup:
    """The things of a simulated node: a `subjects.Lookup`."""

    def __init__(self, store: Store, images: ImageStore) -> None:
        self._store = store
        self.images = images
        self.sandboxes = store.sandboxes.by_id
        self.containers = store.containers.by_id

    def find_pod(self, id_: str) -> KnownPod | None:
        """Return a pod sandbox, or None."""
        found = self.sandboxes.get(id_)
        if found is not None and found.known is not None:  # quickly: the usual case
            found.known.state = _SANDBOX_STATES[found.state]
            return found.known
        try:
            sandbox = self._store.sandboxes.find(id_)
        except CRIError:  # the beginning of several ids
            return None
        return _pod(sandbox) if sandbox else None

    def find_container(self, id_: str) -> KnownContainer | None:
        """Return a container, or None."""
        found = self.containers.get(id_)
        if found is not None and found.known is not None:
            found.known.state = _CONTAINER_STATES[found.state]
            return found.known
        try:
            container = self._store.containers.find(id_)
        except CRIError:
            return None
        return _container(container) if container else None

    def image_names(self, reference: str) -> tuple[str, ...]:
        """Return all names and the id of an image, `reference` among them."""
        try:
            stored = self.images.resolve(reference)
        except AmbiguousDigest:
            stored = None
        names = (*stored.names, stored.id) if stored else ()
        return tuple(dict.fromkeys((*names_in(reference), *names)))


def _pod(sandbox: Sandbox) -> KnownPod:
    known = sandbox.known
    if known is None:
        known = sandbox.known = UnreadPod(sandbox.config, sandbox.runtime_handler, sandbox.id)
    known.state = _SANDBOX_STATES[sandbox.state]
    return known


def _container(container: Container) -> KnownContainer:
    known = container.known
    if known is None:
        known = container.known = UnreadContainer(
            container.config, _pod(container.parent), container.id, container.image_names
        )
    known.state = _CONTAINER_STATES[container.state]
    return known
