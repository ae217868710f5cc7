"""Requests that come twice: a runtime that answers them with what it has, or will have.

Source: CRI-O 1.36, server/utils.go:getResourceOrWait, internal/resourcestore; spec lifecycle 3.4
and 8.5.
"""

from fakecri.core import rooms
from fakecri.core.net.pods import disconnect
from fakecri.core.records import Container, Sandbox
from fakecri.core.scheduler import SECOND_NS, Waits
from fakecri.core.states import Trigger
from fakecri.core.store import Names, R, Shelf
from fakecri.core.world import World
from fakecri.errors import Code, CRIError

MINUTE_NS = 60 * SECOND_NS
PATIENCE_NS = 4 * MINUTE_NS
"""How long one waits for what another call makes, where its client has no deadline."""
LOADED = (
    "kubelet may be retrying requests that are timing out in CRI-O due to system load. "
    "Currently at stage {stage}: {why}: name is reserved"
)


def find_same(
    world: World, shelf: Shelf[R], names: Names, name: str, kind: str
) -> Waits[str | None]:
    """Return the id of what has a name; None: nothing has, and it can be made.

    What is being made is waited for, in vain: its client shall come again. CRIError then. `kind`:
    `sandbox` or `container`.
    """
    holder = names.find_holder(name)
    if holder is None or not world.profile.returns_duplicates:
        return None
    if holder in shelf.by_id:
        return holder
    if name in world.store.parked:
        _reveal(world, world.store.parked.pop(name))
        return holder
    stage = f"{kind} {'container ' if kind == 'sandbox' else ''}runtime creation"
    left_ns = world.client_ns()
    yield from world.scheduler.sleep(PATIENCE_NS if left_ns is None else left_ns)
    if left_ns is not None:
        why = LOADED.format(stage=stage, why="context deadline exceeded")
        raise CRIError(why, Code.DEADLINE_EXCEEDED)
    why = f"waited too long for request to timeout or {kind} {name} to be created"
    raise CRIError(LOADED.format(stage=stage, why=why))


def park(world: World, record: Sandbox | Container) -> bool:
    """Keep from sight what was made for a client that is gone; whether that is so.

    Who asks for it again gets it; where nobody does it is taken down, at the second full minute.
    """
    call = world.recorder.current
    if not (world.profile.returns_duplicates and call is not None and call.cancelled):
        return False
    record.created_ns = world.clock.creation_ns()
    world.store.parked[record.name] = record
    past_ns = (world.scheduler.now_ns - world.began_ns) % MINUTE_NS
    world.scheduler.after(2 * MINUTE_NS - past_ns, lambda: _reap(world, record))
    return True


def forget_all(world: World) -> None:
    """Take down all that is kept: the runtime that did is gone."""
    for record in tuple(world.store.parked.values()):
        _reap(world, record)


def _reveal(world: World, record: Sandbox | Container) -> None:
    if isinstance(record, Sandbox):
        world.store.sandboxes.add(record)
    else:
        world.store.add_container(record)
    world.move(record, Trigger.CLAIM)


def _reap(world: World, record: Sandbox | Container) -> None:
    if world.store.parked.get(record.name) is not record:
        return
    del world.store.parked[record.name]
    if isinstance(record, Sandbox):
        disconnect(world, record)
        rooms.release_pod(world, record)
        world.store.sandbox_names.release(record.name, record.id)
    else:
        record.log.close()
        rooms.release_container(world, record)
        world.store.container_names.release(record.name, record.id)
