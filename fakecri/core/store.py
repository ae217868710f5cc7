"""The sandboxes and containers that clients can see, and the names they hold."""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from fakecri.core.executables import quoted
from fakecri.core.records import Container, Sandbox
from fakecri.errors import Code, CRIError, NotFoundError, ReservedError

R = TypeVar("R", Sandbox, Container)


class EmptyId(CRIError):  # noqa: N818  # it reads as what happened
    """No id was given."""

    def __init__(self) -> None:
        super().__init__("prefix can't be empty")


class AmbiguousId(CRIError):  # noqa: N818  # likewise
    """A prefix of several ids was given."""

    def __init__(self, prefix: str, other: str) -> None:
        """`other`: one of the ids that it fits."""
        super().__init__(f"Multiple IDs found with provided prefix: {prefix}")
        self.other = other


class Names:
    """Names held by ids. A name is reserved before any work, and released when all is undone."""

    def __init__(self, conflict: Code = Code.FAILED_PRECONDITION) -> None:
        """`conflict`: the code of what is said of a name that is taken."""
        self._conflict = conflict
        self._holders: dict[str, str] = {}

    def reserve(self, name: str, holder: str) -> None:
        """Hold `name` for the id `holder`; ReservedError says who holds it already."""
        held = self._holders.setdefault(name, holder)
        if held != holder:
            text = f'name {quoted(name)} is reserved for "{held}"'
            raise ReservedError(text, self._conflict)

    def find_holder(self, name: str) -> str | None:
        """Return the id that holds `name`."""
        return self._holders.get(name)

    def release(self, name: str, holder: str) -> None:
        """Let go of `name`; harmless when `holder` does not hold it."""
        if self._holders.get(name) == holder:
            del self._holders[name]

    def restore(self, holders: Mapping[str, str]) -> None:
        """Hold these names and no others."""
        self._holders = dict(holders)

    def holders(self) -> dict[str, str]:
        """Return a copy: name to id."""
        return dict(self._holders)


class Shelf(Generic[R]):
    """Records by id, and by any prefix of an id that only one of them has."""

    def __init__(self) -> None:
        self.by_id: dict[str, R] = {}
        """To be read, not changed."""
        self._sorted_ids: list[str] = []

    def __iter__(self) -> Iterator[R]:
        return iter(tuple(self.by_id.values()))

    def __len__(self) -> int:
        return len(self.by_id)

    def __contains__(self, record: object) -> bool:
        return isinstance(record, Sandbox | Container) and record.id in self.by_id

    def add(self, record: R) -> None:
        """Make it visible."""
        self.by_id[record.id] = record
        insort(self._sorted_ids, record.id)

    def remove(self, record: R) -> None:
        """Make it vanish; harmless when it is gone."""
        if self.by_id.pop(record.id, None) is not None:
            del self._sorted_ids[bisect_left(self._sorted_ids, record.id)]

    def find(self, prefix: str) -> R | None:
        """Return what `prefix` names, or None.

        CRIError (UNKNOWN) where it is empty or names several (spec: lifecycle 1.3).
        """
        exact = self.by_id.get(prefix)
        if exact is not None:
            return exact
        if not prefix:
            raise EmptyId
        at = bisect_left(self._sorted_ids, prefix)
        matching = [id_ for id_ in self._sorted_ids[at : at + 2] if id_.startswith(prefix)]
        if len(matching) > 1:
            raise AmbiguousId(prefix, matching[1])
        return self.by_id[matching[0]] if matching else None

    def get(self, prefix: str) -> R:
        """Return what `prefix` names; NotFoundError where that is nothing."""
        record = self.find(prefix)
        if record is None:
            raise NotFoundError("not found")
        return record

    def full_id(self, prefix: str) -> str:
        """Return the id that `prefix` names, for a filter: itself where it names none or many."""
        try:
            record = self.find(prefix)
        except CRIError:
            return prefix
        return record.id if record else prefix


class Store:
    """All that clients can see."""

    def __init__(self, conflict: Code = Code.FAILED_PRECONDITION) -> None:
        self.sandboxes: Shelf[Sandbox] = Shelf()
        self.containers: Shelf[Container] = Shelf()
        self.sandbox_names = Names(conflict)
        self.container_names = Names(conflict)
        self.parked: dict[str, Sandbox | Container] = {}
        """By name: what was made for clients that have gone, kept from sight: see `duplicates`."""

    def add_container(self, container: Container) -> None:
        """Make a container visible, in its sandbox too."""
        self.containers.add(container)
        container.parent.containers[container.id] = container

    def remove_container(self, container: Container) -> None:
        """Make a container vanish."""
        self.containers.remove(container)
        container.parent.containers.pop(container.id, None)
