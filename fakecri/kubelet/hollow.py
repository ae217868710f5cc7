"""Hollow nodes: many kubelets on one machine, and their runtimes in this process.

A runtime costs a third of the memory of one in a process of its own, and the same time.
"""

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from ipaddress import ip_network
from itertools import islice
from typing import Any

from fakecri.core.addresses import parse_subnets
from fakecri.errors import UsageError
from fakecri.kubelet.configuration import Settings
from fakecri.kubelet.node import KubeletNode
from fakecri.kubelet.process import Kubelet, KubeletError, NotSeen

HOLLOW: Settings = {
    "fileCheckFrequency": "20s",
    "syncFrequency": "1m",
    "volumeStatsAggPeriod": "1m",
}
"""As kubelets have it where nothing is said: there are many of them."""

JOINED: Settings = {
    "address": "0.0.0.0",  # noqa: S104  # the API server is on another machine
    "readOnlyPort": 0,
    "authentication": {},
    "authorization": {},
}
"""Where there is an API server, it is what knows who may ask a kubelet."""

STEADY_S = 60.0
"""Who has lived as long is started again as if for the first time."""
PAUSE_S = 1.0
"""How long one that ended waits until it is started again; twice as long each time it fails."""
LONGEST_PAUSE_S = 60.0
BLINK_S = 0.1


class HollowNodes:
    """Nodes that begin together, are minded, and end together."""

    def __init__(
        self,
        nodes: Sequence[KubeletNode],
        tell: Callable[[str], None],
        *,
        restarts: bool = False,
    ) -> None:
        """`tell` is told what happens to a kubelet; it is started again where this `restarts`."""
        self._nodes = nodes
        self._tell = tell
        self._restarts = restarts
        self._lost = False
        # A start is mostly work of the kubelet's.
        self._starters = ThreadPoolExecutor(2 * (os.cpu_count() or 1), "fakecri-kubelets")
        self._starts: set[Future[None]] = set()

    async def live(
        self, told: asyncio.Event, ready: Callable[[], None], changed: Callable[[], None]
    ) -> bool:
        """Live until told, or until no kubelet is left; return whether each lived until then.

        `ready` is called when all are there, and `changed` when a kubelet is another process.
        KubeletError where one does not start: then none lives on.
        """
        try:
            await _first_of(told.wait(), self._start())
            if not told.is_set():
                ready()
                await _first_of(told.wait(), self._mind(changed))
            return not self._lost
        finally:
            self._end()

    async def _start(self) -> None:
        await asyncio.gather(*map(self._start_one, self._nodes))

    async def _start_one(self, node: KubeletNode) -> None:
        start = self._starters.submit(node.kubelet.start)
        self._starts.add(start)
        start.add_done_callback(self._starts.discard)
        try:
            await asyncio.wrap_future(start)
        except (KubeletError, NotSeen) as error:
            raise KubeletError(f"{node.kubelet.name}: {error}") from error

    async def _mind(self, changed: Callable[[], None]) -> None:
        await asyncio.gather(*(self._mind_one(each, changed) for each in self._nodes))

    async def _mind_one(self, node: KubeletNode, changed: Callable[[], None]) -> None:
        kubelet, clock = node.kubelet, asyncio.get_running_loop().time
        pause_s = PAUSE_S
        while True:
            began_s = clock()
            await _end_of(kubelet)
            self._tell(
                f"{kubelet.name}: the kubelet ended with status {kubelet.status}, "
                f"and said last:\n{kubelet.last_words()}"
            )
            if not self._restarts:
                self._lost = True
                return
            if clock() - began_s > STEADY_S:
                pause_s = PAUSE_S
            while not await self._started_again(node, pause_s):
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            changed()

    async def _started_again(self, node: KubeletNode, pause_s: float) -> bool:
        await asyncio.sleep(pause_s)
        try:
            await self._start_one(node)
        except KubeletError as error:
            self._tell(str(error))
            return False
        self._tell(f"{node.kubelet.name}: the kubelet was started again")
        return True

    def _end(self) -> None:
        self._starters.shutdown(wait=False, cancel_futures=True)
        with ThreadPoolExecutor(len(self._nodes)) as all_at_once:
            while starts := tuple(self._starts):
                list(all_at_once.map(lambda node: node.kubelet.stop(), self._nodes))
                wait(starts, BLINK_S)  # one that was about to start may have done so after that
            self._starters.shutdown()
            list(all_at_once.map(KubeletNode.close, self._nodes))


async def _first_of(*works: Coroutine[Any, Any, Any]) -> None:
    """Wait until one of them ends, and raise what it raised; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for task in done:
        task.result()


async def _end_of(kubelet: Kubelet) -> None:
    """Wait until a process ends, without a thread for it."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    descriptor = os.pidfd_open(kubelet.pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def split_subnet(text: str, count: int) -> list[str]:
    """Return as many subnets of one, as big as can be. UsageError where they cannot be."""
    (text,) = parse_subnets([text])
    subnet = ip_network(text)
    try:
        parts = list(islice(subnet.subnets((count - 1).bit_length()), count))
    except ValueError as error:
        raise UsageError(f"pod subnet {text} is too small for {count} nodes") from error
    return list(map(str, parts))
