"""`fakecri replay RECORDING --listen unix:///run/cri.sock`: a recording in place of a runtime."""

import argparse
import asyncio
import sys
from contextlib import ExitStack
from pathlib import Path

from fakecri.cli.commands import Commands, add_command
from fakecri.cli.running import (
    add_listen_option,
    add_ready_option,
    add_record_option,
    check_ready_fd,
    open_record,
    serve_until_told,
)
from fakecri.endpoints import parse_address
from fakecri.errors import UsageError
from fakecri.replay.serving import MODES, Replay
from fakecri.replay.tape import REPEATS


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "replay", replay, "answer on a socket what a recording says, until SIGTERM"
    )
    add = parser.add_argument
    add("recording", type=Path, metavar="RECORDING", help="the recording's file")
    add_listen_option(parser)
    add(
        "--mode",
        choices=MODES,
        default="none",
        help="what becomes of calls that were not recorded (none: they are refused)",
    )
    add(
        "--upstream",
        default="",
        metavar="ENDPOINT",
        help="the runtime that answers what was not recorded (a fakecri of its own)",
    )
    add(
        "--repeat",
        choices=REPEATS,
        default="reads",
        help="what is answered again when all that was recorded has been given (reads)",
    )
    add("--delays", action="store_true", help="let answers take as long as they took")
    add(
        "--pace",
        choices=("manual", "autojump", "system", "rate"),
        default="rate",
        help="how time passes (rate)",
    )
    add_record_option(parser)
    add_ready_option(parser)


def replay(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; return 1 if a call was refused, which stderr names."""
    parse_address(options.listen).check()
    if options.ready_fd is not None:
        check_ready_fd(options.ready_fd)
    _check_files(options)
    with ExitStack() as stack:
        record = stack.enter_context(open_record(options.record)) if options.record else None
        served = stack.enter_context(
            Replay(
                options.recording,
                mode=options.mode,
                upstream=options.upstream,
                repeat=options.repeat,
                delays=options.delays,
                pace=options.pace,
                record=record,
            )
        )
        asyncio.run(serve_until_told(served.server(options.listen), options.ready_fd))
        refused = served.unmatched
    sys.stderr.writelines(f"refused: {each}\n" for each in refused)
    return 1 if refused else 0


def _check_files(options: argparse.Namespace) -> None:
    """Refuse what would end in a recording that is lost."""
    path, record = options.recording, options.record
    if options.mode != "all" and path.exists():
        Replay(path).close()
    if record is not None and record.resolve() == path.resolve():
        raise UsageError(f"--record {record}: that is the recording which is replayed")
