"""A registry on loopback: just enough of the distribution protocol for a runtime to pull."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.real import oci

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROUTE = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/?]+)")


FAILURES = ("403", "429", "503", "layer-404", "layer-503", "layer-digest", "layer-eof")
"""What goes wrong with the repositories `fails/...`."""


def catalogue() -> dict[str, oci.OciImage]:
    """What the registry serves, by `repository:tag`, whatever host the client believes it asks."""
    layer = oci.busybox_layer()
    busybox = oci.image(layer, ["sh"])
    return {
        "library/busybox:latest": busybox,
        "library/busybox:stable": busybox,
        "library/second:1": oci.image(layer, ["sleep", "60"]),
        "library/third:1": oci.image(layer, ["sleep", "61"]),
        # As PID 1 it ignores what it does not handle, like the pause it stands for.
        "pause:3.6": oci.image(layer, [], entrypoint=["/bin/tail", "-f", "/dev/null"]),
        # A layer of its own for each, so that it is not there already.
        **{f"fails/{each}:1": oci.image(oci.file_layer(each), ["sh"]) for each in FAILURES},
    }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, images: Mapping[str, oci.OciImage], *args: object) -> None:
        self._images = images
        super().__init__(*args)  # type: ignore[arg-type]  # what socketserver hands over

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the parent's name
        """Nobody reads it."""

    def _answer(self, *, body: bool) -> None:
        status, kind, content = self._find()
        failure = self._failure()
        if failure.isdecimal():
            status, content = HTTPStatus(int(failure)), b""
        elif failure == "digest":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Docker-Content-Digest", oci.digest_of(content))
        self.end_headers()
        if body:
            self.wfile.write(content[: len(content) // 2] if failure == "eof" else content)
        self.close_connection = failure == "eof"

    def _failure(self) -> str:
        """What is to go wrong with this request; nothing with most."""
        found = ROUTE.match(self.path)
        prefix, _, failure = found["name"].rpartition("/") if found else ("", "", "")
        if found is None or prefix != "fails":
            return ""
        place, _, kind = failure.rpartition("-")
        if not place:
            return kind
        manifest = self._images[f"{found['name']}:1"].manifest.decode()
        layers = manifest.partition('"layers"')[2]
        is_layer = found["kind"] == "blobs" and found["reference"] in layers
        return kind if is_layer else ""

    def _find(self) -> tuple[HTTPStatus, str, bytes]:
        found = ROUTE.match(self.path)
        if found is None:
            at_home = self.path.startswith("/v2/") and "?" not in self.path
            return (HTTPStatus.OK if at_home else HTTPStatus.NOT_FOUND), "application/json", b"{}"
        if found["kind"] == "blobs":
            content = self._blob(found["reference"])
        else:
            content = self._manifest(found["name"], found["reference"])
        if content is None:
            return (
                HTTPStatus.NOT_FOUND,
                "application/json",
                b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}',
            )
        kind = oci.MANIFEST_TYPE if found["kind"] == "manifests" else "application/octet-stream"
        return HTTPStatus.OK, kind, content

    def _manifest(self, name: str, reference: str) -> bytes | None:
        for known, candidate in self._images.items():
            if known == f"{name}:{reference}":
                return candidate.manifest
            if known.startswith(f"{name}:") and candidate.digest == reference:
                return candidate.manifest
        return None

    def _blob(self, reference: str) -> bytes | None:
        for candidate in self._images.values():
            if reference in candidate.blobs:
                return candidate.blobs[reference]
        return None


@contextmanager
def registry(images: Mapping[str, oci.OciImage]) -> Iterator[str]:
    """Serves the images over plain HTTP; yields its `127.0.0.1:port`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, images))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
