"""What a runtime says of a registry that fails, where its releases differ.

Source: containerd's docker resolver, fetcher and authoriser, in the releases that are named.
"""

from dataclasses import dataclass

DENIED = "pull access denied, repository does not exist or may require authorization"


@dataclass(frozen=True, slots=True)
class PullTexts:
    """Sentences with places, as for a `{status}` like 404 Not Found; the defaults are of 2.x."""

    resolving: str = "failed to resolve image"
    """What stands before all that goes wrong before there is a manifest; `{reference}`."""
    head_status: str = "unexpected status from HEAD request to {url}: {status}"
    """A bad status of the first request; also `{host}` and `{what}`, the tag or the digest."""
    asks_again: bool = True
    """Whether a HEAD that is forbidden is followed by a GET, whose body is told."""
    get_status: str = "unexpected status from GET request to {url}: {status}"
    """A bad status of what is fetched."""
    body: str = "\n{said}"
    """What is added where a registry explains itself."""
    unauthorised: str = "unexpected status from GET request to {url}: {status}"
    """A bad status of the server that gives tokens."""
    no_basic: str = f"{DENIED}: authorization failed: no basic auth credentials"
    """Credentials that are missing; places as in `head_status`."""
    short: str = "short read: expected {expected} bytes but got {got}: unexpected EOF"
    """Content that is broken off."""


TEXTS_1_7 = PullTexts(
    resolving='failed to resolve reference "{reference}"',
    asks_again=False,
    get_status="unexpected status code {url}: {status}",
    body=" - Server message: {said}",
    short="failed to read expected number of bytes: unexpected EOF",
)

_OLD_HEAD = "pulling from host {host} failed with status code [manifests {what}]: {status}"

TEXTS_1_6 = PullTexts(
    resolving=TEXTS_1_7.resolving,
    head_status=_OLD_HEAD,
    asks_again=False,
    get_status=TEXTS_1_7.get_status,
    body=TEXTS_1_7.body,
    unauthorised="unexpected status: {status}",
    no_basic=_OLD_HEAD,  # it takes a scheme that it has no credentials for as one it does not know
    short=TEXTS_1_7.short,
)
