"""Which server an executable of an image is."""

from collections.abc import Callable, Mapping, Sequence

from fakecri.core import signals
from fakecri.core.applets import become
from fakecri.core.executables import MissingExecutableError
from fakecri.core.known_images import Recipe
from fakecri.core.net.agnhost import agnhost
from fakecri.core.net.apache import httpd
from fakecri.core.net.connections import Connection
from fakecri.core.net.crews import Crew
from fakecri.core.net.nginx import nginx
from fakecri.core.processes import Process, Program
from fakecri.core.scheduler import Waits

Find = Callable[[Sequence[str], Mapping[str, str], str], Program]

_APACHE = frozenset({"/usr/local/bin/httpd-foreground", "/usr/local/apache2/bin/httpd"})
_AGNHOST = frozenset({"/agnhost", "/agnhost-2"})
_ENTRYPOINT = "docker-entrypoint.sh"
_LATEST_NGINX = "1.27.3"


def find_server(path: str, recipe: Recipe, find: Find) -> Program | None:
    """Return the server at an absolute path of an image; None where it is none that we know."""
    name = path.rpartition("/")[2]
    if name == "nginx":
        return nginx(
            _nginx_version(recipe), recipe.server_ports or (80,), notices=_is_recent(recipe)
        )
    if path in _APACHE:
        return httpd(recipe.server_ports or (80,))
    if path in _AGNHOST:
        return agnhost
    if name == _ENTRYPOINT:
        return _entrypoint(path, find)
    return None


def _nginx_version(recipe: Recipe) -> str:
    names = (each.partition("=") for each in recipe.env)
    return next((value for name, _, value in names if name == "NGINX_VERSION"), _LATEST_NGINX)


def _is_recent(recipe: Recipe) -> bool:
    return any(_ENTRYPOINT in each for each in recipe.entrypoint)


def _entrypoint(path: str, find: Find) -> Program:
    """The script of the official images: it says what it does, and becomes its arguments."""

    def run(process: Process) -> Waits[int] | int | None:
        argv = process.spec.argv[1:]
        if not argv:
            return 0
        if argv[0] in {"nginx", "nginx-debug"}:
            text = "No files found in /docker-entrypoint.d/, skipping configuration"
            process.write(f"{path}: {text}\n".encode())
        try:
            program = find(argv, process.spec.environment, process.spec.cwd)
        except MissingExecutableError:
            process.error(f"{path}: exec: {argv[0]}: not found\n".encode())
            return 127
        return become(process, program, argv)

    return run


def mute_server(ports: Sequence[int], stop_signals: Sequence[int]) -> Program:
    """Return a stand-in for a server that we do not know: it takes connections, and says nothing.

    It ends with 0 on SIGTERM, SIGINT, SIGQUIT or one of `stop_signals`: what most servers do when
    they are asked to end in good order. A port that it cannot have it does without.
    """

    def serve(process: Process) -> Waits[int]:
        for number in (signals.SIGTERM, *map(signals.NUMBERS.get, ("INT", "QUIT")), *stop_signals):
            process.handle(number or 0, lambda _: process.exit_now(0))
        crew = Crew(process)
        for port in ports:
            try:
                listener = process.listen(port)
            except OSError:
                continue
            crew.run(crew.serve(listener, _listen_only))
        yield from process.forever()
        return 0

    return serve


def _listen_only(connection: Connection) -> Waits[None]:
    while (yield from connection.read()):
        pass
