"""A server goes down and comes back with the runtime that it serves, at the same address."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import TimeoutError as TooLong
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakecri.face import Calls

PATIENCE_S = 60.0
"""How long others wait for a server to be where its runtime is."""


class Follower:
    """Closes and opens a server, on its own event loop, as its runtime goes and comes."""

    def __init__(
        self,
        host: "Calls",
        close: Callable[[], Awaitable[None]],
        open_: Callable[[], Awaitable[None]],
    ) -> None:
        """To be made on the event loop of the server."""
        self._loop = asyncio.get_running_loop()
        self._close = close
        self._open = open_
        self._told: deque[bool] = deque()
        self._task: asyncio.Task[None] | None = None
        self._leave = host.on_power(self._tell, self.settle)

    def _tell(self, is_up: bool) -> None:  # a callback of one fact
        self._told.append(is_up)
        with suppress(RuntimeError):  # the loop is closed, so that nothing is served
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._follow())

    async def _follow(self) -> None:
        while self._told:
            await (self._open if self._told.popleft() else self._close)()

    def settle(self) -> None:
        """Wait until the server is where its runtime is; not on its own event loop."""
        with suppress(RuntimeError):
            if asyncio.get_running_loop() is self._loop:
                return
        with suppress(RuntimeError, TooLong):
            settled = asyncio.run_coroutine_threadsafe(self.settled(), self._loop)
            settled.result(PATIENCE_S)

    async def settled(self) -> None:
        """Wait likewise, on its own event loop."""
        await asyncio.sleep(0)  # so that it has been woken
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Follow no longer."""
        self._leave()
        await self.settled()
