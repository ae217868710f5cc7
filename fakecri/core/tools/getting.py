"""`getopt`: puts the options of a script in order."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.options import read_options
from fakecri.core.processes import Process
from fakecri.core.tools.words import say

_LONG = {
    "options": "o",
    "longoptions": "l",
    "quiet": "q",
    "quiet-output": "Q",
    "shell": "s",
    "test": "T",
    "unquoted": "u",
    "alternative": "a",
    "name": "n",
}


def order_options(process: Process, _: Surroundings) -> int:
    """`getopt`."""
    argv = process.spec.argv
    if len(argv) < 2:  # noqa: PLR2004  # the options to look for
        raise Refusal("missing optstring argument")
    if not argv[1].startswith("-"):
        return _Order(process, argv[1].lstrip("+-"), {}, set(), "getopt", is_old=True).run(
            list(argv[2:]), stops="+" in argv[1][:1]
        )
    options = read_options(argv, "o:n:qQs:Tual:", _LONG, leading=True)
    letters = options.letters
    if "T" in letters:
        return 4
    words = list(options.operands)
    if "o" in letters:
        short = options.values("o")[-1]
    elif words:
        short = words.pop(0)
    else:
        raise Refusal("missing optstring argument")
    long: dict[str, str] = {}
    for text in options.values("l"):
        for name in filter(None, re.split("[, \t\n]", text)):
            long[name.rstrip(":")] = name[len(name.rstrip(":")) :]
    name = (options.values("n") or ["getopt"])[-1]
    order = _Order(process, short.lstrip("+-"), long, letters, name, is_old="u" in letters)
    return order.run(words, stops=short.startswith("+"))


@dataclass
class _Order:
    process: Process
    short: str
    long: Mapping[str, str]
    letters: set[str]
    name: str
    is_old: bool
    status: int = 0

    def run(self, words: list[str], *, stops: bool) -> int:
        found: list[str] = []
        others: list[str] = []
        while words:
            word = words.pop(0)
            if word == "--":
                others += words
                break
            if word.startswith("--") or (
                "a" in self.letters and word.startswith("-") and word[1:] in self.long
            ):
                found += self.read_long(word.lstrip("-"), words)
            elif word.startswith("-") and len(word) > 1:
                found += self.read_letters(word[1:], words)
            else:
                others.append(word)
                if stops:
                    others += words
                    break
        if "Q" not in self.letters:
            parts = [*found, "--", *(self.quoted(each) for each in others)]
            say(self.process, "".join(f" {each}" for each in parts))
        return self.status

    def quoted(self, text: str) -> str:
        return text if self.is_old else "'" + text.replace("'", "'\\''") + "'"

    def read_letters(self, letters: str, words: list[str]) -> Iterator[str]:
        while letters:
            letter, letters = letters[0], letters[1:]
            after = self.short.partition(letter)[2]
            if letter == ":" or letter not in self.short:
                self.complain(f"invalid option -- '{letter}'")
                continue
            if not after.startswith(":"):
                yield f"-{letter}"
                continue
            value, letters = letters, ""
            if not value and not after.startswith("::"):
                if not words:
                    self.complain(f"option requires an argument -- '{letter}'")
                    continue
                value = words.pop(0)
            yield f"-{letter}"
            yield self.quoted(value)

    def read_long(self, text: str, words: list[str]) -> Iterator[str]:
        name, equals, value = text.partition("=")
        matches = [name] if name in self.long else [x for x in self.long if x.startswith(name)]
        if not matches:
            self.complain(f"unrecognized option '--{text}'")
            return
        if len(matches) > 1:
            choice = "".join(f" '--{each}'" for each in matches)
            self.complain(f"option '--{name}' is ambiguous; possibilities:{choice}")
            return
        takes = self.long[matches[0]]
        if equals and not takes:
            self.complain(f"option '--{matches[0]}' doesn't allow an argument")
            return
        if takes == ":" and not equals:
            if not words:
                self.complain(f"option '--{matches[0]}' requires an argument")
                return
            value = words.pop(0)
        yield f"--{matches[0]}"
        if takes:
            yield self.quoted(value)

    def complain(self, text: str) -> None:
        self.status = 1
        if "q" not in self.letters:
            complain(self.process, self.name, text)


COMMANDS = {
    "getopt": Applet(order_options, "[OPTIONS] [--] OPTSTRING PARAMS"),
}
