"""A client of the control service, for tests in another process than the runtime.

    with Control("unix:///run/control.sock") as control:
        control.rules.arm(rules=["StopContainer = 1*after:hang"])
        control.clock.advance(span="10m")

Methods are those of `control.proto`, in snake_case, and take the fields of their requests by name.
They return its messages.
"""

import os
import re
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf.message import Message

from fakecri.api import control_pb2 as pb
from fakecri.channel import connect
from fakecri.contexts import UntilLeft
from fakecri.control.rpcs import CONTROL_RPCS, ControlRpc
from fakecri.errors import Code, UsageError

ENVIRONMENT = "FAKECRI_CONTROL"
"""The environment variable that says where the control service is."""

_WORD = re.compile(r"(?<!^)(?=[A-Z])")


class ControlError(UsageError):
    """The control service refuses, or cannot be reached. `code` says how: that of the status."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(text)
        self.code = code


class ControlService:
    """One service, such as Clock, for one session."""

    def __init__(self, channel: grpc.Channel, service: str, session: str) -> None:
        self._methods = {
            _WORD.sub("_", rpc.name.partition(".")[2]).lower(): _method(channel, rpc, session)
            for rpc in CONTROL_RPCS.values()
            if rpc.name.startswith(f"{service}.")
        }

    def __getattr__(self, name: str) -> Any:
        method = self.__dict__.get("_methods", {}).get(name)
        if method is None:
            raise AttributeError(f"the control service has no method {name!r} here")
        return method

    def __dir__(self) -> list[str]:
        return sorted(self._methods)


class Control(UntilLeft):
    """The control service of a process, or of one of its sessions."""

    def __init__(self, endpoint: str | None = None, session: str = "") -> None:
        """`endpoint`: that of `fakecri serve --control`; None: the one in FAKECRI_CONTROL."""
        endpoint = endpoint or os.environ.get(ENVIRONMENT)
        if not endpoint:
            raise UsageError(f"where is the control service? Neither told, nor in {ENVIRONMENT}")
        self._channel = connect(endpoint)
        self._bind(session)

    def _bind(self, session: str) -> None:
        self.session = session
        for service in pb.DESCRIPTOR.services_by_name:
            each = ControlService(self._channel, service, session)
            setattr(self, service.lower(), each)

    rules: ControlService
    clock: ControlService
    gates: ControlService
    recording: ControlService
    node: ControlService
    sessions: ControlService
    state: ControlService

    def of(self, session: str) -> "Control":
        """Return the control of another session, over the same connection."""
        other = Control.__new__(Control)
        other._channel = self._channel  # noqa: SLF001  # one of us
        other._bind(session)  # noqa: SLF001  # likewise
        return other

    def close(self) -> None:
        """Hang up."""
        self._channel.close()

    def _left(self, _error: BaseException | None) -> None:
        self.close()


def _method(channel: grpc.Channel, rpc: ControlRpc, session: str) -> Any:
    make = channel.unary_stream if rpc.streams else channel.unary_unary
    call: Any = make(
        rpc.path,
        request_serializer=rpc.request.SerializeToString,
        response_deserializer=rpc.response.FromString,
    )
    named = {"session": session} if "session" in rpc.request.DESCRIPTOR.fields_by_name else {}

    def unary(*, timeout: float | None = None, **fields: Any) -> Message:
        request = rpc.request(**{**named, **fields})
        try:
            response: Message = call(request, timeout=timeout)
        except grpc.RpcError as error:
            raise _translated(error) from error
        return response

    def stream(*, timeout: float | None = None, **fields: Any) -> Iterator[Message]:
        request = rpc.request(**{**named, **fields})
        try:
            yield from call(request, timeout=timeout)
        except grpc.RpcError as error:
            raise _translated(error) from error

    method = stream if rpc.streams else unary
    method.__name__ = rpc.name
    return method


def _translated(error: grpc.RpcError) -> ControlError:
    status: grpc.StatusCode = error.code()
    return ControlError(Code(status.value[0]), error.details() or status.name)
