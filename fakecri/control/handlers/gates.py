"""Gates: who waits at them, and until when."""

from fakecri.api import control_pb2 as pb
from fakecri.bells import Bell
from fakecri.control.rpcs import handles
from fakecri.control.sessions import Session
from fakecri.errors import Code, CRIError, Missing, UsageError


@handles("Gates.List")
def list_gates(session: Session, request: pb.ListGatesRequest) -> pb.ListGatesResponse:  # noqa: ARG001  # nothing to choose
    """Return all gates."""
    with session.cri.host.turn() as world:
        names = world.gates.names()
    return pb.ListGatesResponse(gates=[_gate(session, name) for name in names])


@handles("Gates.Wait")
async def wait(session: Session, request: pb.WaitGateRequest) -> pb.Gate:
    """Wait until a gate holds so many calls."""
    _check(request.name, request.waiting)
    # A call that comes to a gate is told to the recording.
    tape, bell = session.tape, Bell()
    stop = tape.watch(bell.ring)
    try:
        while True:
            gate = _gate(session, request.name)
            if gate.waiting >= max(1, request.waiting):
                return gate
            if tape.ended:
                raise CRIError("the runtime has begun anew, or ended", Code.ABORTED)
            await bell.wait()
    finally:
        stop()


@handles("Gates.Release", changes=True)
def release(session: Session, request: pb.ReleaseGateRequest) -> pb.Gate:
    """Let held calls go on."""
    _check(request.name, request.calls)
    with session.cri.host.turn() as world:
        if request.name not in world.gates.names():
            raise Missing(f"no call or rule has led to a gate {request.name!r} yet")
        gate = world.gates[request.name]
        if request.open:
            gate.open()
        else:
            gate.release(request.calls or None)
    return _gate(session, request.name)


def _check(name: str, number: int) -> None:
    if not name:
        raise UsageError("a gate has a name")
    if number < 0:
        raise UsageError(f"{number}: a gate holds 0 calls or more")


def _gate(session: Session, name: str) -> pb.Gate:
    with session.cri.host.turn() as world:
        if name not in world.gates.names():
            return pb.Gate(name=name)
        gate = world.gates[name]
        return pb.Gate(
            name=name,
            waiting=gate.waiting,
            arrived=gate.arrived,
            most=gate.most,
            open=gate.is_open,
        )
