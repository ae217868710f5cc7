r"""Backslash escapes: those of `$'...'`, of `echo -e` and of `printf`."""

import re

ASCII_END = 0x80
_LETTERS = {
    "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"',
}  # fmt: skip
_DOLLAR = re.compile(
    r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})"
    r"|([abefnrtv\\'\"]))"
)
_ECHO = re.compile(r"\\(?:0([0-7]{0,3})|x([0-9a-fA-F]{1,2})|([1-7][0-7]{0,2})|([abcefnrtv\\]))")
_PRINTF = re.compile(r"\\(?:([0-7]{1,3})|x([0-9a-fA-F]{1,2})|([abcefnrtv\\\"']))")


def unescape_dollar(text: str) -> str:
    """What `$'text'` is."""

    def replaced(match: re.Match[str]) -> str:
        hexadecimal, octal, short, long, letter = match.groups()
        if letter:
            return _LETTERS[letter]
        if hexadecimal:
            return chr(int(hexadecimal, 16))
        if octal:
            return chr(int(octal, 8) & 0xFF)
        code = int(short or long, 16)
        # As without a locale: what is not ASCII stays an escape.
        if code < ASCII_END:
            return chr(code)
        return f"\\u{code:04X}" if short else f"\\U{code:08X}"

    return _DOLLAR.sub(replaced, text)


def unescape_echo(text: str) -> tuple[str, bool]:
    r"""What `echo -e` or `%b` writes, and whether a `\c` cut it off."""
    pieces, end = [], 0
    for match in _ECHO.finditer(text):
        pieces.append(text[end : match.start()])
        octal, hexadecimal, plain_octal, letter = match.groups()
        if letter == "c":
            return "".join(pieces), True
        if letter:
            pieces.append(_LETTERS[letter])
        elif hexadecimal:
            pieces.append(chr(int(hexadecimal, 16)))
        else:
            pieces.append(chr(int(octal or plain_octal or "0", 8) & 0xFF))
        end = match.end()
    pieces.append(text[end:])
    return "".join(pieces), False


def unescape_format(text: str) -> tuple[str, bool]:
    r"""What the text of a `printf` format is, and whether a `\c` cut it off."""
    pieces, end = [], 0
    for match in _PRINTF.finditer(text):
        pieces.append(text[end : match.start()])
        octal, hexadecimal, letter = match.groups()
        if letter == "c":
            return "".join(pieces), True
        if letter:
            pieces.append(_LETTERS[letter])
        else:
            pieces.append(chr(int(hexadecimal, 16) if hexadecimal else int(octal, 8) & 0xFF))
        end = match.end()
    pieces.append(text[end:])
    return "".join(pieces), False
