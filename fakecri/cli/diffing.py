"""`fakecri diff LEFT RIGHT`: whether two recordings tell of the same."""

import argparse
from pathlib import Path

from fakecri.cli.commands import Commands, add_command, say
from fakecri.core.recording import Recording
from fakecri.errors import UsageError
from fakecri.replay.comparing import SECTIONS, TIMES, Choices, compare
from fakecri.replay.files import open_text, read_recording
from fakecri.replay.ignoring import Ignore, Ignored, parse_ignored, parse_paths
from fakecri.replay.reports import json_report, text_report


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands, "diff", diff, "compare two recordings; 0: alike, 1: different, 2: trouble"
    )
    add = parser.add_argument
    add("left", type=Path, metavar="LEFT", help="a recording")
    add("right", type=Path, metavar="RIGHT", help="another one")
    add(
        "--ignore",
        action="append",
        default=[],
        metavar="PATH",
        help="do not compare this, such as ContainerStatus.status.image.image; repeatable",
    )
    add(
        "--ignore-file",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="do not compare what its lines name: a path and a reason on each; repeatable",
    )
    add(
        "--only",
        action="append",
        default=[],
        metavar="RPC",
        help="compare the calls of this RPC alone; repeatable",
    )
    add("--times", choices=TIMES, default="drop", help="how times are compared, if at all (drop)")
    for name in SECTIONS:
        add(
            f"--{name}",
            action=argparse.BooleanOptionalAction,
            help=f"compare {name}, or do not (where both recordings have some)",
        )
    add("--format", choices=("text", "json"), default="text", help="of the report (text)")


def diff(options: argparse.Namespace) -> int:
    """Print what differs; return 1 if anything does. UsageError for what cannot be read."""
    left, right = _read(options.left), _read(options.right)
    listed = [*parse_paths(options.ignore), *_listed(options)]
    ignore = Ignore(listed)
    sections = {
        name: getattr(options, name) for name in SECTIONS if getattr(options, name) is not None
    }
    made = compare(left, right, Choices(options.only, options.times, sections), ignore)
    names = str(options.left), str(options.right)
    if options.format == "json":
        say(json_report(made, *names, ignore.unused) + "\n")
    else:
        say("".join(f"{line}\n" for line in text_report(made, *names, ignore.unused)))
    return 0 if made.alike else 1


def _read(path: Path) -> Recording:
    try:
        return read_recording(path)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def _listed(options: argparse.Namespace) -> list[Ignored]:
    return [
        each
        for path in options.ignore_file
        for each in parse_ignored(open_text(path).splitlines(), str(path))
    ]
