"""What the commands are made of: their parsers, and how they are run."""

import argparse
from collections.abc import Callable
from typing import NoReturn, TypeAlias

from fakecri.errors import UsageError


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are UsageErrors, as all others are."""

    def error(self, message: str) -> NoReturn:
        """Raise, instead of printing the usage before the message."""
        raise UsageError(message)


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"  # noqa: SLF001  # it has no other name


def add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], purpose: str
) -> Parser:
    """Return the parser of a new command. `run` takes its options, and returns the exit status."""
    parser = commands.add_parser(name, help=purpose, description=purpose, allow_abbrev=False)
    parser.set_defaults(run=run)
    return parser
