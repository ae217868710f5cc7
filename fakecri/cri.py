"""The object: a whole runtime for a test, in one name."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO, Unpack

from fakecri.clock import Clock, Span, UntilStopped
from fakecri.core import lifecycle
from fakecri.core.behaviours.choices import Choices, chosen_rule
from fakecri.core.behaviours.rules import Rule
from fakecri.core.faults.rules import breaks_wires
from fakecri.core.files import Files, MemoryFiles
from fakecri.core.image_registry import Registry
from fakecri.core.known_images import Recipe
from fakecri.core.loads import Load
from fakecri.core.net.networks import Network
from fakecri.core.node import Node
from fakecri.core.processes import Program
from fakecri.core.records import Container
from fakecri.core.world import World
from fakecri.endpoints import ANY_PORT
from fakecri.errors import CRIError, Missing, UsageError
from fakecri.host import Host
from fakecri.host_mounts import HostFiles
from fakecri.laboratory import Laboratory
from fakecri.logs import DiskFiles
from fakecri.network import choose_subnets, open_network
from fakecri.nri.objects import Plugins
from fakecri.opening import open_host
from fakecri.pace import Pace, parse_pace
from fakecri.scopes import Rules, texts_of
from fakecri.state import Reboot, Restart, State, Struck
from fakecri.stream import Stream, open_stream

if TYPE_CHECKING:
    from fakecri.server import Server
    from fakecri.streaming.server import Tls


class Behaving(UntilStopped):
    """A behaviour that was chosen, to be taken back; as a context manager, when that is left."""

    def __init__(self, host: Host, rule: Rule, take_back: Callable[[], None]) -> None:
        super().__init__(take_back)
        self._host = host
        self.rule = rule

    def stop(self) -> None:
        """Take it back: what starts from now on is as before. Harmless when done."""
        with self._host.turn():
            super().stop()


class CRI(Laboratory):
    """A container runtime that runs nothing."""

    _streams = ""
    """Where the URLs of streams lead, once real clients can use them."""

    def __init__(  # noqa: PLR0913  # all that a test can choose, by keyword
        self,
        *,
        seed: int = 0,
        pace: Pace | str = "autojump",
        log_root: Path | None = None,
        host_mounts: Sequence[Path] = (),
        record: TextIO | None = None,
        strict_images: bool = False,
        keep_calls: int | None = None,
        network: str = "memory",
        pod_subnets: Sequence[str] = (),
        disk_bytes: int | None = None,
        annotations: bool = False,
        rules: Rules = (),
        strict_rules: bool = False,
        mask: Sequence[str] = (),
        streaming_address: str | None = None,
        streaming_tls: "Tls | None" = None,
        api_level: str = "",
        nri_socket: Path | str | None = None,
        personality: str = "",
        image_fs: Path | str = "",
    ) -> None:
        """Begin with an empty node.

        `pace` says how time passes: `autojump`, `manual`, `rate`, `system`, or a Pace. Under
        `log_root` go container logs and checkpoints, as files of the node; without it they are
        kept in memory. Mounts of host paths lead there too, but below the directories of
        `host_mounts` to this machine's own files. `record` gets the recording. With
        `strict_images` only images that `add_image` published can be pulled. `keep_calls` bounds
        what `calls` remembers. With `network="loopback"` real clients reach the pods, which get an
        address of each of `pod_subnets`, the primary one first. `disk_bytes` is how big the node's
        disk is. With `annotations` those of pods choose what containers do. `rules` are armed from
        the start; with `strict_rules` each has to act in time. `mask` hides fields of messages
        from the recording, such as `KeyValue.value`. At `streaming_address` real clients use the
        URLs of streams, over TLS with `streaming_tls`; else they do once the runtime is served. At
        the unix socket `nri_socket` plugins of NRI connect. A `personality` is played, such as
        containerd-1.6, with the API of the minor `api_level` and the place of images `image_fs`.
        """
        host = open_host(
            seed=seed,
            pace=parse_pace(pace) if isinstance(pace, str) else pace,
            files=(files := DiskFiles(log_root) if log_root else MemoryFiles()),
            mounted=HostFiles(files, host_mounts) if host_mounts else None,
            record=record,
            strict_images=strict_images,
            keep_calls=keep_calls,
            pod_subnets=choose_subnets(network, pod_subnets),
            disk_bytes=disk_bytes,
            annotations=annotations,
            rules=texts_of(rules),
            mask=mask,
            api_level=api_level,
            personality=personality,
            image_fs=str(image_fs),
        )
        open_network(host, network)
        super().__init__(host, rules, strict_rules=strict_rules)
        self._open_sockets(streaming_address, streaming_tls, nri_socket)

    def _open_sockets(
        self, streaming: str | None, tls: "Tls | None", nri_socket: Path | str | None
    ) -> None:
        with ExitStack() as stack:
            stack.callback(self.close)
            if streaming is not None or tls is not None:
                self.open_streams(ANY_PORT if streaming is None else streaming, tls)
            if nri_socket is not None:
                self.open_nri(str(nri_socket))
            stack.pop_all()

    @classmethod
    def over(cls, host: Host) -> Self:
        """Return the object of a host that there is already."""
        cri = cls.__new__(cls)
        Laboratory.__init__(cri, host)
        return cri

    @property
    def now_ns(self) -> int:
        """What the runtime's wall clock shows, in nanoseconds since the epoch."""
        with self._host.turn() as world:
            return world.clock.wall_ns()

    @property
    def clock(self) -> Clock:
        """Time: to be advanced, sped up, held; and the wall, to be set, frozen, falsified."""
        return Clock(self._host)

    @property
    def state(self) -> State:
        """What can happen to the node by itself: containers die, disks fill, the runtime restarts.

        See docs/state_faults.md.
        """
        return State(self._host)

    def restart_runtime(self, down: Span = 0, **found: Unpack[Restart]) -> Struck:
        """Let the runtime die and come back, as `state.restart_runtime` does."""
        return self.state.restart_runtime(down, **found)

    def reboot_node(self, down: Span = 0, **choices: Unpack[Reboot]) -> Struck:
        """Let the node reboot, as `state.reboot_node` does."""
        return self.state.reboot_node(down, **choices)

    def advance(self, span: Span) -> None:
        """Let virtual time pass, as `clock.advance` does."""
        self.clock.advance(span)

    def register(
        self,
        program: Program,
        *,
        image: str | None = None,
        command: str | None = None,
        usage: Load | None = None,
    ) -> Callable[[], None]:
        """Let containers run `program`: those of an image, or whatever starts `command`.

        `image` is a reference; `command` an argv[0] or the last part of one; `usage` what each
        of its processes uses. Returns what takes it back.
        """
        with self._host.turn() as world:
            return world.programs.register(program, image=image, command=command, usage=usage)

    def behave(
        self,
        rule: "str | Rule | None" = None,
        *,
        image: str = "",
        pod: str = "",
        container: str = "",
        **choices: Unpack[Choices],
    ) -> Behaving:
        """Choose what containers do that start from now on, and what is executed in them.

        `image`, `pod` and `container` are globs, as in a Rule; `choices` are those of Choices.
        Or `rule` says it all. The later of two wins. It is no business of programs that are
        registered for a command. UsageError for what cannot be.
        """
        if isinstance(rule, str):
            rule = Rule.parse(rule)
        elif rule is None:
            rule = chosen_rule(choices, image=image, pod=pod, container=container)
        with self._host.turn() as world:
            return Behaving(self._host, rule, world.behaviours.add(rule))

    def add_image(self, reference: str, recipe: Recipe | None = None, *, content: str = "") -> str:
        """Publish an image, so that it can be pulled; return its id.

        A tag that exists moves to it. `content` tells builds of one recipe apart.
        """
        with self._host.turn() as world:
            return world.registry.add(reference, recipe, content=content).content.id

    @property
    def registry(self) -> Registry:
        """Where images are pulled from."""
        return self._host.world.registry

    @property
    def node(self) -> Node:
        """The condition of the node itself, to be changed: its network, its warnings."""
        return self._host.world.node

    @property
    def network(self) -> Network:
        """The simulated network; its `names` are what a DNS server would know."""
        return self._host.world.network

    @property
    def nri(self) -> Plugins:
        """The plugins of NRI, to be connected: `cri.nri.connect(plugin, name="tuner")`."""
        return Plugins(self._host)

    @property
    def files(self) -> Files:
        """The node's files: logs and checkpoints, in memory or under `log_root`."""
        return self._host.world.files

    def oom_kill(self, container_id: str) -> None:
        """Let the kernel kill a running container for want of memory: 137, OOMKilled.

        UsageError where there is none that runs.
        """
        with self._host.turn() as world:
            lifecycle.oom_kill(_container(world, container_id))

    def log(self, container_id: str) -> bytes:
        """Return the log file of a container, as it is now; nothing where it has none.

        UsageError where there is no such container.
        """
        with self._host.turn() as world:
            path = _container(world, container_id).log.path
            return world.files.read(path) if path and world.files.exists(path) else b""

    def stream(
        self, url: str, *, version: int = 4, window: tuple[int, int] | None = None
    ) -> Stream:
        """Use the URL of an Exec, Attach or PortForward, without a wire; each is good for once.

        `version` is that of the subprotocol, from 1 to 5; `window` the columns and rows that a
        terminal has from its start. Missing where nothing is behind the URL.
        """
        return open_stream(self._host, url, version, window)

    def open_streams(self, address: str = ANY_PORT, tls: "Tls | None" = None) -> str:
        """Let real clients use the URLs of Exec, Attach and PortForward; return where they lead.

        `tls` are the files of a certificate and its key. UnusableAddress where nobody can listen
        there, or nobody should: beyond loopback only with TLS.
        """
        from fakecri.streaming.server import open_streaming  # noqa: PLC0415  # as in `serve`

        if self._streams:
            raise UsageError(f"streams are served already, at {self._streams}")
        self._streams = open_streaming(self._host, address, tls).address
        return self._streams

    def open_nri(self, address: str, *, request_timeout: Span = "2s") -> None:
        """Let plugins of NRI connect to a unix socket, `unix:///path` or `/path`.

        A plugin that takes longer than `request_timeout` for an answer is closed, as is one that is
        an object. UnusableAddress where nobody can listen there. The socket goes with the runtime.
        """
        from fakecri.nri.server import open_nri, timeout_ns  # noqa: PLC0415  # as in `serve`

        with self._host.turn() as world:
            world.nri.request_timeout_ns = timeout_ns(request_timeout)
        open_nri(self._host, address)

    @contextmanager
    def serve(
        self, address: str, *, wire_faults: bool | None = None, service: str = ""
    ) -> "Iterator[Server]":
        """Serve this runtime on `unix:///path` or a loopback address while the context lasts.

        With `wire_faults` rules can break its connections; without, calls end as if they had. By
        default they can where there is such a rule by now. `service`: `RuntimeService` or
        `ImageService`, where this address is not for both. Where URLs of streams lead to is opened
        too, unless it is: see `open_streams`.
        """
        from fakecri.server import Server  # noqa: PLC0415  # most tests never need gRPC's server

        if not self._streams:
            self.open_streams()

        if wire_faults is None:
            wire_faults = breaks_wires(rule.rule for rule in self.faults.armed)
        with Server(self._host, address, wire_faults=wire_faults, service=service) as server:
            yield server


def _container(world: World, id_: str) -> Container:
    try:
        return world.store.containers.get(id_)
    except CRIError as error:
        raise Missing(f'container "{id_}": {error.message}') from error
