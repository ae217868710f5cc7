"""`declare` and `local`."""

from fakecri.core.shell import arithmetic
from fakecri.core.shell.builtins.environment import assigned, declaration
from fakecri.core.shell.errors import CommandError, ReadOnlyError, ShellError
from fakecri.core.shell.printing import script_text
from fakecri.core.shell.scanner import NAME
from fakecri.core.shell.state import Shell
from fakecri.core.shell.variables import Variable

_LETTERS = frozenset("aAilnrtuxpfFg")


def declare(shell: Shell, words: list[str]) -> int:
    """`declare [-aAilruxpfFg] [NAME[=VALUE]]...`."""
    given, rest = _options(words)
    if "f" in given or "F" in given:
        return _functions(shell, given, rest)
    if "p" in given or not rest:
        return _show(shell, rest)
    local = shell.variables.in_function and "g" not in given
    for word in rest:
        _declare(shell, word, given, local=local)
    return 0


def _options(words: list[str]) -> tuple[dict[str, bool], list[str]]:
    given: dict[str, bool] = {}
    rest = words[1:]
    while rest and len(rest[0]) > 1 and rest[0][0] in "-+":
        word = rest.pop(0)
        if word == "--":
            break
        for letter in word[1:]:
            if letter not in _LETTERS:
                raise CommandError(f"-{letter}: invalid option", 2)
            given[letter] = word[0] == "-"
    return given, rest


def _declare(shell: Shell, word: str, given: dict[str, bool], *, local: bool) -> None:
    name = word.partition("=")[0].removesuffix("+")
    if not NAME.fullmatch(name):
        raise CommandError(f"`{word}': not a valid identifier")
    if local:
        _make_local(shell, name)
    variable = shell.variables.mark(name)
    if "i" in given:
        variable.integer = given["i"]
    for letter in ("u", "l"):
        if letter in given:
            variable.case = letter if given[letter] else ""
    _make_list(variable, given)
    if "=" in word:
        _assign(shell, word, variable)
    if "x" in given:
        shell.variables.mark(name).exported = given["x"]
    if given.get("r"):
        shell.variables.mark(name).readonly = True


def _assign(shell: Shell, word: str, variable: Variable) -> None:
    value = word.partition("=")[2]
    if variable.integer and not word.partition("=")[0].endswith("+"):
        word = f"{word.partition('=')[0]}={arithmetic.evaluate(value, shell)}"
    assigned(shell, word)


def _make_list(variable: Variable, given: dict[str, bool]) -> None:
    if given.get("A") and variable.table is None:
        variable.table, variable.elements, variable.value = {}, None, None
    elif given.get("a") and variable.elements is None:
        variable.elements = {} if variable.value is None else {0: variable.value}
        variable.value = None


def _make_local(shell: Shell, name: str) -> None:
    before = shell.variables.find(name)
    if before is not None and before.readonly:
        raise ReadOnlyError(name)
    shell.variables.make_local(name)


def _show(shell: Shell, names: list[str]) -> int:
    status, lines = 0, []
    known = dict(shell.variables)
    for name in names or known:
        if name in known:
            lines.append(declaration(name, known[name]))
        else:
            shell.complain(f"{name}: not found")
            status = 1
    shell.write("".join(lines))
    return status


def _functions(shell: Shell, given: dict[str, bool], names: list[str]) -> int:
    status = 0
    for name in names or sorted(shell.functions):
        function = shell.functions.get(name)
        if function is None:
            status = 1
        elif "F" in given:
            shell.write(f"{name}\n" if names else f"declare -f {name}\n")
        else:
            shell.write(f"{script_text(function)}\n")
    return status


def local(shell: Shell, words: list[str]) -> int:
    """`local NAME[=VALUE]...`."""
    if not shell.variables.in_function:
        if shell.bash:
            raise CommandError("can only be used in a function")
        raise ShellError("not in a function")
    if shell.bash:
        return declare(shell, words)
    for word in words[1:]:
        name, equals, value = word.partition("=")
        if not NAME.fullmatch(name):
            raise ShellError(f"{name}: bad variable name")
        _make_local(shell, name)
        if equals:
            shell.variables.set(name, value)
        else:
            shell.variables.unset(name)
    return 0
