"""A web server whose health is chosen: what `http/8080` is."""

from collections.abc import Sequence

from fakecri.core.behaviours.answers import UNREADY
from fakecri.core.behaviours.steps import Unready
from fakecri.core.net.daemons import serve_http
from fakecri.core.net.http import HttpServer, Request, Response
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import Waits


def healthy_server(ports: Sequence[int], windows: Sequence[Unready]) -> Program:
    """Return a program that answers 200 to everything, and 503 while it is unready."""

    def serve(process: Process) -> Waits[int]:
        def answer(_request: Request) -> Response:
            age_ns = process.scheduler.now_ns - process.started_ns
            if any(each.covers(age_ns) for each in windows):
                return Response(503, UNREADY)
            return Response(200, b"ok\n")

        return serve_http(process, HttpServer(answer, {}), list(ports))

    return serve
