"""From an image and a command line to a program.

What runs is, in this order:

1. a callable registered for the command. If it is registered for `argv[0]` as it stands, there
   need be no such executable in the image: the registration brings it. One registered for a path
   or a bare name also stands for every executable found at that path or with that name;
2. a callable registered for the image, in place of whatever its containers run as their main
   process, be it there or not. An exec in such a container goes on to 3;
3. nothing, where the image has no such executable;
4. a built-in: the shell, for `sh`, `ash`, `bash` and `dash`; `pause`, the servers of
   `core.net.images`, and the `COMMANDS`; also as `busybox NAME`; with a library the
   `LIBRARY_TOOLS`;
5. for a main process that is no tool of a userland: a server that takes connections on the ports
   of the image, and runs until it is stopped.

What is left (`vi`, say) is in the image, but not in fakecri: it is treated as missing, and the
message says why.
"""

import errno
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Protocol

from fakecri.core import shell
from fakecri.core.applets import Applet, Surroundings, become, bound, complain
from fakecri.core.commands import COMMANDS
from fakecri.core.daemons import pause, show_effective_uid
from fakecri.core.executables import MissingExecutableError, locate, missing, quoted
from fakecri.core.known_images import Recipe
from fakecri.core.loads import Load
from fakecri.core.net.images import find_server, mute_server
from fakecri.core.paths import go_error_text, path_error
from fakecri.core.processes import Process, Program
from fakecri.core.references import is_digest, parse_reference
from fakecri.core.rootfs.image_trees import program_name
from fakecri.core.rootfs.lookups import Executable, Lookup, image_lookup
from fakecri.core.scheduler import Waits
from fakecri.core.signals import parse_signal
from fakecri.core.userlands import Userland, find_userland

__all__ = ["LIBRARY_TOOLS", "Executables", "MissingExecutableError", "Programs"]

_MULTI_CALL = "busybox"
_SCRIPTS_MAX = 4
_SET_USER_ID = 0o4000
_OTHERS: Mapping[str, Program] = {"nnp": show_effective_uid, "pause": pause}
_LIBRARY = "fakecri[shell]"
LIBRARY_TOOLS = frozenset({"awk", "gawk", "jq", "mawk", "nawk"})
"""What is run by a library, if it is installed."""

_USERLANDS = ("busybox", "alpine", "debian")


class Executables(Protocol):
    """What has to be known of an image; `image_registry.ImageContent` knows it."""

    @property
    def userland(self) -> Userland:
        """Its executables, users and groups."""

    @property
    def recipe(self) -> Recipe:
        """Its config."""


@dataclass(frozen=True, slots=True, eq=False)
class _Registration:
    program: Program
    image: str | None
    command: str | None

    def is_of_image(self, names: Collection[str]) -> bool:
        return self.image is None or self.image in names


class Programs:
    """All programs of a world."""

    def __init__(self) -> None:
        self.toolbox: Callable[[str], Program] | None = None
        """From a name of LIBRARY_TOOLS to the program that it is; None: there is no library."""
        self._registrations: list[_Registration] = []

    def register(
        self,
        program: Program,
        *,
        image: str | None = None,
        command: str | None = None,
        usage: Load | None = None,
    ) -> Callable[[], None]:
        """Let a program run for an image, a command, or a command in an image.

        `image` is a reference, normalised as ever (`nginx` is `docker.io/library/nginx:latest`),
        or an image id; `command` is as in `argv[0]`, a path or a bare name. `usage` is
        what each of its processes uses from its start on. The later of two registrations wins.
        Returns what takes it back. Raises InvalidReference, and ValueError
        where both are missing.
        """
        if image is None and command is None:
            raise ValueError("a program is registered for an image, a command, or both")
        if image is not None and not is_digest(image):
            image = str(parse_reference(image))
        if usage is not None:
            program = _Loaded(program, usage)
        registration = _Registration(program, image, command)
        self._registrations.insert(0, registration)

        def unregister() -> None:
            with suppress(ValueError):
                self._registrations.remove(registration)

        return unregister

    def find(
        self,
        image: Executables,
        argv: Sequence[str],
        environment: Mapping[str, str],
        *,
        cwd: str = "/",
        image_names: Collection[str] = (),
        is_exec: bool = False,
        is_inside: bool = False,
        lookup: Lookup | None = None,
    ) -> Program:
        """Return what a command line runs. Raises MissingExecutableError.

        `image_names` are the normalised references and the id under which the image is known;
        `is_exec`: it is no container's main process; `is_inside`: it is another process that
        executes it, not runc. `lookup` is where to look; None: in the image, as root.
        """
        if not argv:
            raise ValueError("no command specified")
        lookup = lookup or image_lookup(image.userland, image.recipe)
        search = _Search(self, image, image_names, lookup, is_exec, is_inside)
        return search.find(argv, environment, cwd)

    def is_of_command(self, program: Program) -> bool:
        """Whether what `find` has found is a program registered for a command."""
        if isinstance(program, _Becoming):
            program = program.program
        return any(each.program == program and each.command for each in self._registrations)

    def for_command(self, names: Collection[str], image_names: Collection[str]) -> Program | None:
        """Return the latest program registered for a command of one of these names."""
        return next(
            (
                each.program
                for each in self._registrations
                if each.command in names and each.is_of_image(image_names)
            ),
            None,
        )

    def for_image(self, image_names: Collection[str]) -> Program | None:
        """Return the latest program registered for an image as a whole."""
        return next(
            (
                each.program
                for each in self._registrations
                if each.command is None and each.is_of_image(image_names)
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class _Search:
    """A look-up in one container."""

    programs: Programs
    image: Executables
    image_names: Collection[str]
    lookup: Lookup
    is_exec: bool
    is_inside: bool = False
    """Whether it is another process that executes it, not runc."""
    is_nested: bool = False
    """Whether a program is to become what is looked for."""
    depth: int = 0
    """How many scripts led here."""

    def find(self, argv: Sequence[str], environment: Mapping[str, str], cwd: str) -> Program:
        try:
            path = locate(self.lookup, argv[0], environment, cwd, is_inside=self.is_inside)
        except MissingExecutableError:
            registered = self.registered(argv[0])
            if registered is None:
                raise
            return registered
        file = self.lookup.executable(path, "/")
        program = self.registered(argv[0], path, _name(path)) or self.existing(
            file, argv, environment, cwd
        )
        return _SetUserId(program, file.stat.uid) if _raises_privileges(file) else program

    def registered(self, *names: str) -> Program | None:
        program = self.programs.for_command(names, self.image_names)
        if program is None and not (self.is_exec or self.is_nested):
            program = self.programs.for_image(self.image_names)
        return program

    def existing(
        self, file: Executable, argv: Sequence[str], environment: Mapping[str, str], cwd: str
    ) -> Program:
        name = program_name(file.head)
        if name is not None:
            return self.known(name, file.path, argv)
        if file.head.startswith(b"#!"):
            return self.script(file, argv, environment, cwd)
        return self.not_executed(argv[0], errno.ENOEXEC)

    def known(self, name: str, path: str, argv: Sequence[str]) -> Program:
        """Return what an executable of ours is; `path` is where it was found."""
        if name == _MULTI_CALL:
            name = _name(path)
            if name == _MULTI_CALL:
                return self.multi_call(argv)
            if not self.is_applet(name):
                return partial(_not_an_applet, name=name)
        nested = replace(self, is_nested=True)
        program = find_server(path, self.image.recipe, nested.find) or self.simulated(name, argv)
        if program is not None:
            return program
        if self.is_exec or name in _tools():
            raise missing(argv[0], _unsimulated(argv[0]))
        recipe = self.image.recipe
        return mute_server(recipe.server_ports, _stop_signals(recipe.stop_signal))

    def is_applet(self, name: str) -> bool:
        """Whether the busybox of the image has a command, or fakecri has it."""
        return name in COMMANDS or name in map(_name, self.image.userland.executables)

    def script(
        self, file: Executable, argv: Sequence[str], environment: Mapping[str, str], cwd: str
    ) -> Program:
        """Return the interpreter that the first line of a script names."""
        line = file.head.partition(b"\n")[0][2:].decode(errors="surrogateescape")
        interpreter, *arguments = line.split(None, 1) or [""]
        if not interpreter:
            return self.not_executed(argv[0], errno.ENOEXEC)
        if self.depth >= _SCRIPTS_MAX:
            return self.not_executed(argv[0], errno.ELOOP)
        path = argv[0] if "/" in argv[0] else file.path
        words = (interpreter, *(each.rstrip() for each in arguments), path, *argv[1:])
        nested = replace(self, is_nested=True, depth=self.depth + 1)
        try:
            program = nested.find(words, environment, cwd)
        except MissingExecutableError as error:
            if error.why:
                raise
            return self.not_executed(argv[0], error.code)
        return _Becoming(program, words)

    def not_executed(self, name: str, code: int) -> Program:
        """Return what becomes of what execve(2) refuses, though it may be executed.

        runc finds that out when the container has started, and leaves a line in its output.
        """
        text = go_error_text("exec", name, path_error(code, name))
        if self.is_inside:
            raise MissingExecutableError(text, code)
        return partial(_fail, text=text)

    def multi_call(self, argv: Sequence[str]) -> Program:
        """`busybox NAME ...` is what NAME would be."""
        name = _name(argv[1]) if len(argv) > 1 else ""
        if name == _MULTI_CALL:
            return self.multi_call(argv[1:])
        if not name or name.startswith("--"):
            raise missing(argv[0], _unsimulated(argv[0]))
        program = self.registered(argv[1], name) or self.simulated(name, argv[1:])
        if program is not None:
            return _Becoming(program, tuple(argv[1:]))
        if self.is_applet(name):
            raise missing(argv[0], _unsimulated(name))
        return partial(_not_an_applet, name=name)

    def simulated(self, name: str, argv: Sequence[str]) -> Program | None:
        if name in shell.SHELLS:
            return shell.program(argv)
        if name in _OTHERS:
            return _OTHERS[name]
        if name in LIBRARY_TOOLS and name not in COMMANDS:
            return self.library_tool(name, argv[0])
        return self.bound(name, COMMANDS[name]) if name in COMMANDS else None

    def library_tool(self, name: str, word: str) -> Program:
        if self.programs.toolbox is None:
            raise missing(word, f"fakecri runs {name} with a library: install {_LIBRARY}")
        return self.programs.toolbox(name)

    def bound(self, name: str, applet: Applet) -> Program:
        nested = replace(self, is_nested=True)
        return bound(name, applet, Surroundings(self.image.userland, nested.find))


def _name(path: str) -> str:
    return path.rpartition("/")[2]


@cache
def _tools() -> frozenset[str]:
    """The names of all that is in the bases of images."""
    return frozenset(_name(path) for each in _USERLANDS for path in find_userland(each).executables)


def _raises_privileges(file: Executable) -> bool:
    return bool(file.stat.mode & _SET_USER_ID) and not file.no_suid


@dataclass(frozen=True, slots=True)
class _SetUserId:
    """A program whose file is set-user-id."""

    program: Program
    uid: int

    def __call__(self, process: Process) -> Waits[int] | int | None:
        if process.has_system and not process.system.security.no_new_privs:
            process.euid = self.uid
        return self.program(process)


def _fail(process: Process, text: str) -> int:
    process.error(f"{text}\n".encode(errors="surrogateescape"))
    return 255


def _unsimulated(name: str) -> str:
    return f"fakecri does not simulate {quoted(name)}; register a program for it"


def _stop_signals(name: str) -> tuple[int, ...]:
    """What an image wants to be stopped with, its program must know."""
    try:
        return (parse_signal(name),)
    except ValueError:
        return ()


@dataclass(frozen=True, slots=True)
class _Loaded:
    program: Program
    load: Load

    def __call__(self, process: Process) -> Waits[int] | int | None:
        process.use(self.load)
        return self.program(process)


@dataclass(frozen=True, slots=True)
class _Becoming:
    program: Program
    argv: tuple[str, ...]

    def __call__(self, process: Process) -> Waits[int] | int | None:
        return become(process, self.program, self.argv)


def _not_an_applet(process: Process, name: str) -> int:
    return complain(process, name, "applet not found", 127)
