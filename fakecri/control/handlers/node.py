"""Node: images, registries, what containers do, and their logs."""

from fakecri.api import control_pb2 as pb
from fakecri.control.rpcs import handles
from fakecri.control.sessions import Session
from fakecri.core.image_registry import Registry
from fakecri.core.references import InvalidReference
from fakecri.errors import UsageError


@handles("Node.AddImages", changes=True)
def add_images(session: Session, request: pb.AddImagesRequest) -> pb.AddImagesResponse:
    """Publish images."""
    scratch = Registry()
    try:
        for reference in request.references:  # all of them, or none
            scratch.add(reference)
        ids = [session.cri.add_image(reference) for reference in request.references]
    except InvalidReference as error:
        raise UsageError(str(error)) from error
    return pb.AddImagesResponse(ids=ids)


@handles("Node.ConfigureRegistry", changes=True)
def configure_registry(
    session: Session, request: pb.ConfigureRegistryRequest
) -> pb.ConfigureRegistryResponse:
    """Say how a registry behaves."""
    with session.cri.host.turn() as world:
        world.registry.configure(request.registry)
    return pb.ConfigureRegistryResponse()


@handles("Node.Behave", changes=True)
def behave(session: Session, request: pb.BehaveRequest) -> pb.BehaveResponse:
    """Say what containers do."""
    return pb.BehaveResponse(id=session.behaviours.add(session.cri.behave(request.rule).stop))


@handles("Node.StopBehaving", changes=True)
def stop_behaving(session: Session, request: pb.StopBehavingRequest) -> pb.StopBehavingResponse:
    """Take that back."""
    session.behaviours.pop(request.id)()
    return pb.StopBehavingResponse()


@handles("Node.ReadLog")
def read_log(session: Session, request: pb.ReadLogRequest) -> pb.ReadLogResponse:
    """Return the log file of a container."""
    return pb.ReadLogResponse(log=session.cri.log(request.container_id))
