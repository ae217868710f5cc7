"""What happens by itself to a runtime that is served: `--state FAULT`."""

import argparse
from collections.abc import Sequence

from fakecri.core.state_faults import StateFault, StateFaultError
from fakecri.core.strikes import strike
from fakecri.errors import UsageError
from fakecri.host import Host


def add_state_option(parser: argparse.ArgumentParser) -> None:
    """Add the option."""
    parser.add_argument(
        "--state",
        action="append",
        default=[],
        metavar="FAULT",
        help="what happens by itself, such as 'after 5s runtime restart down=2s'; repeatable",
    )


def chosen_faults(options: argparse.Namespace) -> list[StateFault]:
    """Return what was chosen. UsageError for what is none."""
    return [_parsed(text) for text in options.state]


def _parsed(text: str) -> StateFault:
    try:
        return StateFault.parse(text)
    except StateFaultError as error:
        raise UsageError(f"--state {text}: {error}") from error


def strike_all(host: Host, faults: Sequence[StateFault]) -> None:
    """Let them strike, now or when they are due. UsageError for what cannot be."""
    with host.turn() as world:
        for fault in faults:
            try:
                strike(world, fault)
            except UsageError as error:
                raise UsageError(f"--state {fault}: {error}") from error
