"""Container events. Source: spec lifecycle 18."""

from collections.abc import Callable

from fakecri.api import runtime_pb2 as pb
from fakecri.core.registry import handles
from fakecri.core.scheduler import Waits
from fakecri.core.world import World


@handles
def get_container_events(
    world: World,
    request: pb.GetEventsRequest,  # noqa: ARG001  # it is empty
    send: Callable[[pb.ContainerEventResponse], None],
) -> Waits[None]:
    """Goes on until its client leaves. Nothing is said of what exists already.

    A runtime that has no events ends it at once.
    """
    if not world.profile.pod_events:
        return
    subscriber = world.events.subscribe()
    try:
        while True:
            send((yield from subscriber.get()))
    finally:
        subscriber.gone = True
