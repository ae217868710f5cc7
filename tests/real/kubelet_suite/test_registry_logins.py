"""Logins to registries that a kubelet has of its own: from a file and from a plugin.

Secrets of pods are objects of an API server, so that a static pod cannot have any.
"""

from __future__ import annotations

import json
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.real.kubelet_suite.manifests import await_running, pod

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

BY_FILE = "file.logins.test/team/app:1"
BY_PLUGIN = "plugin.logins.test/app:1"
CLOSED = "closed.logins.test/app:1"
PRESENT = "present.logins.test/app:1"

RESPONSE = {
    "kind": "CredentialProviderResponse",
    "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
    "cacheKeyType": "Registry",
    "auth": {"plugin.logins.test": {"username": "eve", "password": "word"}},
}
PROVIDERS = {
    "kind": "CredentialProviderConfig",
    "apiVersion": "kubelet.config.k8s.io/v1",
    "providers": [
        {
            "name": "plugin",
            "apiVersion": "credentialprovider.kubelet.k8s.io/v1",
            "matchImages": ["plugin.logins.test"],
            "defaultCacheDuration": "1m",
        }
    ],
}


@pytest.fixture(scope="module")
def node(
    fresh_node: Callable[..., AbstractContextManager[KubeletNode]],
) -> Iterator[KubeletNode]:
    """A node of its own, since logins are settings, with all pods of this module."""
    with tempfile.TemporaryDirectory(prefix="fcri-") as directory:
        place = Path(directory)
        settings = {"imagePullCredentialsVerificationPolicy": "AlwaysVerify"}
        with fresh_node(settings=settings, flags=flags_for_plugin(place)) as node:
            # It is read when it is needed first.
            login = {"auth": b64encode(b"bob:secret").decode()}
            config = node.kubelet.places.root / "config.json"
            config.write_text(json.dumps({"auths": {"file.logins.test": login}}))
            node.cri.registry.host("file.logins.test").require("bob", "secret")
            node.cri.registry.host("plugin.logins.test").require("eve", "word")
            node.cri.registry.host("closed.logins.test").require("nobody", "knows")
            node.cri.image_service.pull_image(pb.ImageSpec(image=PRESENT))
            node.put_all(
                [
                    app("by-file", BY_FILE),
                    app("by-plugin", BY_PLUGIN),
                    app("closed", CLOSED),
                    app("present", PRESENT, imagePullPolicy="Never"),
                    with_secret(),
                ]
            )
            yield node


def flags_for_plugin(place: Path) -> list[str]:
    programs = place / "programs"
    programs.mkdir()
    plugin = programs / "plugin"
    plugin.write_text(f"#!/bin/sh\ncat > {place}/question\ncat {place}/answer\n")
    plugin.chmod(0o755)
    (place / "answer").write_text(json.dumps(RESPONSE))
    (place / "providers.json").write_text(json.dumps(PROVIDERS))
    return [
        f"--image-credential-provider-config={place}/providers.json",
        f"--image-credential-provider-bin-dir={programs}",
    ]


def app(name: str, image: str, **fields: Any) -> dict[str, Any]:
    return pod(name, {"name": "main", "image": image, **fields})


def with_secret() -> dict[str, Any]:
    manifest = app("with-secret", CLOSED)
    manifest["spec"]["imagePullSecrets"] = [{"name": "secret"}]
    return manifest


def auth_of(node: KubeletNode, name: str) -> pb.AuthConfig:
    first, *_ = node.cri.history.select("PullImage", pod=f"{name}-{node.kubelet.name}")
    auth: pb.AuthConfig = first.request.auth
    return auth


@pytest.mark.parametrize(
    ("name", "user", "password"),
    [("by-file", "bob", "secret"), ("by-plugin", "eve", "word")],
)
def test_an_image_is_pulled_with_a_login_of_the_node(
    node: KubeletNode, name: str, user: str, password: str
) -> None:
    await_running(node, name)
    auth = auth_of(node, name)
    assert (auth.username, auth.password) == (user, password)


def test_who_has_no_login_is_sent_away(node: KubeletNode) -> None:
    node.until(lambda: node.kubelet.events("Failed", pod="closed"), "the pull to fail")
    assert auth_of(node, "closed") == pb.AuthConfig()
    message = node.kubelet.events("Failed", pod="closed")[0].message
    assert message.startswith(f'Failed to pull image "{CLOSED}": ')
    assert message.endswith("authorization failed: no basic auth credentials")


def test_an_image_that_nobody_has_shown_a_login_for_is_not_there_for_never(
    node: KubeletNode,
) -> None:
    node.until(
        lambda: node.kubelet.events("ErrImageNeverPull", pod="present"), "the pod to be refused"
    )
    node.cri.history.never("PullImage", pod="present-*")
    node.cri.history.count("ImageStatus", image=PRESENT)


def test_a_static_pod_with_a_secret_is_refused(node: KubeletNode) -> None:
    node.until(
        lambda: node.kubelet.lines("static pods may not reference secrets"), "it to be refused"
    )
    assert node.kubelet.pod("with-secret") is None
