"""Patterns as names of files."""

import re

from fakecri.core.shell.fields import Field
from fakecri.core.shell.patterns import compiled
from fakecri.core.shell.state import Shell
from fakecri.core.shell.text import inner, outer

_UNESCAPE = re.compile(r"\\(.)", re.DOTALL)
_SPECIAL = re.compile(r"(?<!\\)(?:\\\\)*[*?\[]")
LIMIT = 100_000


def glob(shell: Shell, field: Field) -> list[str]:
    """Return the files that match, sorted; the text itself where there are none."""
    found = [""]
    pattern = field.pattern
    root = re.match(r"/+", pattern)
    if root:
        found = [root[0]]
        pattern = pattern[root.end() :]
    pieces = re.split(r"(/+)", pattern)
    for position in range(0, len(pieces), 2):
        name, slash = pieces[position], "".join(pieces[position + 1 : position + 2])
        is_last = position + 1 >= len(pieces)
        found = [
            match
            for place in found[:LIMIT]
            for match in _step(shell, place, name, slash, is_last=is_last)
        ]
    return sorted(found) or [field.text]


def _step(shell: Shell, place: str, name: str, slash: str, *, is_last: bool) -> list[str]:
    files = shell.process.files
    if not _SPECIAL.search(name):
        path = place + _UNESCAPE.sub(r"\1", name)
        is_there = files.exists(outer(path)) if is_last else files.is_dir(outer(path or "/"))
        return [path + slash] if is_there or not name else []
    try:
        names = [inner(each) for each in files.list(outer(place or "."))]
    except OSError:
        return []
    matcher = compiled(name)
    hidden = name.startswith((".", "\\."))
    if hidden:
        names = [".", "..", *names]
    matches = [
        place + each
        for each in names
        if (hidden or not each.startswith(".")) and matcher.fullmatch(each)
    ]
    if is_last:
        return matches
    return [each + slash for each in matches if files.is_dir(outer(each))]
