"""Endpoints beside the gRPC face: an event loop in a thread of its own serves all their clients.

They go down and come back, at the same place, with the runtime, and end with the host.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from fakecri.endpoints import UnusableAddress
from fakecri.host import Host
from fakecri.loops import LoopThread
from fakecri.power import Follower

if TYPE_CHECKING:
    from collections.abc import Callable

    from fakecri.streaming.wires import Wire

T = TypeVar("T")

ACCEPTING = 3
"""Rounds of the loop until a connection that was accepted is known here."""

_LOG = logging.getLogger(__name__)


class Endpoint(ABC, Generic[T]):
    """Listens for a host, which counts it among its rooms."""

    serves: ClassVar[str]
    """What for, in a word: the thread is named after it."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._loop: asyncio.AbstractEventLoop
        self._wires: dict[Wire, T] = {}
        """Its connections, and what stands behind each."""
        self._tick_handle: asyncio.TimerHandle | None = None
        """When it is looked next whether it is for us to let time pass."""
        self._thread: LoopThread | None = None
        self._listener: asyncio.Server | None = None
        self._follower: Follower
        self._leave_host: Callable[[], None]

    @abstractmethod
    async def _listen(self) -> asyncio.Server:
        """Listen. UnusableAddress where that cannot be."""

    @abstractmethod
    def _look_soon(self) -> None:
        """Look soon whether it is for us to let time pass."""

    def open(self) -> None:
        """Listen. UnusableAddress where that cannot be."""
        self._thread = thread = LoopThread(f"fakecri-{self.serves}")
        try:
            thread.run(self._open())
        except BaseException:
            thread.close()
            raise
        self._leave_host = self._host.add_room(self)

    def close(self) -> None:
        """Break all connections off, and end the thread. Harmless when closed.

        Not to be called in a turn of the host.
        """
        thread, self._thread = self._thread, None
        if thread is not None:
            self._leave_host()
            thread.run(self._close())
            thread.close()

    @abstractmethod
    def is_thinking(self) -> bool:
        """Whether something real is about to go on, so that time should not leap.

        The world is the caller's.
        """

    def stir(self) -> None:
        """Look whether it is for us to let time pass now."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self._look_soon)

    # On the event loop.

    async def _open(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = await self._listen()
        self._follower = Follower(self._host, self._go_down, self._come_up)

    async def _close(self) -> None:
        await self._follower.stop()
        await self._go_down()
        if self._tick_handle is not None:
            self._tick_handle.cancel()

    async def _come_up(self) -> None:
        try:
            if self._listener is None:
                self._listener = await self._listen()
        except UnusableAddress:
            _LOG.exception("cannot serve %s any longer", self.serves)

    async def _go_down(self) -> None:
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.close()
            for _ in range(ACCEPTING):
                await asyncio.sleep(0)
        while self._wires:
            for wire in tuple(self._wires):
                wire.abort()
            await asyncio.sleep(0)
