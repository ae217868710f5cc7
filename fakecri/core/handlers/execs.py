"""Exec, attach and port-forward. Source: spec lifecycle 17, streaming 2.1 and 2.2."""

from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core import creation, execs, lifecycle, signals
from fakecri.core.execs import Streams
from fakecri.core.lookups import get_container, get_sandbox
from fakecri.core.pipes import Outlet
from fakecri.core.processes import Process
from fakecri.core.records import Container
from fakecri.core.registry import handles
from fakecri.core.scheduler import SECOND_NS, Waits, first_of
from fakecri.core.states import SandboxState
from fakecri.core.streaming.commands import Attach, Exec
from fakecri.core.streaming.forwards import Forward
from fakecri.core.streaming.sessions import Session
from fakecri.core.tokens import Ticket
from fakecri.core.world import World
from fakecri.errors import Code, CRIError, InvalidError, wrapped


class Capture:
    """What a process writes, up to a limit; the rest is dropped in silence."""

    def __init__(self, limit: int, *, shared: bool = False) -> None:
        """`shared`: the limit is for both together."""
        self._limit, self._shared = limit, shared
        self._streams = {"stdout": bytearray(), "stderr": bytearray()}

    def write(self, stream: str, output: bytes) -> None:
        """Keep what there is room for."""
        kept = self._streams[stream]
        used = sum(map(len, self._streams.values())) if self._shared else len(kept)
        kept += output[: self._limit - used]

    def streams(self) -> Streams:
        """Return what a process writes to so that it is kept."""
        return Streams(None, Outlet(self.write, "stdout"), Outlet(self.write, "stderr"))

    def response(self, exit_code: int) -> pb.ExecSyncResponse:
        """Return what ExecSync answers."""
        return pb.ExecSyncResponse(
            stdout=bytes(self._streams["stdout"]),
            stderr=bytes(self._streams["stderr"]),
            exit_code=exit_code,
        )


@handles
def exec_sync(world: World, request: pb.ExecSyncRequest) -> Waits[pb.ExecSyncResponse]:
    """An exit code is data, a timeout is an error, and the container's state never changes."""
    profile = world.profile
    container = get_container(world, "ExecSync", request.container_id)
    with creation.framed(profile, "failed to exec in container"):
        execs.require_alive(world, container)
        output = Capture(profile.exec_output_limit, shared=profile.exec_output_shared)
        streams = output.streams()
        process = execs.start(world, container, tuple(request.cmd), streams)
        try:
            yield from world.halfway(request)
            timeout_ns = lifecycle.go_duration_ns(request.timeout)
            in_time = yield from _ends_within(world, process, timeout_ns)
            process.kill(signals.SIGKILL)
            # The timeout is for the command alone: what it has left behind is waited for.
            while (writer := execs.find_writer(container, streams[1:])) is not None:
                yield from writer.exited
        except GeneratorExit:
            # The runtime dies, and no exec with it.
            process.exited.then(lambda: container.execs.remove(process))
            raise
        except Exception:
            _end(container, process)
            raise
        _end(container, process)
        if not in_time and profile.exec_timeout:
            return pb.ExecSyncResponse(stderr=profile.exec_timeout.encode(), exit_code=-1)
        if not in_time:
            raise CRIError(
                f"timeout {go_duration(timeout_ns)} exceeded: context deadline exceeded",
                Code.DEADLINE_EXCEEDED,
            )
        return output.response(process.exited.result())


def _end(container: Container, process: Process) -> None:
    container.execs.remove(process)
    process.kill(signals.SIGKILL)


def _ends_within(world: World, process: Process, timeout_ns: int) -> Waits[bool]:
    """Wait for the end, up to a timeout if there is one; return whether it has come."""
    if timeout_ns <= 0:
        yield from process.exited
        return True
    yield from first_of(world.scheduler, process.exited, world.scheduler.sleep(timeout_ns))
    return process.exited.done


def go_duration(duration_ns: int) -> str:
    """Return a Duration of a second or more as Go prints it: `1s`, `1m0s`, `2h0m5.25s`."""
    seconds, fraction_ns = divmod(duration_ns, SECOND_NS)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{fraction_ns:09}".rstrip("0") if fraction_ns else ""
    if hours:
        return f"{hours}h{minutes}m{seconds}{fraction}s"
    return f"{minutes}m{seconds}{fraction}s" if minutes else f"{seconds}{fraction}s"


@handles
def exec(world: World, request: pb.ExecRequest) -> pb.ExecResponse:  # noqa: A001  # the RPC's name
    """Nothing runs before the client comes to the URL; a bad command is found out there."""
    container = get_container(world, "Exec", request.container_id)
    if world.profile.checks_at_url:
        with wrapped("unable to prepare exec endpoint"):
            _check_streams(request, "or")
    else:
        execs.require_alive(world, container)
        _check_streams(request, "or")
    return pb.ExecResponse(url=_url(world, Exec, request))


@handles
def attach(world: World, request: pb.AttachRequest) -> pb.AttachResponse:
    """As Exec; whether the container has a terminal is not checked."""
    container = get_container(world, "Attach", request.container_id)
    if world.profile.checks_at_url:
        try:
            _check_streams(request, "and")
        except CRIError as error:
            raise CRIError("unable to prepare attach endpoint") from error
    else:
        execs.require_alive(world, container)
        _check_streams(request, "and")
    return pb.AttachResponse(url=_url(world, Attach, request))


@handles
def port_forward(world: World, request: pb.PortForwardRequest) -> pb.PortForwardResponse:
    """The ports are taken as they are: the client names them again when it comes."""
    if not world.profile.checks_at_url:
        sandbox = get_sandbox(world, "PortForward", request.pod_sandbox_id)
        if sandbox.state is not SandboxState.READY:
            raise CRIError("sandbox container is not running")
    return pb.PortForwardResponse(url=_url(world, Forward, request))


def _check_streams(request: pb.ExecRequest | pb.AttachRequest, conjunction: str) -> None:
    if not (request.stdin or request.stdout or request.stderr):
        raise InvalidError(f"one of stdin, stdout, {conjunction} stderr must be set")
    if request.tty and request.stderr:
        raise InvalidError("tty and stderr cannot both be true")


def _url(world: World, kind: type[Session], request: Message) -> str:
    call = world.recorder.current
    ticket = Ticket(
        kind,
        request,
        call.serial if call else 0,
        since_ns=world.scheduler.now_ns,
        shots=world.faults.session_shots(request),
    )
    token = world.tokens.insert(ticket, world.new_token)
    return world.node.streaming_url(kind.method, token)
