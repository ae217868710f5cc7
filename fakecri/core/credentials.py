"""What a client sends to be let in by a registry, read as containerd reads it.

Source: spec images 1.6.5.
"""

import string
from base64 import b64decode
from typing import NamedTuple

from fakecri.api import runtime_pb2 as pb
from fakecri.core.executables import quoted
from fakecri.core.references import DEFAULT_DOMAIN, Reference
from fakecri.errors import CRIError

_ALPHABET = frozenset((string.ascii_letters + string.digits + "+/").encode())
_PAD = ord("=")
_QUANTUM = 4  # characters that make three bytes
_LONE_BYTE = 0xDC00  # what a byte that is no UTF-8 is decoded to, with surrogateescape
_BYTES = 0x100
_SCHEME = frozenset(string.ascii_letters + string.digits + "+-.")


class Credentials(NamedTuple):
    """Who comes; both are empty for an anonymous one. A token is a secret without a user."""

    username: str = ""
    secret: str = ""


def registry_host(reference: Reference) -> str:
    """Return the host, and port if any, that a reference is pulled from."""
    return "registry-1.docker.io" if reference.domain == DEFAULT_DOMAIN else reference.domain


def read_credentials(auth: pb.AuthConfig, host: str) -> Credentials:
    """Return what is meant for `host`. CRIError with Go's text where it cannot be read."""
    if auth.server_address and _url_host(auth.server_address) != host:
        return Credentials()
    if auth.username:
        return Credentials(auth.username, auth.password)
    if auth.identity_token:
        return Credentials("", auth.identity_token)
    return _decoded(auth.auth) if auth.auth else Credentials()


def _decoded(auth: str) -> Credentials:
    encoded = auth.encode()
    corrupt_at = _find_corrupt(encoded)
    if corrupt_at is not None:
        raise CRIError(f"illegal base64 data at input byte {corrupt_at}")
    # Go's buffer is as long as the text could need, and NUL behind what it did need.
    decoded = b64decode(encoded).ljust(len(encoded) // _QUANTUM * 3, b"\0")
    username, colon, password = decoded.decode(errors="surrogateescape").partition(":")
    if not colon:
        raise CRIError(f"invalid decoded auth: {_quoted(username)}")
    return Credentials(username, password.strip("\0"))


def _quoted(text: str) -> str:
    # What is no UTF-8 is shown byte by byte.
    codes = (ord(each) - _LONE_BYTE for each in text)
    runes = (
        f"\\x{code:02x}" if 0 <= code < _BYTES else quoted(each)[1:-1]
        for code, each in zip(codes, text, strict=True)
    )
    return '"' + "".join(runes) + '"'


def _find_corrupt(encoded: bytes) -> int | None:
    """Return where Go's decoder finds a fault; line breaks are none."""
    symbols = [(at, byte) for at, byte in enumerate(encoded) if byte not in b"\r\n"]
    for index, (at, byte) in enumerate(symbols):
        if byte in _ALPHABET:
            continue
        missing = _QUANTUM - index % _QUANTUM
        if byte != _PAD or missing > 2:  # noqa: PLR2004  # one byte takes two characters
            return at
        return _find_bad_padding(len(encoded), symbols[index + 1 :], missing - 1)
    unfinished = len(symbols) % _QUANTUM
    return len(encoded) - unfinished if unfinished else None


def _find_bad_padding(length: int, rest: list[tuple[int, int]], missing: int) -> int | None:
    if missing:
        if not rest:
            return length
        if rest[0][1] != _PAD:
            return rest[0][0] - 1
        rest = rest[1:]
    return rest[0][0] if rest else None


def _url_host(address: str) -> str:
    """Return the host of a URL; nothing where it has none: `localhost:5000` has but a scheme."""
    complaint, host = _split_url(address)
    if complaint:
        raise CRIError(f"parse server address: parse {quoted(address)}: {complaint}")
    return host


def _split_url(address: str) -> tuple[str, str]:
    """Return what Go's net/url says against an address, or nothing and the host."""
    if any(each < " " or each == "\x7f" for each in address):
        return "net/url: invalid control character in URL", ""
    scheme, rest = _split_scheme(address.partition("#")[0])
    if scheme is None:
        return "missing protocol scheme", ""
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):
        colon_first = not scheme and ":" in rest.partition("/")[0]
        return ("first path segment in URL cannot contain colon" if colon_first else ""), ""
    if not rest.startswith("//") or (rest.startswith("///") and not scheme):
        return "", ""
    host = rest[2:].partition("/")[0].rpartition("@")[2]
    return _port_complaint(host), host


def _split_scheme(address: str) -> tuple[str | None, str]:
    scheme, colon, rest = address.partition(":")
    if colon and not scheme:
        return None, ""
    legal = colon and scheme[0] in string.ascii_letters and _SCHEME.issuperset(scheme)
    return (scheme, rest) if legal else ("", address)


def _port_complaint(host: str) -> str:
    if host.startswith("[") and "]" not in host:
        return "missing ']' in host"
    after = host.rpartition("]")[2]
    port = after[after.index(":") :] if ":" in after else ""
    if port and not (port == ":" or (port[1:].isascii() and port[1:].isdecimal())):
        return f"invalid port {quoted(port)} after host"
    return ""
