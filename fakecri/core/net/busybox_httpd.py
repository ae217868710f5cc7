"""`httpd` of busybox: the files of a directory over HTTP."""

from dataclasses import replace

from fakecri.core.applets import Surroundings, complain
from fakecri.core.net.daemons import serve_http
from fakecri.core.net.http import HttpServer, Request, Response, reason
from fakecri.core.net.sites import Site
from fakecri.core.options import read_options
from fakecri.core.pipes import Outlet, Stdin
from fakecri.core.processes import Process
from fakecri.core.scheduler import Waits
from fakecri.core.tools.words import whole_number

_MOST = 65_535


def serve_files(process: Process, _: Surroundings) -> Waits[int] | int:
    """`httpd`: without `-f` it goes on in the background."""
    options = read_options(process.spec.argv, "ifvp:h:c:u:r:e:d:m:")
    port_text = (options.values("p") or ["80"])[-1].rpartition(":")[2]
    port = whole_number(port_text, 0, _MOST)
    root = process.files.realpath((options.values("h") or ["."])[-1])
    if not process.files.is_dir(root):
        return complain(process, "httpd", f"can't change directory to '{root}'")
    if "f" in options.letters:
        return _serve(process, root, port)
    # A daemon lets go of the streams, so that nobody waits for what it might still write.
    nowhere = Outlet(_drop, "stdout")
    process.spawn(
        process.spec.argv,
        program=lambda child: _serve(child, root, port),
        stdin=Stdin(process.scheduler, closed=True),
        stdout=nowhere,
        stderr=nowhere,
    )
    return 0


def _drop(_stream: str, _output: bytes) -> None:
    """Take it as /dev/null does."""


def _serve(process: Process, root: str, port: int) -> Waits[int]:
    site = Site(process, root.rstrip("/"))

    def answer(request: Request) -> Response:
        response = site(request)
        if response.status == 200:  # noqa: PLR2004  # OK
            return replace(response, close=True)
        title = f"{response.status} {reason(response.status)}"
        page = f"<HTML><HEAD><TITLE>{title}</TITLE></HEAD>\n<BODY><H1>{title}</H1>\n"
        body = f"{page}</BODY></HTML>\n".encode()
        return replace(response, body=body, content_type="text/html", close=True)

    # It handles SIGHUP alone: as PID 1 it does not end on SIGTERM.
    return (yield from serve_http(process, HttpServer(answer), [port], stop_code=None))
