"""A client without a socket: it speaks to the HTTP side of a connection, to the byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fakecri.api import runtime_pb2 as pb
from fakecri.streaming import websockets
from fakecri.streaming.http import Front, Request, Speakers
from tests.streaming.websocket_client import KEY

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakecri.core.streaming.sessions import Session
    from fakecri.streaming.conversations import Conversation
    from tests.support import Node


def _spdy(session: Session, protocol: str) -> Conversation:
    raise AssertionError((session, protocol))


class Talk:
    """One connection."""

    session: Session

    def __init__(self, node: Node, spdy: Callable[[Session, str], Conversation] = _spdy) -> None:
        """`spdy`: what is spoken in a tunnel."""
        self.host = node.cri.host
        self._spdy = spdy
        with self.host.turn() as world:
            self.front = Front(world, Speakers(spdy, self._greet), _nothing)

    def _greet(self, request: Request, session: Session) -> tuple[bytes, Conversation | None]:
        self.session = session
        return websockets.greet(self._spdy, request, session)

    def say(self, content: bytes = b"") -> bytes:
        """Send bytes; return all that comes back, now."""
        with self.host.turn():
            self.front.feed(content)
        return b"".join(iter(self.take, b""))

    def take(self) -> bytes:
        """Return what comes back in one go."""
        with self.host.turn():
            return self.front.take()

    def ask(self, url: str, *protocols: str, verb: str = "GET", **headers: str | None) -> bytes:
        """Ask for a WebSocket. A header of None is left out, one of another name replaced."""
        lines = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec_WebSocket_Version": "13",
            "Sec_WebSocket_Key": KEY,
            "Sec_WebSocket_Protocol": ", ".join(protocols) or None,
            **headers,
        }
        text = "".join(
            f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items() if value
        )
        path = "/" + url.split("/", 3)[3]
        return self.say(f"{verb} {path} HTTP/1.1\r\nHost: any\r\n{text}\r\n".encode())


def _nothing() -> None:
    """Do nothing: what there is, is looked for."""


def exec_url(node: Node, container: str, *command: str, **fields: Any) -> str:
    """Ask for an exec, of both outputs unless told otherwise."""
    wanted = {"stdout": True, "stderr": not fields.get("tty"), **fields}
    return node.runtime.Exec(pb.ExecRequest(container_id=container, cmd=command, **wanted)).url


def attach_url(node: Node, container: str, **fields: Any) -> str:
    """Ask to be attached."""
    return node.runtime.Attach(pb.AttachRequest(container_id=container, **fields)).url


def forward_url(node: Node, pod: str, *ports: int) -> str:
    """Ask for ports."""
    return node.runtime.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod, port=ports)).url
