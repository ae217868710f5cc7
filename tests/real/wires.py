"""URLs of streams by the API itself, and what is told over SPDY behind them, a line for each thing.

What a race decides is put in order: which of the outputs comes first, how they are cut, and which
stream is reset first. The stages of a session stay as they are: replies, outputs, status, resets.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any

from fakecri.api import runtime_pb2 as pb
from fakecri.streaming.spdy_frames import (
    FIN,
    Data,
    Frame,
    GoAway,
    Ping,
    RstStream,
    SynReply,
)
from tests.real.runtimes import FAKE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.real.runtimes import Runtime
    from tests.streaming.spdy_client import Command, Wire

REPLIES = ["reply error", "reply stdout", "reply stderr"]
REPLIES_WITH_STDIN = ["reply error", "reply stdin", "reply stdout", "reply stderr"]
ENDS = ["end of stdout", "end of stderr"]
SUCCESS = 'error: {"status":"Success"}'
RESETS = ["reset error 5", "reset stdout 5", "reset stderr 5"]
FAREWELL = ["reset error 5", "goodbye 5 0", "closed"]
FAREWELL_WITH_STDIN = ["reset error 5", "reset stdin 5", "goodbye 7 0", "closed"]


class Doors:
    """Exec, Attach and PortForward of a runtime."""

    def __init__(self, runtime: Runtime, stub: Any) -> None:
        self.runtime = runtime
        self._stub = stub

    def exec(
        self, container: str, *command: str, stdout: bool = True, stderr: bool = True, **flags: bool
    ) -> str:
        """The URL of a command's streams."""
        request = pb.ExecRequest(
            container_id=container, cmd=command, stdout=stdout, stderr=stderr, **flags
        )
        return str(self._stub.Exec(request).url)

    def attach(
        self, container: str, *, stdout: bool = True, stderr: bool = True, **flags: bool
    ) -> str:
        """The URL of a container's streams."""
        request = pb.AttachRequest(container_id=container, stdout=stdout, stderr=stderr, **flags)
        return str(self._stub.Attach(request).url)

    def forward(self, pod: str) -> str:
        """The URL of a pod's ports."""
        return str(self._stub.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod)).url)

    def stop(self, container: str) -> None:
        """Kill a container, at once."""
        self._stub.StopContainer(pb.StopContainerRequest(container_id=container))


def told_to(runtime: Runtime, command: Command) -> list[str]:
    """Wait for the end of an exec or an attachment; say all that was told."""
    command.wire.wait_for_close()
    names = {channel.stream_id: name for name, channel in command.channels.items()}
    return told(runtime, command.wire, names)


def told(runtime: Runtime, wire: Wire, names: Mapping[int, str]) -> list[str]:
    """Say what was told so far, each stream by its name; ids in errors are just called ID."""
    frames = [frame for frame in wire.frames if not isinstance(frame, Ping)]
    lines: list[str] = []
    for _, run in groupby(frames, key=lambda frame: _phase(frame, names)):
        lines += _lines(runtime, sorted(run, key=_stream), names)
    return [*lines, "closed"] if wire.closed else lines


def _phase(frame: Frame, names: Mapping[int, str]) -> str:
    """Frames of one phase, behind each other, come in an order that a race decides."""
    is_status = isinstance(frame, Data) and names.get(frame.stream_id) == "error"
    return f"{type(frame).__name__} {is_status}"


def _stream(frame: Frame) -> int:
    return frame.stream_id if isinstance(frame, Data | RstStream | SynReply) else 0


def _lines(runtime: Runtime, frames: list[Frame], names: Mapping[int, str]) -> list[str]:
    lines = []
    for stream_id, group in groupby(frames, key=_stream):
        name = names.get(stream_id, str(stream_id))
        content = b""
        for frame in group:
            match frame:
                case Data():
                    content += frame.content
                case SynReply():
                    lines.append(f"reply {name}")
                case RstStream(_, status):
                    lines.append(f"reset {name} {status}")
                case GoAway(last_stream_id, status):
                    lines.append(f"goodbye {last_stream_id} {status}")
                case _:
                    raise AssertionError(frame)
        if content:
            text = content.decode()
            lines.append(f"{name}: {_status(runtime, text) if name == 'error' else text}")
        if isinstance(frame, Data) and frame.flags & FIN:
            lines.append(f"end of {name}")
    return lines


def _status(runtime: Runtime, text: str) -> str:
    """What an error channel said, as the main branch of containerd encodes it."""
    if runtime.name != FAKE and text.startswith("{"):
        # 1.6 encodes a whole metav1.Status, and repeats internal errors in its details.
        status = json.loads(text)
        status.pop("metadata")
        if status.get("reason") == "InternalError":
            status.pop("details")
        text = _encode(status)
    return re.sub(r"[0-9a-f]{64}", "ID", text)


def failure(message: str, reason: str, **members: object) -> str:
    """A status on the error channel, as main encodes it."""
    return _encode({"status": "Failure", "message": message, "reason": reason, **members})


def _encode(status: dict[str, object]) -> str:
    text = json.dumps(status, separators=(",", ":"))
    return text.replace(">", "\\u003e").replace("&", "\\u0026")


def exited(code: int, *command: str) -> str:
    """The status of a command that ended so."""
    shown = " ".join(command)
    return failure(
        "command terminated with non-zero exit code: "
        f"error executing command [{shown}], exit code {code}",
        "NonZeroExitCode",
        details={"causes": [{"reason": "ExitCode", "message": str(code)}]},
    )


def reads(channel: Callable[[], bytes], until: bytes) -> bytes:
    """Read from a stream until it has said something."""
    content = b""
    while not content.endswith(until):
        chunk = channel()
        assert chunk, content
        content += chunk
    return content


def shell(script: str) -> tuple[str, str, str]:
    """A command that runs a script."""
    return ("sh", "-c", script)
