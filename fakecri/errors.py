"""What can go wrong: CRI errors, which clients see, and usage errors, which testers see.

A CRIError is a gRPC status code and a sentence. It is raised inside, passes through the pipeline,
and becomes a gRPC status at the rim, in `server` and `stub`, and nowhere else. Usage errors never
become an answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Code(IntEnum):
    """The status codes of gRPC, by their numbers."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


class CRIError(Exception):
    """An answer that is no response.

    Most failures of real runtimes have no class and are UNKNOWN (spec: lifecycle 1.2).
    """

    code = Code.UNKNOWN
    leaks = False
    """Whether what the handler has reserved or marked stays so: it gives up, and tidies nothing."""

    def __init__(self, message: str, code: Code | None = None, details: bytes = b"") -> None:
        """`details`: an encoded google.rpc.Status, which goes with it in the trailing metadata."""
        super().__init__(message)
        self.message = message
        self.details = details
        if code is not None:
            self.code = code

    def bare(self) -> "CRIError":
        """Return the same error without the frames that it came through."""
        return CRIError(self.message, self.code, self.details)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code.name}, {self.message!r})"


class NotFoundError(CRIError):
    """What the call names does not exist."""

    code = Code.NOT_FOUND


class InvalidError(CRIError):
    """The request can never succeed."""

    code = Code.INVALID_ARGUMENT


class ReservedError(CRIError):
    """The name is taken; containerd marks it as a conflict, which is FAILED_PRECONDITION."""

    code = Code.FAILED_PRECONDITION


class CancelledError(CRIError):
    """The client hung up, or its deadline passed. Thrown into the handler where it waits."""

    code = Code.CANCELLED

    @classmethod
    def by_client(cls) -> "CancelledError":
        """The client cancelled the call."""
        return cls("context canceled", Code.CANCELLED)

    @classmethod
    def by_deadline(cls) -> "CancelledError":
        """The client's deadline passed."""
        return cls("context deadline exceeded", Code.DEADLINE_EXCEEDED)


@contextmanager
def wrapped(prefix: str) -> Iterator[None]:
    """Put `prefix: ` before the text of a CRIError that passes; its code stays."""
    try:
        yield
    except CRIError as error:
        raise CRIError(f"{prefix}: {error.message}", error.code, error.details) from error


@contextmanager
def at_stage(prefix: str) -> Iterator[None]:
    """Put `prefix: ` before the text of a cancellation that passes, and of nothing else."""
    try:
        yield
    except CancelledError as error:
        outer = CancelledError(f"{prefix}: {error.message}", error.code)
        outer.leaks = error.leaks
        raise outer from error


class UsageError(Exception):
    """The test asks for something that makes no sense; no client of the CRI ever sees it."""

    code = Code.INVALID_ARGUMENT
    """What the control service answers."""


class Missing(UsageError):  # noqa: N818  # it reads as what is
    """What the test names is not there."""

    code = Code.NOT_FOUND


class Refused(UsageError):  # noqa: N818  # it reads as what happened
    """It makes sense, but not now, or not here."""

    code = Code.FAILED_PRECONDITION


class Taken(UsageError):  # noqa: N818  # likewise
    """There is one of that name."""

    code = Code.ALREADY_EXISTS


class Stuck(Refused):
    """A call waits, and nothing is scheduled that could end its waiting."""


class IllegalMove(Refused):
    """A state change that the tables in `core.states` do not have."""
