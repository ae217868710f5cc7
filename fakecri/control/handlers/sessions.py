"""Sessions: begun, begun anew, remembered, restored and ended."""

from fakecri.api import control_pb2 as pb
from fakecri.control.options import Options
from fakecri.control.rpcs import handles, handles_all
from fakecri.control.sessions import Session, Sessions
from fakecri.endpoints import ANY_PORT

KEPT_CALLS = 1000
"""How many calls a session remembers; the recording has them all."""


@handles_all("Sessions.Create")
async def create(sessions: Sessions, request: pb.CreateSessionRequest) -> pb.Session:
    """Begin a session."""
    options = _options(request.options)
    return _session(await sessions.create(request.name, request.listen, options))


@handles_all("Sessions.List")
async def list_sessions(
    sessions: Sessions,
    request: pb.ListSessionsRequest,  # noqa: ARG001  # nothing to choose
) -> pb.ListSessionsResponse:
    """Return all sessions."""
    return pb.ListSessionsResponse(sessions=map(_session, sessions.all()))


@handles_all("Sessions.Close")
async def close(sessions: Sessions, request: pb.CloseSessionRequest) -> pb.CloseSessionResponse:
    """End a session."""
    await sessions.close(request.session)
    return pb.CloseSessionResponse()


@handles("Sessions.Reset")
async def reset(session: Session, request: pb.ResetSessionRequest) -> pb.Session:  # noqa: ARG001  # likewise
    """Begin a session anew."""
    session.reset()
    await session.server.settled()
    return _session(session)


@handles("Sessions.Snapshot")
def snapshot(session: Session, request: pb.SnapshotRequest) -> pb.SnapshotResponse:  # noqa: ARG001  # likewise
    """Remember what was done."""
    id_, steps = session.snapshot()
    return pb.SnapshotResponse(id=id_, steps=steps)


@handles("Sessions.Restore")
async def restore(session: Session, request: pb.RestoreRequest) -> pb.Session:
    """Begin a session anew, and do all of it again."""
    session.restore(request.id)
    await session.server.settled()
    return _session(session)


def _options(options: pb.Options) -> Options:
    return Options(
        seed=options.seed,
        pace=options.pace or "rate",
        rate=options.rate if options.HasField("rate") else None,
        rules=tuple(options.rules),
        strict_images=options.strict_images,
        images=tuple(options.images),
        registries=tuple(options.registries),
        behaviours=tuple(options.behaviours),
        annotations=options.annotations,
        disk_bytes=options.disk_bytes if options.HasField("disk_bytes") else None,
        network=options.network or "memory",
        pod_subnets=tuple(options.pod_subnets),
        streaming_address=options.streaming_address or ANY_PORT,
        state=tuple(options.state),
        mask=tuple(options.mask),
        wire_faults=options.wire_faults,
        api_level=options.api_level,
        personality=options.personality,
        keep_calls=KEPT_CALLS,
    )


def _session(session: Session) -> pb.Session:
    return pb.Session(
        name=session.name,
        endpoint=session.server.endpoint,
        seed=session.options.seed,
        pace=session.cri.clock.reading().pace,
        generation=session.generation,
        snapshots=session.snapshots.things,
    )
