"""State: what is on the node, and what happens to it by itself."""

from fakecri.api import control_pb2 as pb
from fakecri.control.rpcs import handles
from fakecri.control.sessions import Session
from fakecri.core.image_store import StoredImage
from fakecri.core.records import Container, Sandbox
from fakecri.core.strikes import Struck


@handles("State.List")
def list_state(session: Session, request: pb.ListStateRequest) -> pb.NodeState:  # noqa: ARG001  # nothing to choose
    """Return what is on the node."""
    with session.cri.host.turn() as world:
        return pb.NodeState(
            sandboxes=map(_sandbox, world.store.sandboxes),
            containers=map(_container, world.store.containers),
            images=map(_image, world.images.list()),
            strikes=[_struck(id_, each) for id_, each in session.strikes.things.items()],
            up=world.absence is None,
        )


@handles("State.Strike", changes=True)
def strike(session: Session, request: pb.StrikeRequest) -> pb.Struck:
    """Let a state fault happen."""
    struck = session.cri.state.strike(request.fault)
    return _struck(session.strikes.add(struck), struck)


@handles("State.Cancel", changes=True)
def cancel(session: Session, request: pb.CancelStrikeRequest) -> pb.Struck:
    """Let a fault not happen."""
    struck = session.strikes.pop(request.id)
    with session.cri.host.turn():
        struck.cancel()
    return _struck(request.id, struck)


def _struck(id_: str, struck: Struck) -> pb.Struck:
    return pb.Struck(id=id_, fault=str(struck.fault), done=struck.is_done, missed=struck.missed)


def _sandbox(sandbox: Sandbox) -> pb.Sandbox:
    metadata = sandbox.config.metadata
    return pb.Sandbox(
        id=sandbox.id,
        namespace=metadata.namespace,
        name=metadata.name,
        uid=metadata.uid,
        attempt=metadata.attempt,
        state=sandbox.state.name,
        ips=sandbox.ips,
        created_ns=sandbox.created_ns,
    )


def _container(container: Container) -> pb.Container:
    metadata = container.config.metadata
    return pb.Container(
        id=container.id,
        sandbox_id=container.parent.id,
        pod=container.parent.config.metadata.name,
        name=metadata.name,
        attempt=metadata.attempt,
        image=container.config.image.image,
        state=container.state.name,
        exit_code=container.exit_code,
        reason=container.reason,
        created_ns=container.created_ns,
        started_ns=container.started_ns,
        finished_ns=container.finished_ns,
    )


def _image(image: StoredImage) -> pb.Image:
    return pb.Image(id=image.id, names=image.names)
