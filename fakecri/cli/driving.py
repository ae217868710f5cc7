"""`fakecri drive RECORDING --to unix:///run/cri.sock`: a recording's requests made anew."""

import argparse
from contextlib import ExitStack
from pathlib import Path

import grpc

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.cli.commands import Commands, add_command, say
from fakecri.cli.running import KEPT_CALLS, open_record
from fakecri.errors import UsageError
from fakecri.proxy import Proxy
from fakecri.replay.driving import PATIENCE_S, Driver
from fakecri.replay.files import read_recording

_HELLO_S = 10.0


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "drive", drive, "make the calls of a recording anew, at another runtime"
    )
    add = parser.add_argument
    add("recording", type=Path, metavar="RECORDING", help="the recording's file")
    add("--to", required=True, metavar="ENDPOINT", help="where the runtime listens")
    add("--record", type=Path, metavar="FILE", help="where the new recording goes")
    add(
        "--speed",
        type=float,
        metavar="X",
        help="let time pass between calls as it did, but X times as fast (none passes)",
    )
    add(
        "--patience",
        type=float,
        default=PATIENCE_S,
        metavar="SECONDS",
        help=f"how long a call may take longer than it did ({PATIENCE_S:.0f})",
    )


def drive(options: argparse.Namespace) -> int:
    """Make all calls; return 0. UsageError where there is no recording, or no runtime."""
    path, record = options.recording, options.record
    try:
        recording = read_recording(path)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    if record is not None and record.resolve() == path.resolve():
        raise UsageError(f"--record {record}: that is the recording which is driven")
    _greet(options.to)
    with ExitStack() as stack:
        file = stack.enter_context(open_record(record)) if record else None
        proxy = stack.enter_context(Proxy(options.to, record=file, keep_calls=KEPT_CALLS))
        driver = Driver(recording, proxy.host, speed=options.speed, patience_s=options.patience)
        driven = driver.run()
    notes = "".join(f"note: {each}\n" for each in driven.notes)
    say(f"made {driven.calls} calls\n{notes}")
    return 0


def _greet(endpoint: str) -> None:
    """Find out whether a runtime is there, which is not to be on the recording."""
    try:
        with connect(endpoint) as channel:
            runtime_stub(channel).Version(pb.VersionRequest(), timeout=_HELLO_S)
    except grpc.RpcError as error:
        raise UsageError(f"--to {endpoint}: {error.details()}") from error
