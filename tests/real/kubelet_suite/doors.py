"""The server of a kubelet, as kubectl and an API server come to it: over TLS, pod by pod."""

from __future__ import annotations

import http.client
import ssl
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from fakecri.kubelet.process import HTTP_TIMEOUT_S
from tests.streaming import http_client, spdy_client, websocket_client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.kubelet import KubeletNode
    from tests.streaming.http_client import Answer

V4 = "v4.channel.k8s.io"
V5 = websocket_client.V5
SPDY, WEBSOCKET_4, WEBSOCKET_5 = "spdy", V4, V5
TRANSPORTS = (SPDY, WEBSOCKET_4, WEBSOCKET_5)

over_each_transport = pytest.mark.parametrize("transport", TRANSPORTS)

Command = spdy_client.Command | websocket_client.Command


class Doors:
    """What one asks a kubelet's server for."""

    def __init__(self, node: KubeletNode) -> None:
        self._node = node
        self.base = f"https://127.0.0.1:{node.kubelet.tls_port}"
        self.tls = ssl.create_default_context()
        self.tls.check_hostname, self.tls.verify_mode = False, ssl.CERT_NONE  # it is self-signed

    def path(self, kind: str, pod: str, container: str = "main", **query: Any) -> str:
        """Return the path of a kind, such as `containerLogs`; no container: that of a pod."""
        parts = ["", kind, "default", f"{pod}-{self._node.kubelet.name}", container]
        text = urlencode({name: value for name, value in query.items() if value}, doseq=True)
        return "/".join(parts).removesuffix("/") + (f"?{text}" if text else "")

    def logs(self, pod: str, **query: Any) -> str:
        """Return the logs of the container `main`."""
        status, text = self._node.kubelet.tls_get(self.path("containerLogs", pod, **query))
        assert status == 200, text
        return text

    @contextmanager
    def followed(self, pod: str) -> Iterator[http.client.HTTPResponse]:
        """Follow the logs of the container `main`: lines can be read as they come."""
        port = self._node.kubelet.tls_port
        connection = http.client.HTTPSConnection(
            "127.0.0.1", port, timeout=HTTP_TIMEOUT_S, context=self.tls
        )
        with closing(connection):
            connection.request("GET", self.path("containerLogs", pod, follow="true"))
            yield connection.getresponse()

    def ask(self, path: str, method: str = "POST") -> Answer:
        """Ask for something that is no stream."""
        lines = [("Connection", "close"), ("Content-Length", "0")]
        connection, answer = http_client.ask(self.base + path, method, lines, context=self.tls)
        connection.close()
        return answer

    def exec(
        self, pod: str, *command: str, transport: str, stdin: bool = False, tty: bool = False
    ) -> Command:
        """Execute a command."""
        return self._open("exec", pod, command, transport, stdin=stdin, tty=tty)

    def attach(self, pod: str, *, transport: str, stdin: bool = True, tty: bool = False) -> Command:
        """Be attached to a container."""
        return self._open("attach", pod, (), transport, stdin=stdin, tty=tty)

    def _open(
        self,
        kind: str,
        pod: str,
        command: tuple[str, ...],
        transport: str,
        *,
        stdin: bool,
        tty: bool,
    ) -> Command:
        flags: dict[str, Any] = {
            "input": int(stdin),
            "output": 1,
            "error": int(not tty),
            "tty": int(tty),
        }
        url = self.base + self.path(kind, pod, command=command, **flags)
        if transport != SPDY:
            return websocket_client.open(url, transport, context=self.tls)
        return spdy_client.open(url, stdin=stdin, tty=tty, protocols=[V4], context=self.tls)

    def forward(self, pod: str, transport: str) -> spdy_client.Forwarding:
        """Forward ports of a pod, over SPDY or with SPDY in a WebSocket."""
        forward = spdy_client.forward if transport == SPDY else websocket_client.forward
        # An older kubelet wants to know a port before it lets a WebSocket through.
        return forward(self.forward_url(pod, port=80), context=self.tls)

    def forward_url(self, pod: str, **query: Any) -> str:
        """Return the URL of the ports of a pod."""
        return self.base + self.path("portForward", pod, "", **query)
