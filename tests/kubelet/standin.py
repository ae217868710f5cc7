"""A small program that stands in for a kubelet."""

from pathlib import Path

VERSION = "v1.36.3"
SERVES = """exec python3 -c '
import http.server, json, signal, sys
configuration = json.load(open(sys.argv[1].partition("=")[2]))
signal.signal(signal.SIGTERM, signal.SIG_IGN if IGNORES else lambda *_: sys.exit(7))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/healthz" else 500)
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *_):
        pass
http.server.HTTPServer(("127.0.0.1", configuration["readOnlyPort"]), Handler).serve_forever()
' "$1" """
OBEYS = SERVES.replace("IGNORES", "False")
"""It answers, and ends with status 7 when it is told to."""
IGNORES = SERVES.replace("IGNORES", "True")
"""It answers, and does not end."""
LEAVES = OBEYS.removeprefix("exec ").replace("serve_forever", "handle_request")
"""It answers once; what comes after this line is what it does then."""
TELLS_ITS_VERSION = f'[ "$1" != --version ] || {{ echo Kubernetes {VERSION}; exit; }}'


def write_program(path: Path, *lines: str) -> Path:
    """Write a script."""
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


class Unborrowed:
    """The machine, of which a stand-in changes nothing."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def give_back(self) -> None:
        """Do nothing."""
