"""Things that are context managers, and end when the context is left."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class UntilLeft(ABC):
    """What ends when its context is left."""

    @abstractmethod
    def _left(self, error: BaseException | None) -> None:
        """End it; `error` is what the context is left with."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left(error)


class OpenUntilLeft(ABC):
    """What is open while its asynchronous context lasts."""

    @abstractmethod
    async def open(self) -> None:
        """Begin."""

    @abstractmethod
    async def close(self) -> None:
        """End; harmless when closed."""

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
