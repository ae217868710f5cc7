"""`fakecri scenario ls`, `show`, `run`: stories of real bugs, with a real kubelet."""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fakecri.cli.commands import Commands, add_command, say
from fakecri.scenarios import find, library
from fakecri.scenarios.files import CANNOT_RUN, Scenario, source
from fakecri.scenarios.playing import Played


def add_to(commands: Commands) -> None:
    """Add the commands."""
    purpose = "what a real kubelet does when its runtime fails: stories of real bugs"
    family = commands.add_parser(
        "scenario", help=purpose, description=purpose, allow_abbrev=False
    ).add_subparsers(required=True, metavar="VERB")
    listing = add_command(family, "ls", list_, "list the scenarios")
    listing.add_argument("--json", action="store_true", help="as JSON")
    showing = add_command(family, "show", show, "print the file of a scenario")
    showing.add_argument("id", metavar="ID")
    _add_run(family)


def _add_run(family: Commands) -> None:
    purpose = (
        "run a scenario with a kubelet; 0: all came as its file says, 1: not so, "
        "3: it cannot run, and says why"
    )
    add = add_command(family, "run", run, purpose).add_argument
    add("id", metavar="ID", help="a scenario of the library, or a file FILE.toml")
    add("--kubelet", required=True, type=Path, metavar="PATH", help="the program; it needs root")
    add("--report", type=Path, metavar="DIR", help="where report.html and report.json go")
    add("--record", type=Path, metavar="FILE", help="the recording; packed if it ends with .gz")
    add("--seed", type=int, default=0, help="what the runtime's ids follow from (0)")
    add("--json", action="store_true", help="print the report as JSON")


def list_(options: argparse.Namespace) -> int:
    """Print the scenarios; return 0."""
    found = library()
    if options.json:
        say(json.dumps([_row(each) for each in found], indent=2) + "\n")
        return 0
    width = max(len(each.id) for each in found)
    say("".join(f"{each.number:3}  {each.id.ljust(width)}  {_outcomes(each)}\n" for each in found))
    return 0


def _row(scenario: Scenario) -> dict[str, object]:
    live = scenario.live
    return {
        "id": scenario.id,
        "number": scenario.number,
        "about": " ".join(scenario.about.split()),
        "expect": live.expect if live else "",
        "outcome": dict(live.outcome) if live else {},
        "cannot_run": live.cannot_run if live else "",
    }


def _outcomes(scenario: Scenario) -> str:
    live = scenario.live
    if live is None:
        return "-"
    told = ", ".join(f"{minor} {outcome}" for minor, outcome in live.outcome.items())
    return told if not live.cannot_run else CANNOT_RUN


def show(options: argparse.Namespace) -> int:
    """Print the file of a scenario; return 0."""
    say(source(options.id))
    return 0


def run(options: argparse.Namespace) -> int:
    """Run a scenario, and report; return the exit status."""
    from fakecri.scenarios.running import run as run_  # noqa: PLC0415  # others need no kubelet

    with _terminated_like_interrupted():
        report = run_(
            find(options.id),
            options.kubelet,
            seed=options.seed,
            record=options.record,
            report=options.report,
            said=_say_step,
        )
    say(report.as_json() if options.json else "".join(f"{line}\n" for line in report.lines()))
    return report.exit_status


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """Leave no kubelet behind, nor what it has mounted."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _say_step(played: Played) -> None:
    told = f": {played.told}" if played.told else ""
    sys.stderr.write(f"{played.ended_ns / 1e9:7.1f}  {played.step.text}  [{played.result}]{told}\n")
