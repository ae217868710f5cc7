"""What of a call's metadata is the client's own, and which of it is secret."""

from base64 import b64encode
from typing import TYPE_CHECKING

from fakecri.core.plain import MASK

if TYPE_CHECKING:
    from fakecri.core.pipeline import Metadata

_TRANSPORT = frozenset({"content-type", "te", "user-agent"})
_SECRET_WORDS = ("auth", "cookie", "credential", "apikey", "api-key", "password", "secret", "token")


def sent_metadata(metadata: "Metadata") -> dict[str, tuple[str, ...]]:
    """Return the values of each key that a client chose itself, in base64 where they are bytes.

    What looks like a credential is masked.
    """
    sent: dict[str, tuple[str, ...]] = {}
    for key, value in metadata:
        name = str(key).lower()
        if name in _TRANSPORT or name.startswith((":", "grpc-")):
            continue
        sent[name] = (*sent.get(name, ()), _shown(name, value))
    return sent


def _shown(name: str, value: str | bytes) -> str:
    if any(word in name for word in _SECRET_WORDS):
        return MASK
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)
