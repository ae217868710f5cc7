"""Image references: the grammar, and the normal form that Docker and containerd give them.

The behaviour, errors and texts are those of distribution/reference v0.6 (ParseDockerRef) and
go-digest v1.0, which containerd uses; see spec 1.2.
"""

import re
from dataclasses import dataclass
from functools import lru_cache

DEFAULT_DOMAIN = "docker.io"
DEFAULT_TAG = "latest"
MAX_PATH_CHARACTERS = 255

_LEGACY_DEFAULT_DOMAIN = "index.docker.io"
_OFFICIAL = "library/"
_INVALID_FORMAT = "invalid reference format"

_DOMAIN_COMPONENT = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST = rf"(?:{_DOMAIN_COMPONENT}(?:\.{_DOMAIN_COMPONENT})*|\[[a-fA-F0-9:]+\])"
_PATH_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_DIGEST = (
    r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*"  # the algorithm
    r":[0-9a-fA-F]{32,}"
)
_REFERENCE = re.compile(
    rf"(?:(?P<domain>{_HOST}(?::[0-9]+)?)/)?"
    rf"(?P<path>{_PATH_COMPONENT}(?:/{_PATH_COMPONENT})*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?"
    rf"(?:@(?P<digest>{_DIGEST}))?",
)
_IDENTIFIER = re.compile(r"[a-f0-9]{64}")
_FAMILIAR = ("docker.io/library/", "docker.io/")
_VERSION = re.compile(r"(?::[^/:@]*)?(?:@.*)?$")
_LOWER_HEX = re.compile(r"[a-f0-9]+")
_ANY_DIGEST = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+")
_HEX_DIGITS = {"sha256": 64, "sha384": 96, "sha512": 128}


class InvalidReference(ValueError):  # noqa: N818  # it reads as what happened
    """The text is no image reference; ``str()`` is the sentence containerd would give."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A normalised reference: it has a tag or a digest, never both and never neither.

    ``domain`` is empty in one odd case, which Go shares: a first component that looks like a
    domain but is none (``a_b.c/app``) is part of the path.
    """

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """The repository: domain and path."""
        return f"{self.domain}/{self.path}" if self.domain else self.path

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"


def is_digest(text: str) -> bool:
    """Whether the whole text is a valid digest: a known algorithm and all its hex digits."""
    return _digest_complaint(text) == ""


def is_identifier(text: str) -> bool:
    """Whether the whole text is the hex digits of an id, which no name may be."""
    return _IDENTIFIER.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def written_forms(name: str) -> tuple[str, ...]:
    """Return all ways to write a reference that somebody may have in mind.

    ``docker.io/library/busybox:1``, ``busybox:1``, and both without the tag.
    """
    prefix = next((each for each in _FAMILIAR if name.startswith(each)), "")
    full = dict.fromkeys((name, name.removeprefix(prefix)))
    return tuple(dict.fromkeys(f for each in full for f in (each, _VERSION.sub("", each, count=1))))


@lru_cache(maxsize=8192)
def parse_reference(text: str) -> Reference:
    """Parse and normalise: ``busybox`` becomes ``docker.io/library/busybox:latest``.

    A digest wins over a tag that stands beside it. Raises InvalidReference.
    """
    if is_identifier(text):
        raise InvalidReference(
            f"invalid repository name ({text}), cannot specify 64-byte hexadecimal strings",
        )
    domain, remainder = _split_domain(text)
    remote = remainder.partition(":")[0]
    if remote.lower() != remote:
        raise InvalidReference(f"{_INVALID_FORMAT}: repository name ({remote}) must be lowercase")
    return _parse_whole(f"{domain}/{remainder}")


@lru_cache(maxsize=8192)
def find_normalised(text: str) -> str | None:
    """The normalised text of a reference, or None where it is malformed."""
    try:
        return str(parse_reference(text))
    except InvalidReference:
        return None


def names_in(text: str) -> tuple[str, ...]:
    """What a reference is a name of: its normalised form, unless it is an id, and itself."""
    normalised = None if is_digest(text) else find_normalised(text)
    return tuple(dict.fromkeys((normalised or text, text)))


def _split_domain(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash:  # never a domain, even with a dot or a colon: "localhost:5000" has a tag
        return DEFAULT_DOMAIN, _OFFICIAL + text
    if first == _LEGACY_DEFAULT_DOMAIN:
        first = DEFAULT_DOMAIN
    if not _looks_like_domain(first):
        return DEFAULT_DOMAIN, text
    if first == DEFAULT_DOMAIN and "/" not in rest:
        rest = _OFFICIAL + rest
    return first, rest


def _looks_like_domain(first: str) -> bool:
    return first == "localhost" or "." in first or ":" in first or first.lower() != first


def _parse_whole(text: str) -> Reference:
    match = _REFERENCE.fullmatch(text)
    if match is None:
        raise InvalidReference(_whole_complaint(text))
    domain, path, tag, digest = match.group("domain", "path", "tag", "digest")
    if len(path) > MAX_PATH_CHARACTERS:
        raise InvalidReference(
            f"repository name must not be more than {MAX_PATH_CHARACTERS} characters",
        )
    if digest is None:
        return Reference(domain or "", path, tag=tag or DEFAULT_TAG)
    complaint = _digest_complaint(digest)
    if complaint:
        raise InvalidReference(complaint)
    return Reference(domain or "", path, digest=digest)


def _whole_complaint(text: str) -> str:
    # Rune by rune, as Go lowers: some letters beyond ASCII have an ASCII lower case.
    lowered = "".join(character.lower()[0] for character in text)
    if lowered != text and _REFERENCE.fullmatch(lowered):
        return "repository name must be lowercase"
    return _INVALID_FORMAT


def _digest_complaint(text: str) -> str:
    """What go-digest says of the text, or nothing where it is content."""
    algorithm, _, encoded = text.partition(":")
    digits = _HEX_DIGITS.get(algorithm)
    if not encoded or (digits is None and not _ANY_DIGEST.fullmatch(text)):
        return "invalid checksum digest format"
    if digits is None:
        return "unsupported digest algorithm"
    if len(encoded) != digits:
        return "invalid checksum digest length"
    return "" if _LOWER_HEX.fullmatch(encoded) else "invalid checksum digest format"
