"""Texts of words put together, and the tildes in them."""

import re

from fakecri.core.shell.syntax import Literal, Part, Quoted, Tilde

_TILDE = re.compile(r"~([A-Za-z0-9_.-]*)(?=[/:]|$)")


def add(found: list[Part], text: str, *, quoted: bool) -> None:
    """Add text, to the part before where that is of its kind."""
    if found and isinstance(last := found[-1], Quoted if quoted else Literal):
        text = last.text + text
        found.pop()
    found.append(Quoted(text) if quoted else Literal(text))


def with_tilde(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Find the tilde at the beginning of a word."""
    if not parts or not isinstance(parts[0], Literal):
        return parts
    text = parts[0].text
    match = _TILDE.match(text)
    if match is None or (match.end() == len(text) and len(parts) > 1):
        return parts
    rest = text[match.end() :]
    return (Tilde(match[1]), *((Literal(rest),) if rest else ()), *parts[1:])


def with_tildes(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Find the tildes in the value of an assignment: at its beginning, and behind colons."""
    found: list[Part] = []
    for position, part in enumerate(parts):
        if not isinstance(part, Literal):
            found.append(part)
            continue
        pieces = part.text.split(":")
        for number, piece in enumerate(pieces):
            is_last = number == len(pieces) - 1
            begins = number > 0 or position == 0
            if number:
                add(found, ":", quoted=False)
            new = (
                with_tilde(
                    (
                        Literal(piece),
                        *(
                            (Quoted(""),)
                            if not is_complete(parts, position, is_last=is_last)
                            else ()
                        ),
                    )
                )
                if begins
                else (Literal(piece),)
            )
            for each in new:
                if isinstance(each, Literal):
                    if each.text:
                        add(found, each.text, quoted=False)
                elif isinstance(each, Tilde):
                    found.append(each)
    return tuple(found)


def is_complete(parts: tuple[Part, ...], position: int, *, is_last: bool) -> bool:
    """Whether a piece between colons ends there, rather than going on in the next part."""
    return not is_last or position == len(parts) - 1
