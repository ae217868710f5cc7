"""What ends a command, a function or a shell before its time."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fakecri.core.processes import Program


class ShellError(Exception):
    """A complaint; the shell is ended with `status` where it is not interactive."""

    def __init__(self, text: str, status: int = 2) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class ReadOnlyError(ShellError):
    """A variable must not change."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: is read only")
        self.name = name

    def in_bash(self) -> ShellError:
        """What bash says of it."""
        return ShellError(f"{self.name}: readonly variable", 1)


class OutOfMemoryError(ShellError):
    """A value is so long that a real shell would not have the memory for it."""

    def __init__(self) -> None:
        super().__init__("out of memory", 1)


class SyntaxFailure(ShellError):  # noqa: N818  # it reads as what happened
    """The script is no script; the text begins with `syntax error: ` where ash says so."""


class Unfinished(SyntaxFailure):
    """The script ends in the middle of a command: more of it may come."""


class CommandError(Exception):
    """A complaint of a command that ends nothing else."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


class Leave(Exception):  # noqa: N818  # no error
    """The shell ends."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Return(Exception):  # noqa: N818  # no error
    """A function or a sourced file ends."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Jump(Exception):  # noqa: N818  # no error
    """`break` or `continue`, out of `levels` loops."""

    def __init__(self, levels: int, *, again: bool) -> None:
        super().__init__(levels)
        self.levels = levels
        self.again = again


class Become(Exception):  # noqa: N818  # no error
    """The process goes on as another program."""

    def __init__(
        self, program: "Program", argv: tuple[str, ...], environment: dict[str, str]
    ) -> None:
        super().__init__(argv)
        self.program = program
        self.argv = argv
        self.environment = environment


class Dead(Exception):  # noqa: N818  # no error
    """The process was killed by what it has just done."""
