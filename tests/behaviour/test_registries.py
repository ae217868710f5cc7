"""Registries that turn clients away, break, or are not there: codes and texts as containerd's."""

from base64 import b64encode

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.references import parse_reference
from tests.behaviour.steps import FAILED_PRECONDITION, NOT_FOUND, UNKNOWN
from tests.support import Node, raises_status

HOST = "registry.test"
IMAGE = f"{HOST}/team/app:v1"
HEAD_URL = f"https://{HOST}/v2/team/app/manifests/v1"
PULL = f'failed to pull and unpack image "{IMAGE}": '
RESOLVE = f"{PULL}failed to resolve image: "
OPEN = f"{PULL}failed to copy: httpReadSeeker: failed open: "
DENIED = "denied: requested access to the resource is denied"
UNKNOWN_AUTHORITY = (
    "tls: failed to verify certificate: x509: certificate signed by unknown authority"
)
NO_CREDENTIALS = (
    f"{RESOLVE}pull access denied, repository does not exist or may require authorization: "
    "authorization failed: no basic auth credentials"
)
UNAUTHORIZED = f"{RESOLVE}unexpected status from HEAD request to {HEAD_URL}: 401 Unauthorized"
TOKEN_URL = f"https://{HOST}/token?scope=repository%3Ateam%2Fapp%3Apull&service={HOST}"


def pull(node: Node, image: str = IMAGE, **auth: str) -> str:
    request = pb.PullImageRequest(image=pb.ImageSpec(image=image), auth=pb.AuthConfig(**auth))
    return node.images.PullImage(request).image_ref


def names(node: Node) -> list[str]:
    images = node.images.ListImages(pb.ListImagesRequest()).images
    return [name for image in images for name in image.repo_tags]


def digests(node: Node) -> dict[str, tuple[str, int]]:
    """Return digest and size of the manifest, the config and the top layer of the image."""
    content = node.cri.registry.resolve(parse_reference(IMAGE)).content
    top = content.layers[-1]
    return {
        "manifest": (content.manifest_digest, len(content.manifest_json)),
        "config": (content.id, len(content.config_json)),
        "layer": (top.digest, top.size_bytes),
    }


# Answers to the first request.


@pytest.mark.parametrize(
    ("kind", "code", "text"),
    [
        ("401", UNKNOWN, NO_CREDENTIALS),
        (
            "403",
            UNKNOWN,
            f"{RESOLVE}unexpected status from HEAD request to {HEAD_URL}: 403 Forbidden\n{DENIED}",
        ),
        ("404", NOT_FOUND, f"{RESOLVE}{IMAGE}: not found"),
        *(
            (
                status.split()[0],
                UNKNOWN,
                f"{RESOLVE}unexpected status from HEAD request to {HEAD_URL}: {status}",
            )
            for status in (
                "429 Too Many Requests",
                "500 Internal Server Error",
                "502 Bad Gateway",
                "503 Service Unavailable",
                "504 Gateway Timeout",
            )
        ),
        *(
            (kind, UNKNOWN, f'{RESOLVE}failed to do request: Head "{HEAD_URL}": {reason}')
            for kind, reason in {
                "dns": f"dial tcp: lookup {HOST} on 10.96.0.10:53: no such host",
                "unknown-authority": UNKNOWN_AUTHORITY,
                "http": "http: server gave HTTP response to HTTPS client",
            }.items()
        ),
    ],
)
def test_a_host_that_fails_fails_the_pull(
    node: Node, kind: str, code: grpc.StatusCode, text: str
) -> None:
    node.cri.registry.host(HOST).fail(kind)
    with raises_status(code, text):
        pull(node)
    assert names(node) == []
    pull(node, "other.test/team/app:v1")


def test_a_refused_connection_names_address_and_port(node: Node) -> None:
    node.cri.registry.host("10.1.2.3:5000").fail("refused")
    with raises_status(
        UNKNOWN,
        'failed to pull and unpack image "10.1.2.3:5000/app:latest": failed to resolve image: '
        'failed to do request: Head "https://10.1.2.3:5000/v2/app/manifests/latest": '
        "dial tcp 10.1.2.3:5000: connect: connection refused",
    ):
        pull(node, "10.1.2.3:5000/app")


def test_a_message_replaces_what_the_registry_says(node: Node) -> None:
    node.cri.registry.host(HOST).fail(403, message="denied: not from here")
    text = f"unexpected status from HEAD request to {HEAD_URL}: 403 Forbidden"
    with raises_status(UNKNOWN, f"{RESOLVE}{text}\ndenied: not from here"):
        pull(node)


def test_a_strict_registry_has_no_image_before_it_fails(node: Node) -> None:
    node.cri.registry.strict = True
    node.cri.registry.host(HOST).fail(500)
    with raises_status(UNKNOWN):
        pull(node)


# Answers to the later ones.


@pytest.mark.parametrize("at", ["manifest", "config", "layer"])
def test_a_status_of_content_has_what_the_registry_said(node: Node, at: str) -> None:
    node.cri.registry.host(HOST).fail(429, at=at)
    where = "manifests" if at == "manifest" else "blobs"
    url = f"https://{HOST}/v2/team/app/{where}/{digests(node)[at][0]}"
    text = f"unexpected status from GET request to {url}: 429 Too Many Requests\ntoomanyrequests"
    with raises_status(UNKNOWN, OPEN + text):
        pull(node)


@pytest.mark.parametrize("at", ["manifest", "config", "layer"])
def test_content_that_is_not_there_is_not_found(node: Node, at: str) -> None:
    node.cri.registry.host(HOST).fail(404, at=at)
    digest = digests(node)[at][0]
    kind = "config.v1+json" if at == "config" else "layer.v1.tar+gzip"
    text = (
        f"content at https://{HOST}/v2/team/app/manifests/{digest} not found: not found"
        if at == "manifest"
        else f"could not fetch content descriptor {digest} (application/vnd.oci.image.{kind}) "
        "from remote: not found"
    )
    with raises_status(NOT_FOUND, OPEN + text):
        pull(node)


def test_a_connection_may_break_down_between_requests(node: Node) -> None:
    node.cri.registry.host(HOST).fail("dns", at="layer")
    url = f"https://{HOST}/v2/team/app/blobs/{digests(node)['layer'][0]}"
    reason = f"dial tcp: lookup {HOST} on 10.96.0.10:53: no such host"
    with raises_status(UNKNOWN, f'{OPEN}failed to do request: Get "{url}": {reason}'):
        pull(node)


@pytest.mark.parametrize("at", ["manifest", "config", "layer"])
def test_content_with_another_digest_is_a_failed_precondition(node: Node, at: str) -> None:
    node.cri.registry.host(HOST).fail("digest", at=at)
    digest = digests(node)[at][0]
    with pytest.raises(grpc.RpcError) as refusal:
        pull(node)
    before, _, after = str(refusal.value.details()).partition("unexpected commit digest sha256:")
    assert before == f'{PULL}failed commit on ref "{at}-{digest}": '
    assert after[64:] == f", expected {digest}: failed precondition"
    assert refusal.value.code() is FAILED_PRECONDITION


@pytest.mark.parametrize(("percent", "share"), [(0, 0.0), (50, 0.5), (100, None)])
def test_content_that_ends_too_soon_is_a_short_read(
    node: Node, percent: int, share: float | None
) -> None:
    node.cri.registry.host(HOST).fail("eof", percent=percent)
    size = digests(node)["layer"][1]
    got = size - 1 if share is None else int(size * share)
    text = f"short read: expected {size} bytes but got {got}: unexpected EOF"
    with raises_status(UNKNOWN, PULL + text):
        pull(node)
    assert names(node) == []


def test_a_connection_that_is_reset_is_a_failed_copy(node: Node) -> None:
    node.cri.registry.host("10.1.2.3").fail("reset")
    with raises_status(
        UNKNOWN,
        'failed to pull and unpack image "10.1.2.3/app:v1": failed to copy: '
        "read tcp 10.0.0.2:40404->10.1.2.3:443: read: connection reset by peer",
    ):
        pull(node, "10.1.2.3/app:v1")


def test_what_is_there_is_not_fetched_again(node: Node) -> None:
    image_id = pull(node)
    node.cri.registry.host(HOST).fail(500, at="layer").fail(500, at="manifest")
    assert pull(node) == image_id


# Which pulls.


def outcomes(node: Node, count: int, image: str = IMAGE) -> str:
    """Pull, remove, and again; return a letter for each: `f`ailed or `o`k."""
    letters = ""
    for _ in range(count):
        try:
            pull(node, image)
            letters += "o"
            node.images.RemoveImage(pb.RemoveImageRequest(image=pb.ImageSpec(image=image)))
        except grpc.RpcError:
            letters += "f"
    return letters


def test_a_failure_lasts_for_as_many_pulls_as_it_says(node: Node) -> None:
    node.cri.registry.host(HOST).fail(503, times=2)
    assert outcomes(node, 4) == "ffoo"


def test_a_failure_may_begin_with_a_later_pull(node: Node) -> None:
    node.cri.registry.host(HOST).fail(503, skip=2, times=1).fail("eof", skip=4)
    assert outcomes(node, 7) == "oofofff"


def test_a_failure_is_for_the_repositories_it_names(node: Node) -> None:
    node.cri.registry.host(HOST).fail(404, repository="team/*")
    assert outcomes(node, 1) == "f"
    assert outcomes(node, 1, f"{HOST}/other/app") == "o"


def test_rules_for_every_host_hold_where_a_host_has_none(node: Node) -> None:
    node.cri.registry.host("*").fail(500)
    node.cri.registry.host(HOST)
    assert outcomes(node, 1) == "o"
    assert outcomes(node, 1, "busybox") == "f"


@pytest.mark.parametrize("name", ["docker.io", "index.docker.io", "registry-1.docker.io"])
def test_docker_hub_has_one_set_of_rules(node: Node, name: str) -> None:
    node.cri.registry.host(name).fail(500, times=1)
    assert outcomes(node, 2, "busybox") == "fo"


def test_a_registry_that_limits_goes_on_until_retry_after(node: Node) -> None:
    node.cri.registry.host(HOST).fail(429, times=1, retry_after_s=30)
    assert outcomes(node, 3) == "fff"
    node.cri.advance(30)
    assert outcomes(node, 2) == "oo"


def test_reset_ends_all_rules(node: Node) -> None:
    host = node.cri.registry.host(HOST).fail(500).require("bob", "secret").limit(bytes_per_s=1)
    host.reset()
    before_ns = node.cri.now_ns
    assert outcomes(node, 1) == "o"
    assert node.cri.now_ns - before_ns < 10**9


# Who is let in.


def encoded(text: str) -> str:
    return b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "auth",
    [
        {"username": "bob", "password": "secret"},
        {"auth": encoded("bob:secret")},
        {"username": "bob", "password": "secret", "identity_token": "x", "auth": encoded("y:z")},
        {"username": "bob", "password": "secret", "server_address": f"https://{HOST}"},
        {"username": "bob", "password": "secret", "server_address": f"//{HOST}/v2/"},
        {"username": "bob", "password": "secret", "registry_token": "x"},
    ],
)
def test_who_has_a_login_may_pull(node: Node, auth: dict[str, str]) -> None:
    node.cri.registry.host(HOST).require("bob", "secret")
    pull(node, **auth)
    assert names(node) == [IMAGE]


@pytest.mark.parametrize(
    "auth",
    [
        {},
        {"username": "bob"},
        {"identity_token": "secret"},
        {"registry_token": "secret"},
        {"username": "bob", "password": "secret", "server_address": "https://other.test"},
        {"username": "bob", "password": "secret", "server_address": HOST},
        {"identity_token": "x", "auth": encoded("bob:secret")},
    ],
)
def test_who_shows_no_user_and_password_is_denied(node: Node, auth: dict[str, str]) -> None:
    node.cri.registry.host(HOST).require("bob", "secret")
    with raises_status(UNKNOWN, NO_CREDENTIALS):
        pull(node, **auth)


def test_a_wrong_password_is_unauthorized(node: Node) -> None:
    node.cri.registry.host(HOST).require("bob", "secret")
    with raises_status(UNKNOWN, UNAUTHORIZED):
        pull(node, username="bob", password="wrong")


@pytest.mark.parametrize(
    ("auth", "kind"),
    [
        ({}, "anonymous"),
        ({"registry_token": "t0ken"}, "anonymous"),
        ({"identity_token": "wrong"}, "oauth"),
        ({"username": "bob", "password": "t0ken"}, "oauth"),
    ],
)
def test_who_has_no_token_gets_none(node: Node, auth: dict[str, str], kind: str) -> None:
    node.cri.registry.host(HOST).require(token="t0ken")
    text = (
        f"failed to authorize: failed to fetch {kind} token: "
        f"unexpected status from GET request to {TOKEN_URL}: 401 Unauthorized"
    )
    with raises_status(UNKNOWN, RESOLVE + text):
        pull(node, **auth)
    pull(node, identity_token="t0ken")


def test_a_host_that_knows_tokens_knows_users_too(node: Node) -> None:
    node.cri.registry.host(HOST).require(token="t0ken").require("bob", "secret")
    pull(node, username="bob", password="secret")


def test_a_login_is_for_its_repositories(node: Node) -> None:
    host = node.cri.registry.host(HOST)
    host.require("bob", "secret", repository="team/*").require("eve", "hidden", repository="eve/*")
    pull(node, f"{HOST}/open/app")
    with raises_status(UNKNOWN):
        pull(node, username="eve", password="hidden")
    pull(node, username="bob", password="secret")


def test_docker_hub_has_a_token_server_of_its_own(node: Node) -> None:
    node.cri.registry.host("docker.io").require(token="t0ken")
    url = (
        "https://auth.docker.io/token?scope=repository%3Alibrary%2Fbusybox%3Apull"
        "&service=registry.docker.io"
    )
    with raises_status(
        UNKNOWN,
        'failed to pull and unpack image "docker.io/library/busybox:latest": failed to resolve '
        "image: failed to authorize: failed to fetch anonymous token: unexpected status from GET "
        f"request to {url}: 401 Unauthorized",
    ):
        pull(node, "busybox")
