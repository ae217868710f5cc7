"""RPCs of the control service, read from its descriptors, and the functions that answer them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from fakecri.api import control_pb2 as pb

if TYPE_CHECKING:
    from fakecri.control.sessions import Session, Sessions

PACKAGE = pb.DESCRIPTOR.package


@dataclass(frozen=True, slots=True)
class ControlRpc:
    """One method: `Clock.Advance`."""

    name: str
    path: str
    request: type[Message]
    response: type[Message]
    streams: bool


def _rpc(method: MethodDescriptor) -> ControlRpc:
    service = method.containing_service
    return ControlRpc(
        name=f"{service.name}.{method.name}",
        path=f"/{service.full_name}/{method.name}",
        request=message_factory.GetMessageClass(method.input_type),
        response=message_factory.GetMessageClass(method.output_type),
        streams=method.server_streaming,
    )


CONTROL_RPCS: Mapping[str, ControlRpc] = {
    rpc.name: rpc
    for service in pb.DESCRIPTOR.services_by_name.values()
    for rpc in map(_rpc, service.methods)
}


@dataclass(frozen=True, slots=True)
class Handler:
    """What answers a method."""

    answer: Callable[[Any, Any], Any]
    """Of a Session, or of the Sessions, and the request."""
    of_session: bool
    changes: bool
    """Whether it changes the session, so that a replay has to do it again."""


HANDLERS: dict[str, Handler] = {}

SessionAnswer: TypeAlias = "Callable[[Session, Any], Any]"
SessionsAnswer: TypeAlias = "Callable[[Sessions, Any], Any]"


def handles(name: str, *, changes: bool = False) -> Callable[[SessionAnswer], SessionAnswer]:
    """Bind a function of a session and a request to a method, such as `Clock.Advance`.

    One that `changes` the session returns at once; others may be coroutines or, of a stream,
    asynchronous generators.
    """

    def bind(answer: SessionAnswer) -> SessionAnswer:
        HANDLERS[CONTROL_RPCS[name].name] = Handler(answer, of_session=True, changes=changes)
        return answer

    return bind


def handles_all(name: str) -> Callable[[SessionsAnswer], SessionsAnswer]:
    """Bind a coroutine function of all sessions and a request to a method."""

    def bind(answer: SessionsAnswer) -> SessionsAnswer:
        HANDLERS[CONTROL_RPCS[name].name] = Handler(answer, of_session=False, changes=False)
        return answer

    return bind
