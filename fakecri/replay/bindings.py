"""What of a recording stands for what of this run: learned where requests match and answers go."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from fakecri.core.plain import MASK
from fakecri.replay.tokens import LASTING, Kind, Token, bytes_fields, is_whole, split


class Bindings:
    """Recorded ids, and the live ones that stand for them."""

    def __init__(self) -> None:
        self._live: dict[str, str] = {}
        self._recorded: dict[str, str] = {}

    def match(self, recorded: Any, live: Any) -> dict[str, str] | None:
        """Return what must be bound for two values to say the same; None: they do not."""
        bound: dict[str, str] = {}
        return bound if self._matches(recorded, live, bound) else None

    def bind(self, bound: Mapping[str, str]) -> None:
        """Let live ids, the values, stand for recorded ones, the keys."""
        self._live |= bound
        self._recorded |= {live: recorded for recorded, live in bound.items()}

    def _matches(self, recorded: Any, live: Any, bound: dict[str, str]) -> bool:
        if isinstance(recorded, str) and isinstance(live, str):
            # Not for being equal: what is recorded may stand for something else by now.
            return recorded == MASK or self._same_text(recorded, live, bound)
        if isinstance(recorded, Mapping) and isinstance(live, Mapping):
            ours, theirs = opened(recorded), opened(live)
            return ours.keys() == theirs.keys() and all(
                self._matches(ours[key], theirs[key], bound) for key in ours
            )
        if isinstance(recorded, list) and isinstance(live, list):
            return len(recorded) == len(live) and all(
                self._matches(*each, bound) for each in zip(recorded, live, strict=True)
            )
        return type(recorded) is type(live) and bool(recorded == live)

    def _same_text(self, recorded: str, live: str, bound: dict[str, str]) -> bool:
        ours, theirs = tuple(split(recorded)), tuple(split(live))
        return len(ours) == len(theirs) and all(
            self._same_part(*parts, bound) for parts in zip(ours, theirs, strict=True)
        )

    def _same_part(self, ours: str | Token, theirs: str | Token, bound: dict[str, str]) -> bool:
        if isinstance(ours, str) or isinstance(theirs, str):
            return ours == theirs
        if ours.kind is not theirs.kind or len(ours.text) != len(theirs.text):
            # Times are written with as many digits as they need.
            return ours.kind is theirs.kind and ours.kind not in LASTING
        if ours.kind not in LASTING:
            return True
        if not is_whole(ours):
            return self._cut(ours.text) == theirs.text
        return self._may_be(ours.text, theirs.text, bound)

    def _may_be(self, recorded: str, live: str, bound: dict[str, str]) -> bool:
        known = bound.get(recorded) or self._live.get(recorded)
        if known is not None:
            return known == live
        if live in self._recorded or live in bound.values():
            return False
        bound[recorded] = live
        return True

    def _cut(self, prefix: str) -> str:
        """Return the live prefix that stands for a recorded one; the same where none does."""
        found = {live for each, live in self._live.items() if each.startswith(prefix)}
        return found.pop()[: len(prefix)] if len(found) == 1 else prefix

    # From the recording to this run.

    def to_live(self, value: Any) -> Any:
        """Return JSON's types with live ids in the place of recorded ones."""
        return mapped(value, self.text)

    def text(self, text: str) -> str:
        """Return a text with live ids in the place of recorded ones."""
        return "".join(part if isinstance(part, str) else self._token(part) for part in split(text))

    def _token(self, token: Token) -> str:
        if is_whole(token) or token.kind is not Kind.ID:
            return self._live.get(token.text, token.text)
        return self._cut(token.text)

    def see(self, value: Any) -> None:
        """Let the ids in an answer that goes out as it was recorded stand for themselves."""
        for token in tokens_of(value):
            if token not in self._live and token not in self._recorded:
                self.bind({token: token})


def mapped(value: Any, change: Callable[[str], str]) -> Any:
    """Return JSON's types with each text changed, and the texts in what is base64."""
    if isinstance(value, Mapping):
        encoded = bytes_fields(value)
        return {
            key: _on_bytes(inner, change) if key in encoded else mapped(inner, change)
            for key, inner in value.items()
        }
    if isinstance(value, list):
        return [mapped(inner, change) for inner in value]
    return change(value) if isinstance(value, str) else value


def _on_bytes(value: Any, change: Callable[[str], str]) -> Any:
    text = _decoded(value)
    if text is None:
        return mapped(value, change)
    return b64encode(change(text).encode()).decode()


def _decoded(value: Any) -> str | None:
    try:
        return b64decode(value, validate=True).decode() if isinstance(value, str) else None
    except ValueError:
        return None


def opened(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message with its bytes as texts, where they are."""
    encoded = bytes_fields(message).intersection(message)
    texts = {key: _decoded(message[key]) for key in encoded}
    return {**message, **{key: text for key, text in texts.items() if text is not None}}


def tokens_of(value: Any) -> Iterator[str]:
    """Yield the ids, digests and UUIDs in JSON's types, whole ones."""
    if isinstance(value, Mapping):
        for inner in opened(value).values():
            yield from tokens_of(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from tokens_of(inner)
    elif isinstance(value, str):
        for part in split(value):
            if isinstance(part, Token) and part.kind in LASTING and is_whole(part):
                yield part.text


def mask(value: Any) -> Any:
    """Return JSON's types with the kinds of tokens in their places."""
    if isinstance(value, Mapping):
        return {key: mask(inner) for key, inner in opened(value).items()}
    if isinstance(value, list):
        return [mask(inner) for inner in value]
    if isinstance(value, str):
        return "".join(each if isinstance(each, str) else each.shown for each in split(value))
    return value


def key_of(value: Any) -> str:
    """Return a text that values have in common which may match, where nothing is masked."""
    return json.dumps(mask(value), sort_keys=True)
