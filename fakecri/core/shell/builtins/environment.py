"""Builtins about variables and options."""

from fakecri.core.shell import arithmetic
from fakecri.core.shell.arrays import set_text
from fakecri.core.shell.builtins.builtin import bad_option, options
from fakecri.core.shell.errors import CommandError, ReadOnlyError, ShellError
from fakecri.core.shell.parameters import list_keys, list_values
from fakecri.core.shell.scanner import NAME
from fakecri.core.shell.state import Shell
from fakecri.core.shell.text import single_quoted
from fakecri.core.shell.variables import Variable

OPTION_NAMES = {
    "errexit": "e", "noglob": "f", "ignoreeof": "I", "interactive": "i", "monitor": "m",
    "noexec": "n", "stdin": "s", "xtrace": "x", "verbose": "v", "noclobber": "C",
    "allexport": "a", "notify": "b", "nounset": "u", "errtrace": "E", "vi": "V",
    "pipefail": "pipefail",
}  # fmt: skip
_SHOWN = [name for name in OPTION_NAMES if name not in {"interactive", "stdin"}]
_BASH_MORE = (
    "braceexpand",
    "emacs",
    "functrace",
    "hashall",
    "histexpand",
    "history",
    "physical",
    "posix",
    "privileged",
    "keyword",
    "nolog",
    "onecmd",
    "interactive-comments",
)
_LETTERS = frozenset("abeEfhIimnuvxCVBHTkpt")


def assigned(shell: Shell, word: str) -> str:
    """Do what `name=value` says; return the name. Raises ShellError where it is none."""
    name, equals, value = word.partition("=")
    append = bool(equals) and name.endswith("+") and shell.bash
    name = name.removesuffix("+") if append else name
    if not NAME.fullmatch(name):
        raise ShellError(
            f"`{word}': not a valid identifier" if shell.bash else f"{name}: bad variable name",
            1 if shell.bash else 2,
        )
    if equals:
        set_text(shell, name, value, append=append)
    return name


def _mark(shell: Shell, words: list[str], kind: str) -> int:
    given, rest = options(shell, words, "pnfaA" if shell.bash else "p")
    letters = [letter for letter, _ in given]
    if not rest or "p" in letters:
        _list(shell, kind)
        return 0
    for word in rest:
        name = assigned(shell, word)
        variable = shell.variables.mark(name)
        if kind == "readonly":
            variable.readonly = True
        else:
            variable.exported = "n" not in letters
    return 0


def _list(shell: Shell, kind: str) -> None:
    lines = []
    for name, variable in shell.variables:
        if not (variable.readonly if kind == "readonly" else variable.exported):
            continue
        if shell.bash:
            lines.append(declaration(name, variable))
        else:
            value = "" if variable.text is None else f"={single_quoted(variable.text)}"
            lines.append(f"{kind} {name}{value}\n")
    shell.write("".join(lines))


def declaration(name: str, variable: Variable) -> str:
    """Return what `declare -p` shows."""
    flags = "a" if variable.elements is not None else "A" if variable.table is not None else ""
    flags += ("i" if variable.integer else "") + ("r" if variable.readonly else "")
    flags += "x" if variable.exported else ""
    text = f"declare -{flags or '-'} {name}"
    if variable.elements is not None:
        inside = " ".join(
            f"[{key}]={_double_quoted(value)}" for key, value in sorted(variable.elements.items())
        )
        return f"{text}=({inside})\n"
    if variable.table is not None:
        inside = "".join(
            f"[{key}]={_double_quoted(value)} " for key, value in variable.table.items()
        )
        return f"{text}=({inside})\n"
    return f"{text}\n" if variable.value is None else f"{text}={_double_quoted(variable.value)}\n"


def _double_quoted(text: str) -> str:
    for special in '\\"$`':
        text = text.replace(special, f"\\{special}")
    return f'"{text}"'


def export(shell: Shell, words: list[str]) -> int:
    """`export [-p] [NAME[=VALUE]]...`."""
    return _mark(shell, words, "export")


def readonly(shell: Shell, words: list[str]) -> int:
    """`readonly [-p] [NAME[=VALUE]]...`."""
    return _mark(shell, words, "readonly")


def unset(shell: Shell, words: list[str]) -> int:
    """`unset [-fv] NAME...`."""
    given, rest = options(shell, words, "fv")
    kind = given[-1][0] if given else ""
    for name in rest:
        if name.endswith("]") and "[" in name and shell.bash:
            _unset_element(shell, name)
            continue
        if kind != "f" and not (NAME.fullmatch(name) or shell.bash):
            raise ShellError(f"{name}: bad variable name")
        known = shell.variables.find(name) is not None
        if kind != "f":
            _unset_variable(shell, name)
        if kind == "f" or (kind == "" and not known and shell.bash):
            shell.functions.pop(name, None)
    return 0


def _unset_variable(shell: Shell, name: str) -> None:
    try:
        shell.variables.unset(name)
    except ReadOnlyError:
        if not shell.bash:
            raise
        raise CommandError(f"{name}: cannot unset: readonly variable") from None


def _unset_element(shell: Shell, word: str) -> None:
    name, _, index = word[:-1].partition("[")
    variable = shell.variables.find(name)
    if variable is None:
        return
    if variable.table is not None:
        variable.table.pop(index.strip("'\""), None)
    elif index in {"@", "*"}:
        shell.variables.unset(name)
    elif variable.elements is not None:
        place = arithmetic.evaluate(index, shell)
        if place < 0:
            place += max(variable.elements, default=-1) + 1
        variable.elements.pop(place, None)


def set_(shell: Shell, words: list[str]) -> int:
    """`set [-+OPTIONS] [-o OPTION] [--] [ARGUMENT]...`."""
    if len(words) == 1:
        _show_variables(shell)
        return 0
    rest = words[1:]
    while rest and len(rest[0]) > 1 and rest[0][0] in "-+":
        word = rest.pop(0)
        if word == "--":
            shell.arguments = rest
            shell.getopts_place = 0
            return 0
        take_options(shell, word, rest)
    if rest[:1] == ["-"]:
        shell.options -= {"x", "v"}
        rest.pop(0)
        if not rest:
            return 0
    if rest:
        shell.arguments = rest
        shell.getopts_place = 0
    return 0


def take_options(shell: Shell, word: str, rest: list[str], extra: str = "") -> None:
    """Set or reset the options in a word like `-eo`. Raises ShellError.

    `extra` are letters that count on the command line of a shell alone.
    """
    on = word[0] == "-"
    for letter in word[1:]:
        if letter == "o":
            if not rest:
                _show_options(shell, on=on)
                return
            switch(shell, rest.pop(0), on=on)
        elif letter not in _LETTERS and letter not in extra:
            raise bad_option(shell, letter)
        elif letter in extra or letter != "i":
            _switch_letter(shell, letter, on=on)


def switch(shell: Shell, name: str, *, on: bool) -> None:
    """Set or reset an option by its name."""
    letter = OPTION_NAMES.get(name, name if shell.bash and name in _BASH_MORE else "")
    if not letter:
        if shell.bash:
            raise CommandError(f"{name}: invalid option name", 2)
        raise ShellError(f"illegal option {'-' if on else '+'}o {name}")
    _switch_letter(shell, letter, on=on)


def _switch_letter(shell: Shell, letter: str, *, on: bool) -> None:
    if letter == "m" and on and not shell.bash and not shell.process.terminal:
        shell.complain("can't access tty; job control turned off")
        return
    if on:
        shell.options.add(letter)
    else:
        shell.options.discard(letter)
    if letter == "a":
        shell.variables.allexport = on


def _show_options(shell: Shell, *, on: bool) -> None:
    names = sorted((*_SHOWN, *_BASH_MORE)) if shell.bash else _SHOWN
    lines = []
    for name in names:
        is_on = OPTION_NAMES.get(name, name) in shell.options
        if not on:
            lines.append(f"set {'-' if is_on else '+'}o {name}\n")
        elif shell.bash:
            lines.append(f"{name:<15}\t{'on' if is_on else 'off'}\n")
        else:
            lines.append(f"{name:<16}{'on' if is_on else 'off'}\n")
    shell.write("".join(lines))


def _show_variables(shell: Shell) -> None:
    lines = []
    for name, variable in shell.variables:
        if variable.elements is not None or variable.table is not None:
            pairs = zip(list_keys(shell, name), list_values(shell, name), strict=True)
            inside = " ".join(f"[{key}]={_double_quoted(value)}" for key, value in pairs)
            lines.append(f"{name}=({inside})\n")
        elif variable.value is not None:
            lines.append(f"{name}={single_quoted(variable.value)}\n")
    shell.write("".join(lines))


def shopt(shell: Shell, words: list[str]) -> int:
    """`shopt [-suq] [OPTION]...`: taken, and of no effect."""
    given, rest = options(shell, words, "suqpo")
    if any(letter in {"s", "u"} for letter, _ in given):
        for name in rest:
            if any(letter == "s" for letter, _ in given):
                shell.options.add(f"shopt {name}")
            else:
                shell.options.discard(f"shopt {name}")
        return 0
    return int(not all(f"shopt {name}" in shell.options for name in rest))
