"""What a handler may touch: the store, the queue of time, the names of things, and `move`."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core import states, statuses
from fakecri.core.addresses import SUBNET, AddressPool
from fakecri.core.behaviours.registry import Behaviours
from fakecri.core.clock import WallClock
from fakecri.core.downloads import Downloads
from fakecri.core.events import EventQueue
from fakecri.core.faults import Faults, actions
from fakecri.core.faults.gates import Gates
from fakecri.core.faults.known import StoreLookup
from fakecri.core.files import Files, MemoryFiles
from fakecri.core.image_registry import Registry
from fakecri.core.image_store import ImageStore
from fakecri.core.levels import Level
from fakecri.core.locks import StatusLocks
from fakecri.core.net.networks import Network
from fakecri.core.node import Node
from fakecri.core.nri.adaptation import Adaptation
from fakecri.core.outages import Outage, Power
from fakecri.core.profiles import Profile
from fakecri.core.programs import Programs
from fakecri.core.recorder import CallRecord, Recorder
from fakecri.core.records import Container, Sandbox
from fakecri.core.scheduler import SECOND_NS, Scheduler, Task, Waits
from fakecri.core.states import ContainerState, SandboxState, Trigger
from fakecri.core.store import Store
from fakecri.core.streaming.sessions import Sessions
from fakecri.core.system import NodePids
from fakecri.core.tokens import Tokens
from fakecri.core.upstream import Upstream
from fakecri.core.usage import Meters
from fakecri.errors import IllegalMove

if TYPE_CHECKING:
    from fakecri.core.pipeline import Call
    from fakecri.core.rootfs.memory import Directory
from fakecri.core.rootfs.subtrees import Subtrees


@dataclass(frozen=True, slots=True)
class Parts:
    """What a world is handed: everything that is not pure, and what a test can choose."""

    scheduler: Scheduler
    profile: Profile
    files: Files
    registry: Registry
    programs: Programs
    recorder: Callable[[Callable[[], int], Scheduler], Recorder]
    seed: int = 0
    mounted: Files | None = None
    """What mounts of host paths lead to, where that is not `files`."""
    subnets: tuple[str, ...] = (SUBNET,)
    """Where pods get their addresses: one of each, the primary one first."""
    annotations: bool = False
    """Whether annotations of pods choose what containers do."""
    upstream: Upstream | None = None
    """Who answers the calls, where that is not this world's own handlers."""
    level: Level | None = None
    """The API level that is spoken; None: all that there is."""


class World:
    """One simulated node."""

    def __init__(self, parts: Parts) -> None:
        self.scheduler = parts.scheduler
        self.profile = parts.profile
        self.files = parts.files
        self.registry = parts.registry
        self.programs = parts.programs
        self.seed = parts.seed
        self.upstream, self.level = parts.upstream, parts.level
        self.clock = WallClock(self.scheduler)
        self.mounted = parts.mounted or parts.files
        self.mounted.keep_time(self.clock.wall_ns)
        self.files.keep_time(self.clock.wall_ns)
        self.recorder = parts.recorder(self.clock.wall_ns, self.scheduler)
        self.store = Store(self.profile.conflict)
        self.node = Node()
        self.disk = self.node.disk
        self.images = ImageStore(self.profile.pinned_images, self.disk)
        self.downloads = Downloads(self.scheduler, self.disk)
        self.addresses = AddressPool(parts.subnets[0])
        self.more_addresses = tuple(
            AddressPool(subnet, index) for index, subnet in enumerate(parts.subnets[1:], 1)
        )
        self.network = Network(self.scheduler, parts.subnets)
        self.events = EventQueue(
            self.scheduler, self.profile.backlog_s * SECOND_NS, slots=self.profile.backlog_slots
        )
        self.faults = Faults(
            self.scheduler, self.recorder, StoreLookup(self.store, self.images), self.seed
        )
        self.gates = Gates(self.scheduler)
        self.tokens = Tokens(self.scheduler)
        self.sessions = Sessions(self)
        self.nri = Adaptation(self)
        self.meters = Meters()
        self.behaviours = Behaviours(annotations=parts.annotations)
        self.pids, self.subtrees = NodePids(), Subtrees(self.mounted)
        self.began_ns = self.scheduler.now_ns
        self.boot_id = self._boot_id("boot")
        self.shm: Directory | None = None
        """The node's /dev/shm, once it is needed."""
        if isinstance(self.files, MemoryFiles):
            self.files.stand_on(self.disk)
        self.in_flight: dict[Call, None] = {}
        """The calls that wait, in the order of their arrival."""
        self.late: dict[Task[None], CallRecord] = {}
        """Work that a rule has put off, and the calls that were answered for it."""
        self.outage: Outage | None = None
        """Why the runtime does not serve; None: it does."""
        self.shut: Outage | None = None
        """Set while a rule lets nobody in, although the runtime is there."""
        self.power = Power()
        """Told when it goes down, and when it is back."""
        self.boots, self._next_pid = 1, 1000
        self.debris: list[Sandbox] = []
        """What a runtime that died has left half done, until it comes back."""
        self.locks = StatusLocks(self.scheduler)
        self._serials: dict[str, int] = {}

    def new_id(self, kind: str) -> str:
        """Return 64 hex digits that follow from the seed and from how many `kind` came before."""
        serial = self._serials[kind] = self._serials.get(kind, 0) + 1
        return hashlib.sha256(f"{self.seed}/{kind}/{serial}".encode()).hexdigest()

    def new_token(self) -> str:
        """Return 8 characters of URL-safe base64, as the streaming server's tokens are."""
        return urlsafe_b64encode(bytes.fromhex(self.new_id("token"))[:6]).decode()

    def _boot_id(self, kind: str) -> str:
        return hashlib.sha256(f"{self.seed}/{kind}".encode()).hexdigest()

    def boot(self) -> None:
        """Begin anew as a kernel does: another boot id, and process ids from the start."""
        self.boots += 1
        self.boot_id = self._boot_id(f"boot/{self.boots}")
        self.pids, self.shm, self._next_pid = NodePids(), None, 1000
        self.subtrees.clear()

    def new_pid(self) -> int:
        """Return a process id of the simulated node."""
        self._next_pid += 1
        return self._next_pid

    @property
    def absence(self) -> Outage | None:
        """Why nobody gets a connection to the runtime; None: one gets it."""
        is_down = self.outage is not None and self.outage.is_down
        return self.outage if is_down else self.shut

    def client_ns(self) -> int | None:
        """Return how long the client of this call still waits; None: it has set no deadline."""
        call = self.recorder.current
        if call is None or call.timeout_ns is None:
            return None
        return max(0, self.began_ns + call.began_ns + call.timeout_ns - self.scheduler.now_ns)

    def halfway(self, request: Message) -> Waits[None]:
        """The work that `request` asks for is half done: what a rule does then happens here."""
        flight = self.faults.flying(request)
        if flight is not None:
            yield from actions.during(self, *flight)

    def locked(self, container: Container) -> AbstractContextManager[None]:
        """While this lasts, whoever wants the status of a container waits."""
        return self.locks.hold(container)

    def move(self, thing: Sandbox | Container, trigger: Trigger) -> None:
        """Change the state of a sandbox or container: the only place where that happens.

        Stamps the time, journals, publishes the CRI event of the row and completes who waits.
        IllegalMove where the tables have no such row.
        """
        row = self._row(thing, trigger)
        before = thing.state
        if isinstance(thing, Sandbox):
            thing.state = SandboxState(row.state)
            thing.ended_ns = self.scheduler.now_ns if trigger is Trigger.EXIT else 0
            if trigger in {Trigger.CREATE, Trigger.LEAVE} and not thing.created_ns:
                thing.created_ns = self.clock.creation_ns()
        else:
            thing.state = ContainerState(row.state)
            self._stamp(thing, trigger)
        self.meters.moved(thing, self.scheduler.now_ns)
        self.recorder.moved(thing, trigger.value, before.name)
        if row.event is not None:
            self._publish(thing, row.event)

    def _row(self, thing: Sandbox | Container, trigger: Trigger) -> states.Row:
        row = (
            self.profile.sandbox_moves.get((thing.state, trigger))
            if isinstance(thing, Sandbox)
            else self.profile.container_moves.get((thing.state, trigger))
        )
        if row is None:
            kind = type(thing).__name__
            raise IllegalMove(f"{kind} {thing.id}: {thing.state.name} has no {trigger}")
        return row

    def _stamp(self, container: Container, trigger: Trigger) -> None:
        if trigger is Trigger.CREATE:
            container.created_ns = self.clock.creation_ns()
        elif container.state is ContainerState.RUNNING:
            container.started_ns = container.started_ns or self.clock.stamp_ns()
        elif container.state is ContainerState.EXITED:
            # First writer wins.
            container.finished_ns = container.finished_ns or self.clock.stamp_ns()
            container.exited.set_result(container.exit_code)

    def _event_containers(self, sandbox: Sandbox) -> Iterable[Container]:
        label, uid = self.profile.event_label, sandbox.metadata.uid
        if not label:
            return sandbox.containers.values()
        # Newest first, and of whichever attempt.
        labelled = [c for c in self.store.containers if c.config.labels.get(label) == uid]
        return reversed(labelled)

    def _publish(self, thing: Sandbox | Container, kind: states.ContainerEvent) -> None:
        sandbox = thing.parent
        if not self.profile.pod_events:
            return
        event = pb.ContainerEventResponse(
            container_id=thing.id,
            container_event_type=kind.value,
            created_at=self.clock.stamp_ns(),
            pod_sandbox_status=(
                statuses.sandbox_status(sandbox, self.profile)
                if sandbox in self.store.sandboxes
                else None
            ),
            containers_statuses=[
                statuses.container_status(each, self.images, self.profile)
                for each in self._event_containers(sandbox)
            ],
        )
        self.recorder.published(event)
        self.events.publish(event)
