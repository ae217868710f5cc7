"""Static files over HTTP, as nginx, Apache and busybox's httpd serve them."""

from dataclasses import dataclass

from fakecri.core.dates import format_date
from fakecri.core.net.http import Request, Response
from fakecri.core.processes import Process
from fakecri.core.scheduler import SECOND_NS

_TYPES = {
    "css": "text/css",
    "gif": "image/gif",
    "html": "text/html",
    "htm": "text/html",
    "ico": "image/x-icon",
    "jpg": "image/jpeg",
    "js": "application/javascript",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "xml": "text/xml",
}
_METHODS = frozenset({"GET", "HEAD"})


@dataclass(slots=True)
class Site:
    """A directory of a container, and the page that is shown where it has no index."""

    process: Process
    root: str
    welcome: bytes = b""
    unknown_type: str = "application/octet-stream"

    def __call__(self, request: Request) -> Response:
        """Return the file, or an empty response with the status of the failure."""
        if request.method not in _METHODS:
            return Response(405)
        path = self._inside(request.path)
        if path is None:
            return Response(400)
        files = self.process.files
        try:
            if files.is_dir(self.root + path):
                if not path.endswith("/"):
                    return Response(301, headers=(("Location", path + "/"),))
                path += "index.html"
            content = files.read(self.root + path)
        except (FileNotFoundError, NotADirectoryError):
            return self._fallback(path)
        except OSError:
            return Response(403)
        return Response(200, content, self._type(path), self._dated(path))

    def _inside(self, path: str) -> str | None:
        """The path without dots; None where it leads out of the root."""
        names: list[str] = []
        for name in path.split("/"):
            if name == ".." and not names:
                return None
            if name == "..":
                names.pop()
            elif name not in {"", "."}:
                names.append(name)
        end = "/" if path.endswith(("/", "/.", "/..")) and names else ""
        return "/" + "/".join(names) + end

    def _fallback(self, path: str) -> Response:
        if self.welcome and path in {"/", "/index.html"}:
            return Response(200, self.welcome, "text/html")
        return Response(404)

    def _type(self, path: str) -> str:
        return _TYPES.get(path.rpartition(".")[2], self.unknown_type)

    def _dated(self, path: str) -> tuple[tuple[str, str], ...]:
        seconds = self.process.files.stat(self.root + path).mtime_ns // SECOND_NS
        return (("Last-Modified", format_date(seconds, "%a, %d %b %Y %H:%M:%S GMT")),)


def log_line(process: Process, request: Request, response: Response) -> str:
    """Return a line of an access log in the common format."""
    when = format_date(process.wall_ns() // SECOND_NS, "%d/%b/%Y:%H:%M:%S +0000")
    size = 0 if request.method == "HEAD" else len(response.body)
    line = f"{request.method} {request.target} HTTP/{request.version}"
    return f'{request.peer[0]} - - [{when}] "{line}" {response.status} {size}'
