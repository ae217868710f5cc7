"""The strings of a shell: each character is a byte, as in a C program without a locale."""


def inner(text: str) -> str:
    """From a string of the house (UTF-8, other bytes escaped) to one of the shell."""
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def outer(text: str) -> str:
    """Back to a string of the house."""
    return text if text.isascii() else text.encode("latin-1").decode("utf-8", "surrogateescape")


def single_quoted(text: str) -> str:
    """Quote as ash does where it shows what could be typed."""
    pieces = []
    while text:
        plain, quote, text = text.partition("'")
        if plain:
            pieces.append(f"'{plain}'")
        if quote:
            count = 1 + len(text) - len(text.lstrip("'"))
            text = text.lstrip("'")
            pieces.append('"' + "'" * count + '"')
    return "".join(pieces) or "''"
