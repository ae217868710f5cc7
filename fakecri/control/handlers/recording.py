"""Recording: read along, and counted."""

from collections.abc import AsyncIterator

from fakecri.api import control_pb2 as pb
from fakecri.bells import Bell
from fakecri.control.rpcs import handles
from fakecri.control.sessions import Session
from fakecri.core.recording import RecordedCall, Recording
from fakecri.errors import Code, CRIError, UsageError
from fakecri.rpcs import RPCS


@handles("Recording.Stream")
async def stream(session: Session, request: pb.StreamRequest) -> AsyncIterator[pb.Line]:
    """Return the lines that there are, and those to come if they are wanted."""
    tape, bell = session.tape, Bell()
    stop = tape.watch(bell.ring)
    offset = tape.size if request.from_now else 0
    try:
        while True:
            while offset < tape.size:
                for line in tape.read(offset):
                    offset += len(line.encode()) + 1
                    yield pb.Line(json=line)
            if not request.follow:
                return
            if tape.ended:
                raise CRIError("the runtime has begun anew, or ended", Code.ABORTED)
            await bell.wait()
    finally:
        stop()


@handles("Recording.Count")
def count(session: Session, request: pb.CountRequest) -> pb.CountResponse:
    """Return how many calls there were."""
    for rpc in request.rpcs:
        if rpc not in RPCS:
            raise UsageError(f"{rpc!r} is not an RPC of the CRI")
    recording = Recording.parse(session.tape.text().split("\n")[:-1])
    calls = [each for each in recording.calls if not request.rpcs or each.rpc in request.rpcs]
    return pb.CountResponse(
        calls=len(calls),
        running=sum(each.ended_n is None for each in calls),
        failed=sum(each.error is not None for each in calls),
        max_concurrent=_max_concurrent(calls),
    )


def _max_concurrent(calls: list[RecordedCall]) -> int:
    """Return how many were under way at most. The numbers of lines are the one order of all."""
    steps = [(each.n, 1) for each in calls]
    steps += [(each.ended_n, -1) for each in calls if each.ended_n is not None]
    most = running = 0
    for _, step in sorted(steps):
        running += step
        most = max(most, running)
    return most
