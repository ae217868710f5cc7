"""What tools of the library are asked to run, made ready: no clock but ours, no commands."""

import json
import re
from collections.abc import Callable, Mapping

_FILTERS = "cat|cut|grep|head|sed|sort|tail|tr|uniq|wc"
_COMMAND = re.compile(
    rf"""\bsystem\s*\(|\|&|\|\s*getline\b
    |(?<!\|)\|\s*"(?!\s*(?:{_FILTERS})\b[^"$`<>]*")
    |\bprintf?\b[^\n;}}/"]*(?:"[^"\n]*"[^\n;}}/"]*)*(?<!\|)\|\s*[A-Za-z_($]""",
    re.VERBOSE,
)
_CLOCK = re.compile(r"\b(systime|srand)\s*\(\s*\)")
_STRFTIME = re.compile(r"\bstrftime\s*\(")
_DATE = '"%a %b %e %H:%M:%S %Z %Y"'
_AWKS = frozenset({"awk", "gawk", "mawk", "nawk"})
_VALUED: Mapping[str, Mapping[str, int]] = {
    "awk": dict.fromkeys(("-F", "-v", "-f"), 1),
    "jq": {
        **dict.fromkeys(("--arg", "--argjson", "--slurpfile", "--rawfile", "--argfile"), 2),
        **dict.fromkeys(("-f", "--from-file", "-L", "--indent"), 1),
    },
}


class Unrunnable(Exception):  # noqa: N818  # a tool's last word, not an error of ours
    """It would need what a tool of the library has not got."""


def prepared(name: str, words: list[str], *, now_s: int) -> list[str]:
    """Return the words with the program in them made ready. Raises Unrunnable.

    Where it asks for the time it is given `now_s`, in seconds since 1970.
    """
    prepare = _PREPARE.get(_kind(name))
    if prepare is None:
        return words
    ready = list(words)
    for at in _operands(name, words)[:1]:
        ready[at] = prepare(words[at], now_s)
    return ready


def reads_stdin(name: str, words: list[str]) -> bool:
    """Whether a tool reads its input, as far as its command line tells."""
    operands = [words[at] for at in _operands(name, words)]
    has_file = any(each.startswith("-f") or each == "--from-file" for each in words)
    if _kind(name) == "jq":
        early = any(re.fullmatch(r"-[a-zA-Z]*n[a-zA-Z]*|--null-input", each) for each in words)
        asks = any(re.search(r"\binputs?\b", each) for each in operands[:1])
        return (not early or asks) and len(operands) <= (0 if has_file else 1)
    program, files = ("", operands) if has_file else ("".join(operands[:1]), operands[1:])
    files = [each for each in files if not re.match(r"[A-Za-z_]\w*=", each)]
    if "-" in files or "/dev/stdin" in files or "/dev/stdin" in program:
        return True
    return not files and not _only_begins(program)


def _kind(name: str) -> str:
    return "awk" if name in _AWKS else name


def _operands(name: str, words: list[str]) -> list[int]:
    """Where the words are that are neither options nor values of options."""
    found: list[int] = []
    valued, at = _VALUED.get(_kind(name), {}), 0
    while at < len(words):
        word = words[at]
        if word == "--":
            return found + list(range(at + 1, len(words)))
        if word.startswith("-") and word != "-":
            at += valued.get(word, 0)
        elif name in _AWKS:  # options come first
            return list(range(at, len(words)))
        else:
            found.append(at)
        at += 1
    return found


def _only_begins(program: str) -> bool:
    bare = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', program)
    start = re.match(r"\s*BEGIN\s*\{", bare)
    if start is None or "getline" in bare:
        return False
    depth = 1
    for at in range(start.end(), len(bare)):
        depth += {"{": 1, "}": -1}.get(bare[at], 0)
        if not depth:
            return not bare[at + 1 :].strip(" \t\n;")
    return False


def _prepared_awk(program: str, now_s: int) -> str:
    if _COMMAND.search(program):
        raise Unrunnable("fakecri runs no commands from awk")
    clock = {"systime": f"({now_s})", "srand": f"srand({now_s})"}
    program = _CLOCK.sub(lambda match: clock[match[1]], program)
    for match in reversed(list(_STRFTIME.finditer(program))):
        end, arguments = _closed(program, match.end())
        if not program[match.end() : end].strip():
            program = f"{program[: match.end()]}{_DATE}, {now_s}{program[end:]}"
        elif arguments == 1:
            program = f"{program[:end]}, {now_s}{program[end:]}"
    return program


def _closed(program: str, start: int) -> tuple[int, int]:
    """Return where a parenthesis is closed, and how many arguments are before that."""
    depth, arguments = 1, 1
    for match in re.compile(r'"(?:\\.|[^"\\\n])*"|[(),]').finditer(program, start):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if not depth:
            return match.start(), arguments
        arguments += match[0] == "," and depth == 1
    return len(program), arguments


def _prepared_jq(program: str, now_s: int) -> str:
    return f"def now: {json.dumps(now_s)}; {program}" if re.search(r"\bnow\b", program) else program


_PREPARE: Mapping[str, Callable[[str, int], str]] = {"awk": _prepared_awk, "jq": _prepared_jq}
