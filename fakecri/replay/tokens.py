"""What differs from run to run in a text: ids, digests, times, process ids, addresses, streams."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias


class Kind(Enum):
    """What a token is."""

    ID = "id"
    """64 or 32 hex digits, or what is a prefix of known ones."""
    DIGEST = "digest"
    UUID = "uuid"
    TIME = "time"
    PID = "pid"
    INTERFACE = "interface"
    """The node's end of a pod's network."""
    MAC = "mac"
    URL = "url"
    """Where an exec, an attach or a port-forward streams."""


LASTING = frozenset({Kind.ID, Kind.DIGEST, Kind.UUID})
"""Tokens of which equal ones are the same thing; each of the others stands for itself alone."""


@dataclass(frozen=True, slots=True)
class Token:
    """A part of a text that differs from run to run."""

    kind: Kind
    text: str
    name: str = ""
    """What it is of, where that is known: `container default/web/main#0`."""

    @property
    def shown(self) -> str:
        """What a reader sees in its place."""
        return f"<{self.name or self.kind.value}>"


Text: TypeAlias = tuple[str | Token, ...]


def bytes_fields(message: Mapping[str, object]) -> frozenset[str]:
    """Return which fields of a message in JSON's types are bytes, in base64.

    Those of the contract are the output of an ExecSync, and the value of a KeyValue.
    """
    return _OUTPUT | {"value"} if message.keys() == _KEY_VALUE else _OUTPUT


_OUTPUT = frozenset({"stdout", "stderr"})
_KEY_VALUE = frozenset({"key", "value"})

_PATTERN = re.compile(
    r"(?P<url>https?://[^/\s]+/(?:exec|attach|portforward)/[\w-]+)"
    r"|(?P<digest>sha256:[0-9a-f]{64}(?![0-9A-Za-z]))"
    r"|(?P<uuid>\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b)"
    r"|(?P<time>\b(?!0001-)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))"
    r"|(?P<mac>\b[0-9a-f]{2}(?::[0-9a-f]{2}){5}\b)"
    r"|(?P<interface>\bveth[0-9a-f]{8}\b)"
    r"|(?P<pid>(?<=/proc/)[0-9]+)"
    r"|(?P<id>(?<![0-9A-Za-z])[0-9a-f]{8,64}(?![0-9A-Za-z]))",
    re.ASCII,
)
# Shorter ones are tokens where they are prefixes of ids that are known.
_WHOLE = frozenset({32, 64})


def split(text: str) -> Iterator[str | Token]:
    """Yield the parts of a text in order: tokens, and the texts between them.

    8 to 63 hex digits are a token too: whoever knows the ids says whether they are a prefix.
    """
    end = 0
    for match in _PATTERN.finditer(text):
        if match.start() > end:
            yield text[end : match.start()]
        end = match.end()
        yield Token(Kind(match.lastgroup), match[0])
    if end < len(text):
        yield text[end:]


def is_whole(token: Token) -> bool:
    """Whether a token is one whatever ids are known."""
    return token.kind is not Kind.ID or len(token.text) in _WHOLE
