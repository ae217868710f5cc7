"""Downloads: content on its way to the node, in virtual time, shared by the pulls that want it.

Three are active at once, as containerd's `max_concurrent_downloads` has it; others queue. What has
been fetched takes room on the disk until the last pull that wants it has ended: then it is stored,
or it is gone.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from fakecri.core.disk import Disk
from fakecri.core.registry_hosts import RegistryHost
from fakecri.core.scheduler import SECOND_NS, Scheduler, Task, Waits
from fakecri.core.turns import Turns

SLOTS = 3
ACCOUNT = "pulls"
_LONGEST_NS = 10 * SECOND_NS
_STEPS = 256


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be fetched, and how that goes."""

    digest: str
    size_bytes: int
    host: RegistryHost | None
    """Its rates hold; None: it takes no time."""
    ingest: str
    """The file that it goes to."""
    begin: Callable[[], Waits[None]] | None = None
    """What happens before the first byte; it may raise."""
    stop_at: int | None = None
    """After how many bytes `stop` happens."""
    stop: Callable[[], Waits[None]] | None = None

    @property
    def is_shared(self) -> bool:
        """Whether others may wait for the same download: nothing is to go wrong with it."""
        return self.begin is None and self.stop is None


@dataclass(slots=True, eq=False)
class Download:
    """Content on its way, or there."""

    order: Order
    progressed_ns: int
    """When the last byte came."""
    fetched_bytes: int = 0
    inodes: int = 0
    users: int = 0
    is_active: bool = False
    """It has a request open."""
    _task: Task[None] | None = field(default=None)

    @property
    def task(self) -> Task[None]:
        """Its work."""
        assert self._task is not None, "a download that was begun"  # noqa: S101  # see `join`
        return self._task

    def begin(self, task: Task[None]) -> None:
        """Begin."""
        self._task = task
        task.step()


class Downloads:
    """All downloads of the node."""

    def __init__(self, scheduler: Scheduler, disk: Disk) -> None:
        self._scheduler = scheduler
        self._disk = disk
        self._shared: dict[str, Download] = {}
        self._turns = Turns(scheduler, SLOTS)
        self._link_free_ns: dict[str, int] = {}

    def join(self, order: Order) -> Download:
        """Begin a download, or take part in one that is under way. `leave` it in any case."""
        known = self._shared.get(order.digest) if order.is_shared else None
        if known is not None and not (known.task.done and known.task.error):
            known.users += 1
            return known
        download = Download(order, self._scheduler.now_ns, users=1)
        if order.is_shared:
            self._shared[order.digest] = download
        download.begin(Task(self._scheduler, self._run(download)))
        return download

    def leave(self, download: Download) -> None:
        """Want it no more. The last one to leave ends it, and gives back its room."""
        download.users -= 1
        if download.users:
            return
        if self._shared.get(download.order.digest) is download:
            del self._shared[download.order.digest]
        download.task.drop()
        self.settle(download)

    def settle(self, download: Download) -> None:
        """Give back its room: what was fetched is stored now, for all that waited for it."""
        self._disk.release(download.fetched_bytes, download.inodes, account=ACCOUNT)
        download.fetched_bytes = download.inodes = 0

    def _run(self, download: Download) -> Waits[None]:
        yield from self._turns.wait()
        download.is_active = True
        download.progressed_ns = self._scheduler.now_ns
        try:
            yield from self._transfer(download, download.order)
        finally:
            download.is_active = False
            self._turns.end()

    def _transfer(self, download: Download, order: Order) -> Waits[None]:
        if order.host is not None and order.host.latency_ns:
            yield from self._scheduler.sleep(order.host.latency_ns)
        if order.begin is not None:
            yield from order.begin()
        self._store(download, 0, 1)
        end = order.size_bytes if order.stop_at is None else order.stop_at
        while download.fetched_bytes < end:
            wanted = end - download.fetched_bytes
            rate = order.host.bytes_per_s if order.host is not None else None
            if rate is not None:
                wanted = min(wanted, _step_bytes(order.size_bytes, rate))
                yield from self._travel(order.host, wanted, rate)
            self._store(download, wanted, 0)
            download.progressed_ns = self._scheduler.now_ns
        if order.stop is not None:
            yield from order.stop()

    def _travel(self, host: RegistryHost | None, size_bytes: int, rate: int) -> Waits[None]:
        """Wait for a piece of content. The line of a host carries one piece after the other."""
        name = host.name if host is not None else ""
        now_ns = self._scheduler.now_ns
        takes_ns = -(-size_bytes * SECOND_NS // rate)
        arrives_ns = max(now_ns, self._link_free_ns.get(name, 0)) + takes_ns
        self._link_free_ns[name] = arrives_ns
        yield from self._scheduler.sleep(arrives_ns - now_ns)

    def _store(self, download: Download, bytes_: int, inodes: int) -> None:
        self._disk.require(bytes_, inodes, account=ACCOUNT, path=download.order.ingest)
        download.fetched_bytes += bytes_
        download.inodes += inodes


def _step_bytes(size_bytes: int, rate: int) -> int:
    """Return how much comes in one piece: what takes a second, and more of what is long."""
    longest = rate * _LONGEST_NS // SECOND_NS
    return max(1, min(longest, max(rate, size_bytes // _STEPS)))
