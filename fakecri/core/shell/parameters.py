"""Parameters: what `$name` is, and all that can be done to it in `${name...}`."""

import re
from collections.abc import Callable

from fakecri.core.scheduler import Waits
from fakecri.core.shell.errors import ShellError
from fakecri.core.shell.fields import Fields
from fakecri.core.shell.operations import OPERATIONS
from fakecri.core.shell.state import Shell
from fakecri.core.shell.syntax import Parameter, Word

_LISTS = frozenset("@*")


def _flags(shell: Shell) -> str:
    options = shell.options | ({"i"} if shell.interactive else set())
    letters = "efInsmCxvuabhBic" if shell.bash else "ubaCvxcsnmiIfe"
    return "".join(each for each in letters if each in options)


_SPECIAL: dict[str, Callable[[Shell], str]] = {
    "#": lambda shell: str(len(shell.arguments)),
    "?": lambda shell: str(shell.status),
    "$": lambda shell: str(shell.pid),
    "!": lambda shell: str(shell.last_background) if shell.last_background else "",
    "-": _flags,
    "0": lambda shell: shell.arg0,
}
_DYNAMIC: dict[str, Callable[[Shell], str]] = {
    "RANDOM": lambda shell: str(shell.next_random()),
    "SECONDS": lambda shell: str(shell.seconds()),
    "LINENO": lambda shell: str(shell.line),
    "EPOCHSECONDS": lambda shell: str(shell.process.wall_ns() // 1_000_000_000),
}
_BASH_DYNAMIC: dict[str, Callable[[Shell], str]] = {
    "BASHPID": lambda shell: str(_bash_pid(shell)),
    "UID": lambda shell: str(shell.process.spec.user.uid),
    "EUID": lambda shell: str(shell.process.spec.user.uid),
    "HOSTNAME": lambda shell: shell.process.hostname,
}


def _bash_pid(shell: Shell) -> int:
    return shell.process.system.pids.number_of(shell.process)


def find_value(shell: Shell, name: str) -> str | None:
    """Return the value of a parameter that is no list, or None where it is not set."""
    value = shell.variables.get(name)
    if value is not None:
        return value
    if name in _SPECIAL:
        return _SPECIAL[name](shell) if name != "!" or shell.last_background else None
    if name.isdecimal():
        place = int(name[:9])
        return shell.arguments[place - 1] if 0 < place <= len(shell.arguments) else None
    if name in _DYNAMIC:
        return _DYNAMIC[name](shell)
    if shell.bash and name in _BASH_DYNAMIC:
        return _BASH_DYNAMIC[name](shell)
    return None


def plain_value(shell: Shell, name: str) -> str:
    """Return what `$name` is. Raises ShellError where it is not set and has to be."""
    value = find_value(shell, name)
    if value is None:
        if "u" in shell.options:
            raise not_set(shell, name)
        return ""
    return value


def not_set(shell: Shell, name: str) -> ShellError:
    """A complaint of `set -u`."""
    if shell.bash:
        return ShellError(f"{name}: unbound variable", 127 if "c" in shell.options else 1)
    return ShellError(f"{name}: parameter not set")


def value_of(shell: Shell, name: str, index: str | None) -> str:
    """Return a value for an expression."""
    if index is None:
        value = find_value(shell, name)
    else:
        variable = shell.variables.find(name)
        if variable is None:
            return ""
        if variable.table is not None:
            return variable.table.get(index, "")
        if variable.elements is not None:
            return variable.elements.get(_place(variable.elements, int(index)), "")
        value = variable.value if index == "0" else None
    if value is None and "u" in shell.options and index is None:
        raise not_set(shell, name)
    return value or ""


def _place(elements: dict[int, str], index: int) -> int:
    """An index below 0 counts from behind."""
    return index if index >= 0 else max(elements, default=-1) + 1 + index


def list_values(shell: Shell, name: str) -> list[str]:
    """Return the values of an array, in order."""
    variable = shell.variables.find(name)
    if variable is None:
        return []
    if variable.elements is not None:
        return [value for _, value in sorted(variable.elements.items())]
    if variable.table is not None:
        return list(variable.table.values())
    return [] if variable.value is None else [variable.value]


def list_keys(shell: Shell, name: str) -> list[str]:
    """Return the indexes of an array, in order."""
    variable = shell.variables.find(name)
    if variable is None:
        return []
    if variable.elements is not None:
        return [str(key) for key in sorted(variable.elements)]
    if variable.table is not None:
        return list(variable.table)
    return [] if variable.value is None else ["0"]


def expand_parameter(shell: Shell, part: Parameter, fields: Fields) -> Waits[None]:
    """Expand `${...}` into fields."""
    if part.operation == "bad":
        raise ShellError(
            "syntax error: bad substitution" if not shell.bash else "bad substitution",
            1 if shell.bash else 2,
        )
    operation = part.operation
    if operation == "names":
        names = [name for name, _ in shell.variables if name.startswith(part.name)]
        _add_list(fields, names, quoted=part.quoted, star=False)
        return
    whole = _whole(part)
    if operation.startswith("indirect") and not whole:
        part = _indirect(shell, part)
        whole, operation = _whole(part), part.operation
    if whole:
        yield from _expand_list(shell, part, fields, star=whole == "*")
        return
    value = yield from _single_value(shell, part)
    if operation == "length":
        if value is None and "u" in shell.options:
            raise not_set(shell, part.name)
        _add(fields, str(len(value or "")), quoted=part.quoted)
    elif operation[-1:] and operation[-1] in "-=?+" and operation[0] in ":-=?+":
        yield from _with_default(shell, part, fields, value)
    else:
        if value is None and "u" in shell.options:
            raise not_set(shell, part.name)
        yield from _changed(shell, part, fields, [value or ""])


def _whole(part: Parameter) -> str:
    """`@` or `*` where all of a list is meant."""
    if part.index is not None:
        plain = part.index.literal
        if plain is None and part.index.plain == "*":
            plain = "*"
        return plain if plain in {"@", "*"} else ""
    return part.name if part.name in _LISTS else ""


def _indirect(shell: Shell, part: Parameter) -> Parameter:
    target = plain_value(shell, part.name)
    operation = part.operation.removeprefix("indirect")
    name, bracket, index = target.partition("[")
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*]", name):
        raise ShellError(f"{target}: invalid variable name", 1)
    from fakecri.core.shell.syntax import Quoted  # noqa: PLC0415

    where = Word((Quoted(index.removesuffix("]")),)) if bracket else None
    return Parameter(name, part.quoted, operation, part.argument, part.second, where)


def _single_value(shell: Shell, part: Parameter) -> Waits[str | None]:
    if part.index is None:
        return find_value(shell, part.name)
    from fakecri.core.shell.arrays import element_key  # noqa: PLC0415  # which expands words

    key = yield from element_key(shell, part.name, part.index)
    variable = shell.variables.find(part.name)
    if variable is None:
        return None
    if variable.table is not None:
        return variable.table.get(str(key))
    if variable.elements is not None:
        return variable.elements.get(_place(variable.elements, int(key)))
    return variable.value if key == 0 else None


def _expand_list(shell: Shell, part: Parameter, fields: Fields, *, star: bool) -> Waits[None]:
    operation = part.operation
    values = shell.arguments if part.index is None else list_values(shell, part.name)
    if operation == "length":
        _add(fields, str(len(values)), quoted=part.quoted)
    elif operation == "indirect":
        _add_list(fields, list_keys(shell, part.name), quoted=part.quoted, star=star)
    elif operation and operation[-1] in "-=?+" and operation[0] in ":-=?+":
        value = " ".join(values) if values else None
        if _counts(operation, value) and "+" not in operation:
            _add_list(fields, values, quoted=part.quoted, star=star)
        else:
            yield from _with_default(shell, part, fields, value)
    elif operation == ":":
        sliced = yield from _slice(shell, part, values)
        _add_list(fields, sliced, quoted=part.quoted, star=star)
    elif operation:
        changed = yield from _transformed(shell, part, values)
        _add_list(fields, changed, quoted=part.quoted, star=star)
    else:
        _add_list(fields, values, quoted=part.quoted, star=star)


def _slice(shell: Shell, part: Parameter, values: list[str]) -> Waits[list[str]]:
    from fakecri.core.shell.expansion import evaluate_word  # noqa: PLC0415  # which expands this

    values = [shell.arg0, *values] if part.index is None else values
    start = (yield from evaluate_word(shell, part.argument)) if part.argument else 0
    if start < 0:
        start = max(len(values) + start, 0)
    if part.second is None:
        return values[start:]
    count = yield from evaluate_word(shell, part.second)
    return values[start : start + max(count, 0)]


def _add(fields: Fields, text: str, *, quoted: bool) -> None:
    if quoted:
        fields.add(text, quoted=True)
    else:
        fields.split(text)


def _add_list(fields: Fields, values: list[str], *, quoted: bool, star: bool) -> None:
    if quoted and star:
        fields.add(fields.join(values), quoted=True)
        return
    for position, value in enumerate(values):
        if position:
            fields.end()
        _add(fields, value, quoted=quoted)


def _counts(operation: str, value: str | None) -> bool:
    """Whether a parameter counts as set, with a colon only if it is not empty."""
    return bool(value) if operation[0] == ":" else value is not None


def _with_default(shell: Shell, part: Parameter, fields: Fields, value: str | None) -> Waits[None]:
    from fakecri.core.shell.expansion import add_parts, expand_text  # noqa: PLC0415

    kind, argument = part.operation[-1], part.argument or Word(())
    if _counts(part.operation, value) != (kind == "+"):
        if kind != "+":
            _add(fields, value or "", quoted=part.quoted)
        elif part.quoted:
            fields.add("", quoted=True)
        return
    if kind in "-+":
        if part.quoted:
            fields.add("", quoted=True)
        yield from add_parts(shell, argument.parts, fields, divisible=not part.quoted)
        return
    text = yield from expand_text(shell, argument)
    if kind == "=":
        if not re.fullmatch(r"[A-Za-z_]\w*", part.name, re.ASCII):
            raise ShellError(f"{part.name}: bad variable name")
        shell.variables.set(part.name, text)
        _add(fields, text, quoted=part.quoted)
        return
    null = " or null" if part.operation[0] == ":" else ""
    unset = "parameter null or not set" if shell.bash else f"parameter not set{null}"
    raise ShellError(f"{part.name}: {text or unset}", 127 if shell.bash else 2)


def _changed(shell: Shell, part: Parameter, fields: Fields, values: list[str]) -> Waits[None]:
    for text in (yield from _transformed(shell, part, values)):
        _add(fields, text, quoted=part.quoted)


def _transformed(shell: Shell, part: Parameter, values: list[str]) -> Waits[list[str]]:
    if not part.operation:
        return values
    prepare = OPERATIONS[part.operation if part.operation[0] != "@" else "@"]
    change = yield from prepare(shell, part)
    return [change(value) for value in values]
