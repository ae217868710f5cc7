"""What a builtin is, and how it reads its options."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from fakecri.core.shell.errors import ShellError
from fakecri.core.shell.state import Shell

if TYPE_CHECKING:
    from fakecri.core.scheduler import Waits

INT32_MAX = 2**31 - 1

Command: TypeAlias = Callable[[Shell, list[str]], "int | Waits[int]"]


@dataclass(frozen=True, slots=True)
class Builtin:
    """A command of the shell itself."""

    function: Command
    applet: bool = False
    """It is one of busybox's applets too: its complaints do not name it."""
    only: str = ""
    """`ash` or `bash`, where only that has it."""

    def is_for(self, shell: Shell) -> bool:
        """Whether a shell has it."""
        return not self.only or (self.only == "bash") == shell.bash

    def shown(self, shell: Shell, name: str) -> str:
        """The name that its complaints have."""
        return "" if self.applet and not shell.bash else name


def options(
    shell: Shell, words: list[str], letters: str
) -> tuple[list[tuple[str, str]], list[str]]:
    """Read leading options, as ash's nextopt: pairs of letter and value, and what follows.

    A letter with a colon behind it takes a value. Raises ShellError.
    """
    given: list[tuple[str, str]] = []
    rest = words[1:]
    while rest and len(rest[0]) > 1 and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        word = word[1:]
        while word:
            letter, word = word[0], word[1:]
            if letter == ":" or letter not in letters:
                raise bad_option(shell, letter)
            value = ""
            if letters[letters.index(letter) + 1 :][:1] == ":":
                if not (word or rest):
                    raise no_value(shell, letter)
                value, word = (word, "") if word else (rest.pop(0), "")
            given.append((letter, value))
    return given, rest


def bad_option(shell: Shell, letter: str) -> ShellError:
    """A complaint about an option that there is not."""
    return ShellError(f"-{letter}: invalid option" if shell.bash else f"illegal option -{letter}")


def no_value(shell: Shell, letter: str) -> ShellError:
    """A complaint about an option without its value."""
    if shell.bash:
        return ShellError(f"-{letter}: option requires an argument")
    return ShellError(f"no arg for -{letter} option")


def number(shell: Shell, text: str) -> int:
    """Return a number that is not negative. Raises ShellError."""
    if not (text.isascii() and text.isdecimal()) or int(text[:20]) > INT32_MAX:
        complaint = (
            f"{text}: numeric argument required" if shell.bash else f"Illegal number: {text}"
        )
        raise ShellError(complaint)
    return int(text)
