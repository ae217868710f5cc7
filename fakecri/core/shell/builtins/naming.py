"""Builtins that say what a name means, and aliases."""

from fakecri.core.executables import MissingExecutableError
from fakecri.core.scheduler import Waits
from fakecri.core.shell.builtins.builtin import options
from fakecri.core.shell.errors import CommandError
from fakecri.core.shell.printing import script_text
from fakecri.core.shell.state import Shell
from fakecri.core.shell.text import outer, single_quoted
from fakecri.core.shell.tokens import RESERVED


def find_path(shell: Shell, name: str) -> str | None:
    """Return where a command is, or None."""
    try:
        shell.process.system.find(
            (outer(name),), shell.variables.environment(), shell.process.spec.cwd
        )
    except MissingExecutableError:
        return None
    if "/" in name:
        return name
    for directory in (shell.variables.get("PATH") or "").split(":"):
        path = f"{directory or '.'}/{name}"
        try:
            shell.process.system.find((outer(path),), {}, shell.process.spec.cwd)
        except MissingExecutableError:
            continue
        return path
    return name


def _meaning(shell: Shell, name: str) -> tuple[str, str] | None:
    """What a name is, and its value, if it is anything."""
    from fakecri.core.shell.builtins import BUILTINS, SPECIAL  # noqa: PLC0415  # whose part it is

    if name in RESERVED and (shell.bash or name not in {"select", "time", "[["}):
        return "keyword", name
    if name in shell.aliases:
        return "alias", shell.aliases[name]
    if name in BUILTINS and BUILTINS[name].is_for(shell):
        if name in shell.functions and name not in SPECIAL:
            return "function", name
        return "special builtin" if name in SPECIAL else "builtin", name
    if name in shell.functions:
        return "function", name
    path = find_path(shell, name)
    return None if path is None else ("file", path)


def type_(shell: Shell, words: list[str]) -> int:
    """`type NAME...`."""
    rest = words[1:]
    only_kind = False
    if shell.bash and rest[:1] in (["-t"], ["-p"], ["-P"], ["-a"]):
        only_kind = rest.pop(0) == "-t"
    status = 0
    for name in rest:
        found = _meaning(shell, name)
        if found is None:
            status = 1 if shell.bash else 127
        if only_kind:
            if found:
                shell.write(f"{found[0].removeprefix('special ')}\n")
            continue
        if found is None and shell.bash:
            shell.complain(f"{name}: not found")
        else:
            shell.write(_described(shell, name, found))
    return status


def _described(shell: Shell, name: str, found: tuple[str, str] | None) -> str:
    if found is None:
        return f"{name}: not found\n"
    kind, value = found
    if kind == "alias":
        meaning = f"aliased to `{value}'" if shell.bash else f"an alias for {value}"
        return f"{name} is {meaning}\n"
    if kind == "function" and shell.bash:
        return f"{name} is a function\n{script_text(shell.functions[name])}\n"
    if kind == "file":
        return f"{name} is {value}\n"
    article = "a special" if kind == "special builtin" and not shell.bash else "a"
    noun = {"keyword": "shell keyword", "function": "function"}.get(kind, "shell builtin")
    return f"{name} is {article} {noun}\n"


def command(shell: Shell, words: list[str]) -> int | Waits[int]:
    """`command [-pvV] NAME [ARGUMENT]...`."""
    given, rest = options(shell, words, "pvV")
    letters = [letter for letter, _ in given]
    if not rest:
        return 0
    if "V" in letters:
        return type_(shell, ["type", rest[0]])
    if "v" in letters:
        return _locate(shell, rest)
    return _run(shell, rest)


def _locate(shell: Shell, names: list[str]) -> int:
    found_any = False
    for name in names if shell.bash else names[:1]:
        found = _meaning(shell, name)
        if found is None:
            continue
        found_any = True
        kind, value = found
        if kind == "alias":
            shell.write(f"alias {name}={single_quoted(value)}\n")
        else:
            shell.write(f"{value}\n")
    return 0 if found_any else (1 if shell.bash else 127)


def _run(shell: Shell, words: list[str]) -> Waits[int]:
    from fakecri.core.shell.simple import run_unaliased  # noqa: PLC0415  # which runs builtins

    return (yield from run_unaliased(shell, words))


def builtin(shell: Shell, words: list[str]) -> Waits[int]:
    """`builtin NAME [ARGUMENT]...`."""
    from fakecri.core.shell.builtins import BUILTINS  # noqa: PLC0415  # whose part it is
    from fakecri.core.shell.simple import run_builtin  # noqa: PLC0415  # which runs builtins

    if len(words) == 1:
        return 0
    found = BUILTINS.get(words[1])
    if found is None:
        raise CommandError(f"{words[1]}: not a shell builtin")
    return (yield from run_builtin(shell, found, words[1:]))


def hash_(shell: Shell, words: list[str]) -> int:
    """`hash [-r] [NAME]...`: there is nothing to remember."""
    _, rest = options(shell, words, "r")
    status = 0
    for name in rest:
        if _meaning(shell, name) is None:
            shell.complain(f"{name}: not found")
            status = 1
    return status


def _place_in_table(item: tuple[str, str]) -> int:
    """Where an alias is shown: ash shows the aliases in the order of its hash table."""
    name = item[0].encode("latin-1")
    return ((name[0] << 4) + sum(name)) % 39


def alias(shell: Shell, words: list[str]) -> int:
    """`alias [NAME[=VALUE]]...`."""
    prefix = "alias " if shell.bash else ""
    rest = words[1:]
    if rest[:1] == ["-p"]:
        rest = rest[1:]
    if not rest:
        lines = [
            f"{prefix}{name}={single_quoted(value)}\n"
            for name, value in sorted(
                shell.aliases.items(), key=None if shell.bash else _place_in_table
            )
        ]
        shell.write("".join(lines))
        return 0
    status = 0
    for word in rest:
        name, equals, value = word.partition("=")
        if equals and name:
            shell.aliases[name] = value
        elif word in shell.aliases:
            shell.write(f"{prefix}{word}={single_quoted(shell.aliases[word])}\n")
        else:
            status = _unknown_alias(shell, "alias", word)
    return status


def _unknown_alias(shell: Shell, command_name: str, name: str) -> int:
    if shell.bash:
        shell.complain(f"{name}: not found")
    else:
        shell.error(f"{command_name}: {name} not found\n")
    return 1


def unalias(shell: Shell, words: list[str]) -> int:
    """`unalias [-a] [NAME]...`."""
    given, rest = options(shell, words, "a")
    if given:
        shell.aliases.clear()
        return 0
    status = 0
    for name in rest:
        if shell.aliases.pop(name, None) is None:
            status = _unknown_alias(shell, "unalias", name)
    return status


def show_help(shell: Shell, _words: list[str]) -> int:
    """`help`: the names of all builtins."""
    from fakecri.core.shell.builtins import BUILTINS  # noqa: PLC0415  # whose part it is

    names = sorted(name for name, each in BUILTINS.items() if each.is_for(shell))
    lines, line = ["Built-in commands:\n", "------------------\n"], "\t"
    for name in names:
        if len(line) + len(name) > 64:  # noqa: PLR2004  # columns
            lines.append(f"{line.rstrip()}\n")
            line = "\t"
        line += f"{name} "
    shell.write("".join([*lines, f"{line.rstrip()}\n"]))
    return 0
