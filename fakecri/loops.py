"""Event loops in threads of their own, for what is called from anywhere."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

FAREWELL_S = 1.0
"""How long what is left on a loop may take to come to its end."""


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self, name: str = "fakecri-grpc") -> None:
        self._loop = asyncio.new_event_loop()
        # A daemon, so that a server nobody stopped does not keep the process alive.
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine there and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def close(self) -> None:
        """Let the tasks that are left come to their ends, and end the thread."""
        self.run(_settle())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


async def _settle() -> None:
    # gRPC goes on for a few turns of the loop after a call has ended and a server has stopped.
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    if rest:
        await asyncio.wait(rest, timeout=FAREWELL_S)
    await asyncio.get_running_loop().shutdown_asyncgens()
