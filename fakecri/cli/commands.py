"""What the commands are made of: their parsers, and how they are run."""

import argparse
import os
import sys
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


def say(text: str) -> None:
    """Write to standard output, as UTF-8. UsageError where it takes no more, as a full disk."""
    if sys.stdout is None:  # the shell closed it
        return
    try:
        if hasattr(sys.stdout, "buffer"):
            sys.stdout.buffer.write(text.encode())
        else:  # a stand-in of this process, which has characters alone
            sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        say_no_more()
    except OSError as error:
        say_no_more()
        raise UsageError(f"standard output: {error.strerror or error}") from error


def say_no_more() -> None:
    """Let what is left to be flushed at exit go nowhere: who reads has seen enough."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
