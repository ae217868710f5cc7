"""Containers get other resources because plugins want it."""

from collections.abc import Iterable

from fakecri.api import nri_pb2 as nri
from fakecri.core.containment import set_resources
from fakecri.core.creation import merge_resources
from fakecri.core.nri.plugins import NRIError
from fakecri.core.nri.resources import resources_for_cri
from fakecri.core.records import Container
from fakecri.core.scheduler import Waits
from fakecri.core.world import World
from fakecri.errors import Code, CRIError


def apply_updates(
    world: World, updates: Iterable[nri.ContainerUpdate]
) -> Waits[list[nri.ContainerUpdate]]:
    """Do what plugins want, one after another; return what could not be, unless that is ignored.

    Updates of what there is not are left out.
    """
    failed = []
    for update in updates:
        container = _found(world, update.container_id)
        if container is None:
            continue
        while (held := world.locks.find(container)) is not None:
            yield from held
        if container.removing:
            if not update.ignore_failure:
                failed.append(update)
        elif update.linux.HasField("resources"):
            asked = resources_for_cri(update.linux.resources)
            set_resources(world, container, merge_resources(container.resources, asked))
    return failed


def _found(world: World, id_: str) -> Container | None:
    try:
        return world.store.containers.find(id_)
    except CRIError:
        return None  # the beginning of several ids


def update_unasked(
    world: World, request: nri.UpdateContainersRequest
) -> Waits[nri.UpdateContainersResponse]:
    """Do what a plugin wants of itself. NRIError where some of it could not be.

    Evictions are not heard, as v0.12 does not hear them.
    """
    turns = world.nri.turns
    yield from turns.wait()
    with turns.ending():
        failed = yield from apply_updates(world, request.update)
    if failed:
        # Which ones they were is lost: an error has no response beside it.
        raise NRIError(Code.UNKNOWN, "NRI update of some containers failed")
    return nri.UpdateContainersResponse()
