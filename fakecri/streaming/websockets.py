"""The handshake of a WebSocket, and what is spoken after it. Source: spec streaming 2.9 to 2.11.

What is refused is refused as by golang.org/x/net/websocket, which writes its answers by hand: they
have no headers but its own. Accepted is what containerd accepts, and two subprotocols of today's
clients that no runtime speaks itself: v5, and SPDY in a tunnel.
"""

from collections.abc import Callable, Mapping

from wsproto.utilities import generate_accept_token

from fakecri.core.streaming.commands import Command
from fakecri.core.streaming.forwards import Forward
from fakecri.core.streaming.sessions import Session
from fakecri.streaming.conversations import Conversation
from fakecri.streaming.http import Request
from fakecri.streaming.websocket_channels import Subprotocol
from fakecri.streaming.websocket_commands import CommandChannels
from fakecri.streaming.websocket_forwards import ForwardChannels, Tunnel

PORT_FORWARD = "portforward.k8s.io"
TUNNEL = f"SPDY/3.1+{PORT_FORWARD}"

_COMMANDS = (
    Subprotocol("", 1),
    Subprotocol("channel.k8s.io", 1),
    Subprotocol("base64.channel.k8s.io", 1, is_binary=False),
    Subprotocol("v4.channel.k8s.io", 4),
    Subprotocol("v4.base64.channel.k8s.io", 4, is_binary=False),
    Subprotocol("v5.channel.k8s.io", 5),
)
COMMANDS: Mapping[str, Subprotocol] = {each.name: each for each in _COMMANDS}
"""The subprotocols of exec and attach."""

FORWARDS: Mapping[str, Subprotocol] = {
    **{name: COMMANDS[name] for name in ("", "v4.channel.k8s.io", "v4.base64.channel.k8s.io")},
    TUNNEL: Subprotocol(TUNNEL, 4),
}
"""Those of port-forward."""
NEWEST = frozenset({"v5.channel.k8s.io", TUNNEL})
"""Those of today's clients, which kubelets speak, and runtimes not yet."""


class _Refused(Exception):  # noqa: N818  # an outcome, no failure of ours
    """A handshake that comes to nothing; the whole answer."""

    def __init__(self, status: str, text: str = "", header: str = "") -> None:
        super().__init__(f"HTTP/1.1 {status}\r\n{header}\r\n{text}")


def greet(
    spdy: Callable[[Session, str], Conversation], request: Request, session: Session
) -> tuple[bytes, Conversation | None]:
    """Answer a request for a WebSocket, and begin the session; None: the answer is all there is.

    `spdy` makes what is spoken in a tunnel, from a session that has begun.
    """
    try:
        key, subprotocol = _negotiate(request, session)
    except _Refused as refused:
        return str(refused).encode(), None
    lines = [
        "HTTP/1.1 101 Switching Protocols",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Accept: {generate_accept_token(key.encode()).decode()}",
        f"Sec-WebSocket-Protocol: {subprotocol.name}",
    ]
    session.begin(f"websocket {subprotocol.name}".rstrip())
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode(), _speak(
        session, subprotocol, spdy
    )


def _negotiate(request: Request, session: Session) -> tuple[str, Subprotocol]:
    """Return the key, and the first subprotocol that both speak."""
    if request.verb != "GET":
        raise _Refused("405 Method Not Allowed", "bad method")
    upgrades = "upgrade" in request.first("connection").lower()
    if not upgrades or request.first("upgrade").lower() != "websocket":
        raise _Refused("400 Bad Request", "not websocket protocol")
    key = request.first("sec-websocket-key")
    if not key:
        raise _Refused("400 Bad Request", "mismatch challenge/response")
    if request.first("sec-websocket-version") != "13":
        header = "Sec-WebSocket-Version: 13\r\n"
        raise _Refused("400 Bad Request", "missing or bad WebSocket Version", header)
    known = FORWARDS if session.method == Forward.method else COMMANDS
    wanted = [name.strip() for name in request.first("sec-websocket-protocol").split(",")]
    spoken = tuple(known)
    if not session.world.profile.newest_subprotocols:
        spoken = tuple(each for each in known if each not in NEWEST)
    offered = session.troubles.protocols(spoken, wanted)
    for name in wanted:
        if name in offered:
            return key, known[name]
    raise _Refused("403 Forbidden")


def _speak(
    session: Session, subprotocol: Subprotocol, spdy: Callable[[Session, str], Conversation]
) -> Conversation:
    if isinstance(session, Command):
        session.version = subprotocol.version
        return CommandChannels(session, subprotocol)
    assert isinstance(session, Forward)  # noqa: S101  # there is no third kind
    if subprotocol.name == TUNNEL:
        return Tunnel(spdy(session, PORT_FORWARD))
    return ForwardChannels(session, subprotocol)
