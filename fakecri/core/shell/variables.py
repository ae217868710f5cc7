"""The variables of a shell: values, exported or readonly, local ones, and bash's arrays."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from fakecri.core.shell.errors import OutOfMemoryError, ReadOnlyError
from fakecri.core.shell.scanner import NAME
from fakecri.core.shell.text import inner, outer

MAX_LENGTH = 1 << 23
"""Bytes of a value; a longer one is what a shell would not have the memory for."""

Value: TypeAlias = "str | dict[int, str] | dict[str, str] | None"


@dataclass(slots=True)
class Variable:
    """A variable; without a value it is only marked."""

    value: str | None = None
    exported: bool = False
    readonly: bool = False
    elements: dict[int, str] | None = None
    """Of an array."""
    table: dict[str, str] | None = None
    """Of an associative array."""
    integer: bool = False
    case: str = ""
    """`u` or `l`: what its letters become."""

    def copy(self) -> "Variable":
        """Return one that changes by itself."""
        elements = None if self.elements is None else dict(self.elements)
        table = None if self.table is None else dict(self.table)
        return replace(self, elements=elements, table=table)

    @property
    def text(self) -> str | None:
        """The value, which of an array is its element 0."""
        if self.elements is not None:
            return self.elements.get(0)
        return self.value if self.table is None else self.table.get("0")


class Variables:
    """All variables by name, and what to restore when functions return."""

    __slots__ = ("_frames", "_variables", "allexport")

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._variables: dict[str, Variable] = {}
        self._frames: list[dict[str, Variable | None]] = []
        self.allexport = False
        for name, value in environment.items():
            if NAME.fullmatch(name):
                self._variables[name] = Variable(inner(value), exported=True)

    def copy(self) -> "Variables":
        """What a subshell has."""
        copied = Variables({})
        copied._variables = {name: each.copy() for name, each in self._variables.items()}
        copied._frames = [dict(frame) for frame in self._frames]
        copied.allexport = self.allexport
        return copied

    def get(self, name: str) -> str | None:
        """Return a value, or None where it is not set."""
        variable = self._variables.get(name)
        return None if variable is None else variable.text

    def find(self, name: str) -> Variable | None:
        """Return a variable."""
        return self._variables.get(name)

    def set(self, name: str, value: str) -> None:
        """Set a value. Raises ShellError where it is readonly."""
        if len(value) > MAX_LENGTH:
            raise OutOfMemoryError
        variable = self._variables.get(name)
        if variable is None:
            self._variables[name] = Variable(value, exported=self.allexport)
            return
        if variable.readonly:
            raise ReadOnlyError(name)
        if variable.case:
            value = value.upper() if variable.case == "u" else value.lower()
        if variable.elements is not None:
            variable.elements[0] = value
        elif variable.table is not None:
            variable.table["0"] = value
        else:
            variable.value = value
        if self.allexport:
            variable.exported = True

    def mark(self, name: str) -> Variable:
        """Return a variable; it is made where there is none, without a value."""
        return self._variables.setdefault(name, Variable())

    def writable(self, name: str) -> Variable:
        """Return a variable that may be changed. Raises ShellError where it is readonly."""
        variable = self.mark(name)
        if variable.readonly:
            raise ReadOnlyError(name)
        return variable

    def unset(self, name: str) -> None:
        """Forget a variable. Raises ShellError where it is readonly."""
        variable = self._variables.get(name)
        if variable is not None and variable.readonly:
            raise ReadOnlyError(name)
        self._variables.pop(name, None)

    def enter(self) -> None:
        """A function begins."""
        self._frames.append({})

    def leave(self) -> None:
        """A function returns: what was local is as before."""
        for name, before in self._frames.pop().items():
            self.restore(name, before)

    def restore(self, name: str, before: Variable | None) -> None:
        """Make a variable what it was."""
        if before is None:
            self._variables.pop(name, None)
        else:
            self._variables[name] = before

    def save(self, name: str) -> Variable | None:
        """Set a variable aside: what is done to it from now on is done to a copy."""
        before = self._variables.get(name)
        if before is not None:
            self._variables[name] = before.copy()
        return before

    @property
    def in_function(self) -> bool:
        """Whether variables can be local."""
        return bool(self._frames)

    def make_local(self, name: str) -> None:
        """From now on, up to the end of the function, it is another variable."""
        frame = self._frames[-1]
        if name not in frame:
            frame[name] = self.save(name)

    def __iter__(self) -> Iterator[tuple[str, Variable]]:
        """Names and variables, sorted."""
        return iter(sorted(self._variables.items()))

    def environment(self) -> dict[str, str]:
        """What a command gets to see."""
        return {
            name: outer(each.text)
            for name, each in self._variables.items()
            if each.exported and each.text is not None
        }
