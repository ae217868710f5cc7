"""Assignments, to variables and to bash's arrays and their elements."""

from fakecri.core.scheduler import Waits
from fakecri.core.shell import arithmetic
from fakecri.core.shell.errors import ShellError
from fakecri.core.shell.expansion import expand_text, expand_words
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import Assignment, Word
from fakecri.core.shell.variables import Variable

MAX_INDEX = 1 << 62


def element_key(shell: Shell, name: str, index: Word) -> Waits[int | str]:
    """Return which element is meant: a text for an associative array, else a number."""
    text = yield from expand_text(shell, index)
    variable = shell.variables.find(name)
    if variable is not None and variable.table is not None:
        return text
    return arithmetic.evaluate(text, shell)


def assign(shell: Shell, assignment: Assignment) -> Waits[None]:
    """Do what `name=value` says."""
    value = assignment.value
    if isinstance(value, tuple):
        yield from _assign_list(shell, assignment, value)
        return
    text = yield from expand_text(shell, value)
    if assignment.index is not None:
        key = yield from element_key(shell, assignment.name, assignment.index)
        _assign_element(shell, assignment.name, key, text, append=assignment.append)
        return
    set_text(shell, assignment.name, text, append=assignment.append)


def set_text(shell: Shell, name: str, text: str, *, append: bool = False) -> None:
    """Set a variable, or add to it."""
    variable = shell.variables.find(name)
    if variable is not None and variable.integer:
        number = arithmetic.evaluate(text, shell)
        before = arithmetic.evaluate(variable.value or "0", shell) if append else 0
        text = str(arithmetic.wrapped(before + number))
    elif append:
        text = (shell.variables.get(name) or "") + text
    shell.variables.set(name, text)


def _assign_element(shell: Shell, name: str, key: int | str, text: str, *, append: bool) -> None:
    variable = as_list(shell.variables.writable(name))
    if variable.table is not None:
        before = variable.table.get(str(key), "") if append else ""
        variable.table[str(key)] = before + text
        return
    elements = variable.elements
    if elements is None:
        raise AssertionError(name)
    place = int(key)
    if place < 0:
        place += max(elements, default=-1) + 1
    if not 0 <= place < MAX_INDEX:
        raise ShellError(f"{name}[{key}]: bad array subscript", 1)
    elements[place] = (elements.get(place, "") if append else "") + text


def as_list(variable: Variable) -> Variable:
    """Make a variable an array, if it is none."""
    if variable.elements is None and variable.table is None:
        variable.elements = {} if variable.value is None else {0: variable.value}
        variable.value = None
    return variable


def _assign_list(shell: Shell, assignment: Assignment, words: tuple[Word, ...]) -> Waits[None]:
    variable = as_list(shell.variables.writable(assignment.name))
    pairs: list[tuple[Word | None, list[str]]] = []
    for word in words:
        key, value = _keyed(word)
        if key is None:
            pairs.append((None, (yield from expand_words(shell, (word,)))))
        else:
            pairs.append((key, [(yield from expand_text(shell, value))]))
    if not assignment.append:
        variable.elements = None if variable.elements is None else {}
        variable.table = None if variable.table is None else {}
    place = max(variable.elements, default=-1) + 1 if variable.elements is not None else 0
    for index, values in pairs:
        if index is not None:
            where = yield from element_key(shell, assignment.name, index)
            _assign_element(shell, assignment.name, where, values[0], append=False)
            place = int(where) + 1 if isinstance(where, int) else place
            continue
        for text in values:
            _assign_element(shell, assignment.name, place, text, append=False)
            place += 1


def _keyed(word: Word) -> tuple[Word | None, Word]:
    """`[key]=value`."""
    from fakecri.core.shell.syntax import Literal  # noqa: PLC0415

    first = word.parts[0] if word.parts else None
    if not isinstance(first, Literal) or not first.text.startswith("["):
        return None, word
    key: list[object] = []
    for position, part in enumerate(word.parts):
        text = part.text if isinstance(part, Literal) else ""
        inside, mark, rest = (text[1:] if position == 0 else text).partition("]=")
        if not isinstance(part, Literal):
            key.append(part)
            continue
        if inside:
            key.append(Literal(inside))
        if mark:
            value = (*((Literal(rest),) if rest else ()), *word.parts[position + 1 :])
            return Word(tuple(key)), Word(value)  # type: ignore[arg-type]  # parts of any kind
    return None, word
