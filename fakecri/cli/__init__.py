"""The command line: `fakecri serve --listen unix:///run/cri.sock`, and more commands.

What goes wrong before a command does anything is one line on stderr that starts with `fakecri: `,
and exit status 2.
"""

import sys
from collections.abc import Sequence

from fakecri.cli import (
    controlling,
    diffing,
    drawing,
    driving,
    hollow,
    proxying,
    replaying,
    scenarios,
    serving,
    verifying,
)
from fakecri.cli.commands import Parser
from fakecri.errors import UsageError
from fakecri.version import own_version

_COMMANDS = (
    serving,
    hollow,
    controlling,
    proxying,
    replaying,
    driving,
    diffing,
    drawing,
    verifying,
    scenarios,
)
"""Modules with a command, or a family of them, in the order of the help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    try:
        options = _parser().parse_args(arguments)
        status: int = options.run(options)
    except UsageError as error:
        sys.stderr.write(f"fakecri: {' '.join(str(error).split())}\n")
        return 2
    except KeyboardInterrupt:
        return 130  # as shells have it for SIGINT
    return status


def _parser() -> Parser:
    parser = Parser(
        prog="fakecri", description="The container runtime that runs nothing.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {own_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for each in _COMMANDS:
        each.add_to(commands)
    return parser
