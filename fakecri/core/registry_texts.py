"""What containerd says of a registry that fails, word for word as its releases do.

The URLs are those of the distribution protocol. Source: spec images 1.6.7, and the texts of
containerd's docker resolver, its fetcher and its content store.
"""

import hashlib
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from fakecri.core.credentials import Credentials, registry_host
from fakecri.core.pull_texts import PullTexts
from fakecri.core.references import Reference
from fakecri.core.registry_hosts import STATUSES, Failure, RegistryHost
from fakecri.errors import Code, CRIError, NotFoundError

CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
NAME_SERVER = "10.96.0.10:53"

_UNAUTHORIZED = "401 Unauthorized"
_SAID = {
    401: "unauthorized: authentication required",
    403: "denied: requested access to the resource is denied",
    429: "toomanyrequests",
}


class Target(NamedTuple):
    """A request of a pull: for what, and where."""

    reference: Reference
    kind: str
    """`manifest`, `config` or `layer`; `resolve` for the HEAD that comes first."""
    digest: str = ""

    @property
    def method(self) -> str:
        """The HTTP method."""
        return "HEAD" if self.kind == "resolve" else "GET"

    @property
    def url(self) -> str:
        """Where it goes."""
        where = "manifests" if self.kind in {"resolve", "manifest"} else "blobs"
        path = f"{self.reference.path}/{where}/{self.what}"
        return f"https://{registry_host(self.reference)}/v2/{path}"

    @property
    def what(self) -> str:
        """The digest or the tag that is asked for."""
        return self.digest or self.reference.digest or self.reference.tag

    @property
    def request(self) -> str:
        """What is said of a request that got no answer."""
        return f'failed to do request: {self.method.capitalize()} "{self.url}"'


def status_error(target: Target, failure: Failure, texts: PullTexts) -> CRIError:
    """Return what comes of an answer with a bad status."""
    status = failure.status
    if status == 404:  # noqa: PLR2004  # Not Found
        return _missing(target)
    is_head = target.kind == "resolve"
    text = _filled(
        texts.head_status if is_head else texts.get_status, target, f"{status} {STATUSES[status]}"
    )
    # A HEAD has no body; after a 403 some releases ask again, with a GET.
    has_body = not is_head or (status == 403 and texts.asks_again)  # noqa: PLR2004  # Forbidden
    said = failure.message or _SAID.get(status, "")
    return CRIError(text + texts.body.format(said=said) if has_body and said else text)


def _filled(text: str, target: Target, status: str) -> str:
    host = registry_host(target.reference)
    return text.format(url=target.url, host=host, what=target.what, status=status)


def _missing(target: Target) -> CRIError:
    if target.kind == "resolve":
        return NotFoundError(f"{target.reference}: not found")
    if target.kind == "manifest":
        return NotFoundError(f"content at {target.url} not found: not found")
    media_type = CONFIG_TYPE if target.kind == "config" else LAYER_TYPE
    return NotFoundError(
        f"could not fetch content descriptor {target.digest} ({media_type}) from remote: not found"
    )


def connection_error(target: Target, kind: str) -> CRIError:
    """Return what comes of a host that cannot be talked to."""
    host = registry_host(target.reference)
    name, _, port = host.partition(":")
    address = f"{_address(name)}:{port or 443}"
    reason = {
        "dns": f"dial tcp: lookup {name} on {NAME_SERVER}: no such host",
        "refused": f"dial tcp {address}: connect: connection refused",
        "unknown-authority": "tls: failed to verify certificate: x509: certificate signed by "
        "unknown authority",
        "http": "http: server gave HTTP response to HTTPS client",
    }[kind]
    return CRIError(f"{target.request}: {reason}")


def _address(name: str) -> str:
    """Return where a host is: addresses that are for documentation, and its own if it is one."""
    if name == "localhost":
        return "127.0.0.1"
    if name.replace(".", "").isdecimal():
        return name
    return f"192.0.2.{int(hashlib.sha256(name.encode()).hexdigest(), 16) % 254 + 1}"


def open_error(target: Target, failure: Failure, texts: PullTexts) -> CRIError:
    """Return what comes of content that the registry does not begin to send."""
    error = (
        status_error(target, failure, texts)
        if failure.status
        else connection_error(target, failure.kind)
    )
    return CRIError(f"failed to copy: httpReadSeeker: failed open: {error.message}", error.code)


def ingest_error(path: str, *, opened: bool) -> CRIError:
    """Return what comes of content that there is no room for."""
    what = f"failed to copy: write {path}" if opened else f"mkdir {path.removesuffix('/data')}"
    return CRIError(f"{what}: no space left on device")


def body_error(
    target: Target, kind: str, size_bytes: int, fetched_bytes: int, texts: PullTexts
) -> CRIError:
    """Return what comes of content that is broken off, or is not what was asked for."""
    if kind == "eof":
        return CRIError(texts.short.format(expected=size_bytes, got=fetched_bytes))
    if kind == "reset":
        name, _, port = registry_host(target.reference).partition(":")
        ends = f"10.0.0.2:40404->{_address(name)}:{port or 443}"
        return CRIError(f"failed to copy: read tcp {ends}: read: connection reset by peer")
    got = "sha256:" + hashlib.sha256(f"corrupt {target.digest}".encode()).hexdigest()
    return CRIError(
        f'failed commit on ref "{target.kind}-{target.digest}": unexpected commit digest {got}, '
        f"expected {target.digest}: failed precondition",
        Code.FAILED_PRECONDITION,
    )


def refusal(host: RegistryHost, target: Target, who: Credentials, texts: PullTexts) -> CRIError:
    """Return what comes of credentials that are not good enough, or are none."""
    reference = target.reference
    if host.scheme == "basic":
        if not (who.username and who.secret):
            return CRIError(_filled(texts.no_basic, target, _UNAUTHORIZED))
        return CRIError(_filled(texts.head_status, target, _UNAUTHORIZED))
    server = registry_host(reference)
    realm, service = f"https://{server}/token", server
    if server == "registry-1.docker.io":
        realm, service = "https://auth.docker.io/token", "registry.docker.io"
    scope = quote_plus(f"repository:{reference.path}:pull")
    url = f"{realm}?scope={scope}&service={quote(service, safe='')}"
    kind = "oauth" if who.secret else "anonymous"
    status = texts.unauthorised.format(url=url, status=_UNAUTHORIZED)
    return CRIError(f"failed to authorize: failed to fetch {kind} token: {status}")


def ingest_path(root: str, target: Target) -> str:
    """Return the file that content goes to until it is whole."""
    name = hashlib.sha256(f"k8s.io/1/{target.kind}-{target.digest}".encode()).hexdigest()
    return f"{root}/io.containerd.content.v1.content/ingest/{name}/data"
