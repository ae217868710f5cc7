"""How an RPC finds what it is to work on: by the row that its runtime has for it."""

from fakecri.core.executables import quoted
from fakecri.core.records import Container, Sandbox
from fakecri.core.refusals import LookUp
from fakecri.core.store import AmbiguousId, EmptyId, R, Shelf
from fakecri.core.world import World


def find_sandbox(world: World, rpc: str, id_: str) -> Sandbox | None:
    """Return the sandbox of an id or a prefix; None: the RPC has nothing to do, and is OK."""
    return _find(world.store.sandboxes, world.profile.lookups[rpc], id_)


def get_sandbox(world: World, rpc: str, id_: str) -> Sandbox:
    """Return the sandbox of an id or a prefix, for an RPC that cannot do without."""
    return _there(find_sandbox(world, rpc, id_))


def find_container(world: World, rpc: str, id_: str) -> Container | None:
    """Return the container of an id or a prefix; None: as for `find_sandbox`."""
    return _find(world.store.containers, world.profile.lookups[rpc], id_)


def get_container(world: World, rpc: str, id_: str) -> Container:
    """Return the container of an id or a prefix, for an RPC that cannot do without."""
    return _there(find_container(world, rpc, id_))


def _find(shelf: Shelf[R], row: LookUp, id_: str) -> R | None:
    try:
        record = shelf.find(id_)
    except EmptyId:
        miss, other = row.empty, ""
    except AmbiguousId as error:
        miss, other = row.ambiguous, error.other
    else:
        if record is not None:
            return record
        miss, other = row.absent, ""
    if miss is None:
        return None
    raise miss.error(id=quoted(id_), raw=id_, other=other)


def _there(record: R | None) -> R:
    if record is None:
        raise RuntimeError("a row that is OK without an object is for an RPC that needs none")
    return record
