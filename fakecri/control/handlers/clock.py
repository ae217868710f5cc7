"""Clock: time passes as a test says, and the wall shows what it says."""

from fakecri.api import control_pb2 as pb
from fakecri.clock import Reading
from fakecri.control.rpcs import handles
from fakecri.control.sessions import Session
from fakecri.core.timestamps import format_rfc3339_ns
from fakecri.errors import UsageError


@handles("Clock.Now")
def now(session: Session, request: pb.NowRequest) -> pb.ClockReading:  # noqa: ARG001  # nothing to choose
    """Return what the clock shows."""
    return _reading(session.cri.clock.reading())


@handles("Clock.Advance", changes=True)
def advance(session: Session, request: pb.AdvanceRequest) -> pb.ClockReading:
    """Let virtual time pass."""
    session.cri.clock.advance(request.span)
    return _reading(session.cri.clock.reading())


@handles("Clock.SetPace", changes=True)
def set_pace(session: Session, request: pb.SetPaceRequest) -> pb.ClockReading:
    """Let time pass in another way."""
    clock = session.cri.clock
    if not request.HasField("rate"):
        clock.switch(request.pace)
    elif request.pace in {"", "rate"}:
        clock.rate(request.rate)
    else:
        raise UsageError("a rate goes with the pace rate")
    return _reading(clock.reading())


@handles("Clock.Hold", changes=True)
def hold(session: Session, request: pb.HoldRequest) -> pb.HoldResponse:  # noqa: ARG001  # likewise
    """Keep time from leaping."""
    id_ = session.holds.add(session.cri.clock.hold().stop)
    return pb.HoldResponse(id=id_, reading=_reading(session.cri.clock.reading()))


@handles("Clock.Release", changes=True)
def release(session: Session, request: pb.ReleaseRequest) -> pb.ClockReading:
    """Give up a hold, or all."""
    for id_ in list(session.holds.things) if request.all else [request.id]:
        session.holds.pop(id_)()
    return _reading(session.cri.clock.reading())


@handles("Clock.Jump", changes=True)
def jump(session: Session, request: pb.JumpRequest) -> pb.ClockReading:
    """Set the wall."""
    clock = session.cri.clock
    if request.WhichOneof("wall") == "to":
        clock.set_wall(request.to)
    else:
        clock.jump(request.by)
    return _reading(clock.reading())


@handles("Clock.Freeze", changes=True)
def freeze(session: Session, request: pb.FreezeRequest) -> pb.ClockReading:  # noqa: ARG001  # likewise
    """Let the wall stand still."""
    session.cri.clock.freeze()
    return _reading(session.cri.clock.reading())


@handles("Clock.Thaw", changes=True)
def thaw(session: Session, request: pb.ThawRequest) -> pb.ClockReading:  # noqa: ARG001  # likewise
    """Let the wall go on."""
    session.cri.clock.thaw()
    return _reading(session.cri.clock.reading())


@handles("Clock.Falsify", changes=True)
def falsify(session: Session, request: pb.FalsifyRequest) -> pb.ClockReading:
    """Give what is created a false stamp, in the place of any other that this service gave."""
    stop = session.cri.clock.stamps(request.stamp).stop if request.stamp else None
    if session.stamps is not None:
        session.stamps()
    session.stamps = stop
    return _reading(session.cri.clock.reading())


def _reading(reading: Reading) -> pb.ClockReading:
    return pb.ClockReading(
        wall_ns=reading.wall_ns,
        wall=format_rfc3339_ns(reading.wall_ns),
        virtual_ns=reading.virtual_ns,
        pace=reading.pace,
        rate=reading.rate,
        holds=reading.holds,
        frozen=reading.frozen,
        stamps=reading.stamps,
    )
