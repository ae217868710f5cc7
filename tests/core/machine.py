"""A place to run simulated programs in: a queue of time, an image, and what they write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any, NamedTuple

from fakecri.core.cgroup import Cgroup
from fakecri.core.image_registry import ImageContent, build_content
from fakecri.core.known_images import Recipe, find_known
from fakecri.core.limits import Limits
from fakecri.core.net.networks import Network
from fakecri.core.pipes import Outlet
from fakecri.core.processes import Process, ProcessSpec, Program, Stdin, User
from fakecri.core.programs import Programs
from fakecri.core.rootfs.dev import dev_tree
from fakecri.core.rootfs.image_trees import image_tree
from fakecri.core.rootfs.lookups import Lookup
from fakecri.core.rootfs.nodes import Filesystem
from fakecri.core.rootfs.places import Mount, Mounts
from fakecri.core.rootfs.tree import Rootfs, layer_mount
from fakecri.core.scheduler import SECOND_NS, Scheduler
from fakecri.core.security import Security
from fakecri.core.system import PidNamespace, System, Uts
from fakecri.core.terminals import Terminal

START_NS = 1_000 * SECOND_NS
WALL_NS = 1_795_475_948 * SECOND_NS + 123_456_789  # Mon Nov 23 23:19:08 UTC 2026
DAY_NS = 86_400 * SECOND_NS


def known_image(repository: str, tag: str = "latest") -> ImageContent:
    """One of the images that fakecri knows."""
    row = find_known(repository, tag)
    assert row is not None
    return build_content(row.recipe, repository)


def made_image(**fields: Any) -> ImageContent:
    """An image of a recipe."""
    return build_content(Recipe(**fields), "made")


BUSYBOX = known_image("docker.io/library/busybox")


class Finished(NamedTuple):
    """What a process leaves."""

    code: int
    stdout: str
    stderr: str


@dataclass
class Run:
    """A process, and what it has written so far."""

    scheduler: Scheduler
    process: Process
    stdin: Stdin | Terminal
    written: dict[str, bytes]

    def finish(self, within_ns: int = 10 * DAY_NS) -> Finished:
        """Let time pass until it has ended."""
        exited = self.process.exited
        end_ns = self.scheduler.now_ns + within_ns
        self.scheduler.run()
        while not exited.done and (due_ns := self.scheduler.next_ns()) and due_ns <= end_ns:
            self.scheduler.advance_to(due_ns)
        assert exited.done, f"{self.process.spec.argv} goes on"
        return Finished(exited.result(), self.stdout, self.stderr)

    def goes_on(self, for_ns: int = 3650 * DAY_NS) -> bool:
        """Whether it still runs when that much time has passed."""
        self.scheduler.advance_to(self.scheduler.now_ns + for_ns)
        return not self.process.exited.done

    @property
    def stdout(self) -> str:
        return self.written["stdout"].decode(errors="backslashreplace")

    @property
    def stderr(self) -> str:
        return self.written["stderr"].decode(errors="backslashreplace")


@dataclass
class Machine:
    """What processes are started on."""

    image: ImageContent = BUSYBOX
    programs: Programs = field(default_factory=Programs)
    scheduler: Scheduler = field(default_factory=lambda: Scheduler(START_NS))

    @cached_property
    def system(self) -> System:
        """What a container has around its processes: the image's files, and /dev."""
        pids = PidNamespace()
        return System(
            self.scheduler,
            self.wall_ns,
            new_pid=count(1002).__next__,
            find=self._find,
            pids=pids,
            rootfs=Rootfs(self.scheduler, self._mounts),
            uts=Uts(),
            processes={},
            network=Network(self.scheduler).node,
            new_cgroup=self._new_cgroup,
            security=Security(),
        )

    def _new_cgroup(self) -> Cgroup:
        return Cgroup(
            self.scheduler, Limits(), started_ns=START_NS, idle_bytes=0, check=lambda: None
        )

    def wall_ns(self) -> int:
        """What the wall clock shows."""
        return WALL_NS + self.scheduler.now_ns - START_NS

    def _find(self, argv: Sequence[str], environment: Mapping[str, str], cwd: str) -> Program:
        return self.programs.find(
            self.image,
            argv,
            environment,
            cwd=cwd,
            is_exec=True,
            is_inside=True,
            lookup=Lookup(self.system.rootfs.mounts),
        )

    def _mounts(self, _: Rootfs) -> Mounts:
        mounts = Mounts()
        layer, dev = Filesystem(50, self.wall_ns, first=1 << 20), Filesystem(51, self.wall_ns)
        mounts.add(layer_mount(image_tree(self.image.userland, self.image.recipe), layer))
        root = dev_tree(dev)
        mounts.add(Mount("/dev", lambda _: root, "tmpfs", device=51))
        return mounts

    def start(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        cwd: str = "/",
        user: User | None = None,
        hostname: str = "web-0",
        tty: bool = False,
        stdin: bytes | None = b"",
        is_init: bool = True,
        **look_up: Any,
    ) -> Run:
        """Look a command line up and start it. `stdin` None: it stays open."""
        program = self.programs.find(self.image, argv, environment or {}, cwd=cwd, **look_up)
        user = user or User(0, 0, (0, 10), "root")
        names = {each.gid: each.name for each in self.image.userland.groups}
        spec = ProcessSpec(
            tuple(argv), environment or {}, cwd, user, tty, hostname, group_names=names
        )
        return self.start_program(program, spec, stdin=stdin, is_init=is_init)

    def start_program(
        self,
        program: Program,
        spec: ProcessSpec | None = None,
        *,
        stdin: bytes | None = b"",
        is_init: bool = True,
    ) -> Run:
        """Start a program; nothing of it has run yet."""
        written = {"stdout": b"", "stderr": b""}

        def write(stream: str, chunk: bytes) -> None:
            written[stream] += chunk

        given: Stdin | Terminal = _input(self.scheduler, stdin)
        spec = spec or ProcessSpec(("program",))
        process = Process(
            self.scheduler,
            spec,
            pid=1001,
            is_init=is_init,
            stdout=Outlet(write, "stdout"),
            stderr=Outlet(write, "stderr"),
            wall_ns=self.wall_ns,
            stdin=given,
            system=self.system,
        )
        if spec.tty:
            terminal = Terminal(self.scheduler, Outlet(write, "stdout"))
            self.system.seat(process, terminal)
            terminal.feed(b"" if stdin is None else stdin + b"\x04")
            given = terminal
        self.system.adopt(process)
        process.start(program)
        return Run(self.scheduler, process, given, written)

    def run(self, *argv: str, **conditions: Any) -> Finished:
        """Run a command line to its end."""
        return self.start(argv, **conditions).finish()


def _input(scheduler: Scheduler, content: bytes | None) -> Stdin:
    stdin = Stdin(scheduler, closed=content is not None)
    if content:
        stdin.feed(content)
    return stdin
