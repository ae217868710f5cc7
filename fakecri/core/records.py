"""What the runtime knows of a sandbox and of a container: configs fixed at birth, status mutable.

Only `World.move` changes a `state`; handlers change the marks and what clients asked to update.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from fakecri.api import nri_pb2 as nri
from fakecri.api import runtime_pb2 as pb
from fakecri.core.image_registry import ImageContent
from fakecri.core.net.namespaces import Namespace
from fakecri.core.output import ContainerLog
from fakecri.core.processes import Process, ProcessSpec, Program, Stdin
from fakecri.core.rootfs.nodes import Node
from fakecri.core.scheduler import Future, Timer
from fakecri.core.states import ContainerState, SandboxState, Told
from fakecri.core.system import PidNamespace, System, Uts

if TYPE_CHECKING:
    from fakecri.core.faults.things import KnownContainer, KnownPod
    from fakecri.core.oom import MemoryGuard
    from fakecri.core.streaming.audiences import Listener
    from fakecri.core.terminals import Terminal


@dataclass(slots=True, eq=False)
class Sandbox:
    """A pod sandbox."""

    id: str
    name: str
    config: pb.PodSandboxConfig
    runtime_handler: str
    pid: int
    ips: tuple[str, ...] = ()
    """The first one is the primary; none with the host's network, or after it was torn down."""
    held_ips: tuple[str, ...] = ()
    """Those that it has lost, and that nobody else gets before it is stopped."""
    created_ns: int = 0
    state: SandboxState = SandboxState.ABSENT
    network: Namespace | None = None
    """Its own network namespace; None with the host's."""
    ended_ns: int = 0
    """When it was ready last, in virtual time; 0: it is, or never was."""
    netns_closed: bool = False
    pause_exited: bool = False
    """Whether its first process has ended, as its state may not tell."""
    has_room: bool = False
    """Whether it takes its room on the disk."""
    containers: dict[str, "Container"] = field(default_factory=dict)
    pids: PidNamespace = field(default_factory=lambda: PidNamespace(first=2))
    """What containers with the pod's PID namespace share; the pause process is 1."""
    uts: Uts = field(default_factory=Uts)
    files: dict[str, Node] = field(default_factory=dict)
    """What its containers share: `hostname`, `hosts`, `resolv.conf`, `shm`; made when needed."""
    image_volumes: dict[str, Node] = field(default_factory=dict)
    """What is mounted of images, by the host path that a real runtime would have it at."""
    sysctls: dict[str, str] = field(default_factory=dict)
    """What its containers have set, beside the config's."""
    overhead: pb.LinuxContainerResources | None = None
    resources: pb.LinuxContainerResources | None = None
    """As UpdatePodSandboxResources gave them."""
    told: Told = Told.BEGUN
    memory_guard: "MemoryGuard | None" = None
    known: "KnownPod | None" = None
    """As rules see it, once they have asked."""

    metadata: pb.PodSandboxMetadata = field(init=False)
    """The config's; at hand, since every rule looks at it."""

    def __post_init__(self) -> None:
        self.metadata = self.config.metadata

    @property
    def host_network(self) -> bool:
        """Whether the pod lives in the node's network namespace."""
        options = self.config.linux.security_context.namespace_options
        return options.network == pb.NODE

    @property
    def parent(self) -> "Sandbox":
        """Whose event a move of this is: its own."""
        return self


@dataclass(slots=True, eq=False)
class Container:
    """A container."""

    id: str
    name: str
    config: pb.ContainerConfig
    sandbox_config: pb.PodSandboxConfig
    """As in the request that made it, which need not be the sandbox's own."""
    parent: Sandbox
    image: ImageContent
    image_names: tuple[str, ...]
    """The tags, digests and the id that it had at creation."""
    spec: ProcessSpec
    stop_signal: str
    """The name to stop it with, from the config or the image; empty: SIGTERM."""
    log: ContainerLog
    stdin: Stdin
    resources: pb.LinuxContainerResources
    exited: Future[int]
    """Done when EXITED is stored."""

    state: ContainerState = ContainerState.ABSENT
    created_ns: int = 0
    started_ns: int = 0
    finished_ns: int = 0
    exit_code: int = 0
    reason: str = ""
    message: str = ""
    starting: bool = False
    removing: bool = False
    stop_signal_sent: bool = False
    killer: Timer | None = None
    """What will kill it, of a runtime with one stop at a time."""
    killing: bool = False
    """Whether that has begun to."""
    program: Program | None = None
    """What its first process becomes at the start, where that was found before."""
    ended_ns: int = 0
    """When its first process ended, as its shim has it."""
    reaped: bool = False
    """Whether the runtime has seen that, or that the process is gone."""
    watched: bool = False
    """Whether somebody waits for the end of one that is UNKNOWN."""
    unreadable: bool = False
    """Whether its status cannot be read: no restart brings it back."""
    stuck: bool = False
    """Whether no signal reaches it: it sleeps where nothing wakes it."""
    pending_signals: list[int] = field(default_factory=list)
    """What it gets when it wakes."""
    process: Process | None = None
    system: System | None = None
    """What its processes live in, from its start on."""
    execs: list[Process] = field(default_factory=list)
    terminal: "Terminal | None" = None
    """That of its first process, where its config asks for one."""
    listeners: dict["Listener", None] = field(default_factory=dict)
    """Who is attached, and gets a copy of what it writes; in the order of their coming."""
    oom_events: int = 0
    told: Told = Told.BEGUN
    adjustment: nri.ContainerAdjustment | None = None
    """What plugins of NRI have made of it, where `spec` and `resources` do not tell."""
    reported: pb.LinuxContainerResources | None = None
    """The resources that its status has, while it does not know of what plugins did to them."""
    known: "KnownContainer | None" = None
    """As rules see it, once they have asked."""

    metadata: pb.ContainerMetadata = field(init=False)
    """As a sandbox's."""

    def __post_init__(self) -> None:
        self.metadata = self.config.metadata

    @property
    def image_name(self) -> str:
        """The reference that its image resolved to at creation; the id where it had none."""
        return self.image_names[0]

    @property
    def pid(self) -> int:
        """The process id of its first process; 0 unless running."""
        running = self.state is ContainerState.RUNNING and self.process is not None
        return self.process.pid if running and self.process else 0
