"""What wakes a coroutine from any thread."""

import asyncio
from contextlib import suppress


class Bell:
    """Wakes one coroutine of the event loop on which it was made."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake who waits, or whoever waits next."""
        with suppress(RuntimeError):  # the loop is closed, so that nobody waits
            self._loop.call_soon_threadsafe(self._rung.set)

    async def wait(self) -> None:
        """Wait until it has rung since the last wait."""
        await self._rung.wait()
        self._rung.clear()
