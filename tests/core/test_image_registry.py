"""The registry in memory, and the contents it serves."""

import hashlib
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.image_registry import (
    INDEX_BYTES,
    ImageNotFound,
    Registry,
    RegistryUnreachable,
    Resolution,
    build_content,
    uid_and_username,
)
from fakecri.core.known_images import Recipe
from fakecri.core.references import InvalidReference, parse_reference

SOME_DIGEST = "sha256:7cc4b5aefd1d0cadf8d97d4350462ba51c694ebca145b08d7d41b41acc8db5aa"
MIB = 1 << 20


def resolve(text: str, registry: Registry | None = None) -> Resolution:
    return (registry or Registry()).resolve(parse_reference(text))


def sha256(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


@pytest.mark.parametrize(
    ("user", "uid", "username"),
    [
        ("1002", 1002, ""),
        ("www-data", None, "www-data"),
        ("1003:users", 1003, ""),
        ("www-data:100", None, "www-data"),
        (":100", None, ""),
        ("", None, ""),
        ("-5", -5, ""),
        ("+5", 5, ""),
        ("99999999999999999999", None, "99999999999999999999"),
        ("9223372036854775807", 2**63 - 1, ""),
        ("-9223372036854775808", -(2**63), ""),
        ("9223372036854775808", None, "9223372036854775808"),
        ("0" * 30 + "7", 7, ""),
        ("9" * 5000, None, "9" * 5000),
        ("1_000", None, "1_000"),
        (" 7", None, " 7"),
        ("\N{ARABIC-INDIC DIGIT SEVEN}", None, "\N{ARABIC-INDIC DIGIT SEVEN}"),
    ],
)
def test_an_image_user_is_a_uid_or_a_name(user: str, uid: int | None, username: str) -> None:
    assert uid_and_username(user) == (uid, username)


def test_an_unknown_image_is_made_up_and_runs_a_program_of_its_name() -> None:
    image = resolve("quay.io/team/app:v1").content
    assert image.recipe.argv == ("/app",)
    assert image.recipe.user == ""
    assert image.userland.has("/app")
    assert image.userland.has("/bin/sh")
    assert 4 * MIB <= image.size_bytes < 96 * MIB


def test_a_made_up_image_is_the_same_in_every_process() -> None:
    script = (
        "from fakecri.core.image_registry import Registry\n"
        "from fakecri.core.references import parse_reference\n"
        "found = Registry().resolve(parse_reference('quay.io/team/app:v1'))\n"
        "print(found.content.id, found.digest, found.size_bytes)\n"
    )
    found = resolve("quay.io/team/app:v1")
    there = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert there.stdout.split() == [found.content.id, found.digest, str(found.size_bytes)]


def test_tags_and_repositories_make_different_images() -> None:
    texts = ("quay.io/a/app:1", "quay.io/a/app:2", "quay.io/b/app:1", "ghcr.io/a/app:1", "busybox")
    assert len({resolve(text).content.id for text in texts}) == len(texts)


@pytest.mark.parametrize(
    "text",
    ["quay.io/team/app:v1", "nginx:alpine", "registry.k8s.io/pause:3.9", "busybox", "debian:12"],
)
def test_a_pull_by_digest_gets_what_the_tag_got(text: str) -> None:
    registry = Registry()
    by_tag = resolve(text, registry)
    name = parse_reference(text).name
    assert resolve(f"{name}@{by_tag.digest}", registry) == by_tag
    by_manifest = resolve(f"{name}@{by_tag.content.manifest_digest}", registry)
    assert by_manifest.content is by_tag.content
    assert by_manifest.digest == by_tag.content.manifest_digest


def test_a_digest_written_down_elsewhere_leads_to_the_same_image() -> None:
    by_tag = resolve("quay.io/team/app:v1")
    by_digest = resolve(f"quay.io/team/app@{by_tag.digest}", Registry())
    assert by_digest == by_tag


def test_any_digest_can_be_pulled_and_is_the_repo_digest() -> None:
    found = resolve(f"quay.io/team/app@{SOME_DIGEST}")
    assert found.digest == SOME_DIGEST
    assert found.content.id != SOME_DIGEST
    assert found == resolve(f"quay.io/team/app@{SOME_DIGEST}")
    assert found.content.recipe.argv == ("/app",)


def test_the_digest_of_a_known_repository_yields_its_kind_of_image() -> None:
    assert resolve(f"nginx@{SOME_DIGEST}").content.recipe.stop_signal == "SIGQUIT"


def test_a_mirror_serves_the_same_image() -> None:
    assert resolve("k8s.gcr.io/etcd:3.5") == resolve("registry.k8s.io/etcd:3.5")


def test_a_strict_registry_knows_what_was_added() -> None:
    registry = Registry(strict=True)
    added = registry.add("quay.io/team/app:v1")
    assert resolve("quay.io/team/app:v1", registry) == added


@pytest.mark.parametrize(
    "text",
    ["quay.io/team/app:v2", "quay.io/team/other", f"quay.io/team/app@{SOME_DIGEST}", "busybox"],
)
def test_a_strict_registry_has_nothing_else(text: str) -> None:
    registry = Registry(strict=True)
    registry.add("quay.io/team/app:v1")
    with pytest.raises(ImageNotFound) as refusal:
        resolve(text, registry)
    assert str(refusal.value) == str(parse_reference(text))


def test_a_strict_registry_serves_the_digest_of_a_tag() -> None:
    registry = Registry(strict=True)
    added = registry.add("quay.io/team/app:v1")
    assert resolve(f"quay.io/team/app@{added.digest}", registry) == added
    with pytest.raises(ImageNotFound):
        resolve(f"quay.io/team/other@{added.digest}", registry)


def test_nothing_listens_on_localhost_unless_it_was_added() -> None:
    registry = Registry()
    with pytest.raises(RegistryUnreachable) as refusal:
        resolve("localhost/wrong", registry)
    assert str(refusal.value) == (
        'failed to do request: Head "https://localhost/v2/wrong/manifests/latest":'
        " dial tcp 127.0.0.1:443: connect: connection refused"
    )
    registry.add("localhost/wrong")
    assert resolve("localhost/wrong", registry).content.recipe.argv == ("/wrong",)
    assert resolve("localhost:5000/app", registry).content.recipe.argv == ("/app",)


def test_an_added_image_has_what_its_recipe_says() -> None:
    recipe = Recipe(
        entrypoint=("/app", "--serve"),
        cmd=("--verbose",),
        env=("A=1",),
        user="1001:1001",
        working_dir="/srv",
        stop_signal="SIGINT",
        labels={"version": "7", "built-by": "<us>"},
        exposed_ports=("8080/tcp", "53/udp"),
        volumes=("/data",),
    )
    content = Registry().add("quay.io/team/app:v1", recipe).content
    assert json.loads(content.config_json)["config"] == {
        "User": "1001:1001",
        "ExposedPorts": {"53/udp": {}, "8080/tcp": {}},
        "Env": ["A=1"],
        "Entrypoint": ["/app", "--serve"],
        "Cmd": ["--verbose"],
        "Volumes": {"/data": {}},
        "WorkingDir": "/srv",
        "Labels": {"built-by": "<us>", "version": "7"},
        "StopSignal": "SIGINT",
    }
    assert b"\\u003cus\\u003e" in content.config_json
    assert content.uid == 1001


def test_an_image_added_without_a_recipe_is_what_a_pull_would_have_got() -> None:
    registry = Registry(strict=True)
    assert registry.add("nginx:mine").content.recipe.stop_signal == "SIGQUIT"
    assert registry.add("quay.io/team/app").content.recipe.argv == ("/app",)


def test_an_added_image_may_be_added_by_digest() -> None:
    registry = Registry(strict=True)
    added = registry.add(f"quay.io/team/app@{SOME_DIGEST}")
    assert added.digest == SOME_DIGEST
    assert resolve(f"quay.io/team/app@{SOME_DIGEST}", registry) == added


def test_a_malformed_reference_cannot_be_added() -> None:
    with pytest.raises(InvalidReference):
        Registry().add("Not Good")


def test_a_tag_moves_and_its_old_digest_stays() -> None:
    registry = Registry(strict=True)
    before = registry.add("quay.io/team/app:v1", content="monday")
    after = registry.add("quay.io/team/app:v1", content="tuesday")
    assert before.content.id != after.content.id
    assert resolve("quay.io/team/app:v1", registry) == after
    assert resolve(f"quay.io/team/app@{before.digest}", registry) == before


def test_the_same_content_under_two_tags_is_one_image() -> None:
    registry = Registry()
    recipe = Recipe(cmd=("sh",))
    one = registry.add("quay.io/team/app:v1", recipe, content="same")
    other = registry.add("quay.io/team/app:stable", recipe, content="same")
    assert one.content.id == other.content.id
    assert one.digest == other.digest


def test_another_config_is_another_image_on_the_same_layers() -> None:
    registry = Registry()
    one = registry.add("app:v1", Recipe(cmd=("sh",), env=("A=1",)), content="same").content
    other = registry.add("app:v1", Recipe(cmd=("sh",), env=("A=2",)), content="same").content
    assert one.id != other.id
    assert one.chain_ids == other.chain_ids


@pytest.mark.parametrize(
    ("recipe", "path"),
    [
        (Recipe(entrypoint=("/opt/app",)), "/opt/app"),
        (Recipe(cmd=("serve", "--all")), "/usr/local/bin/serve"),
        (Recipe(cmd=("./serve",), working_dir="/srv/"), "/srv/serve"),
        (Recipe(cmd=("bin/serve",)), "/bin/serve"),
        (Recipe(cmd=("sh",)), "/bin/sh"),
        (Recipe(cmd=("sh",), env=()), "/bin/sh"),
        (Recipe(cmd=("nnp",), setuid=("/usr/bin/nnp",)), "/usr/bin/nnp"),
    ],
)
def test_the_program_of_an_image_is_in_it(recipe: Recipe, path: str) -> None:
    below = len(build_content(Recipe(), "seed").userland.executables)
    userland = build_content(recipe, "seed").userland
    assert userland.has(path)
    assert len(userland.executables) <= below + 1


def test_an_image_can_lack_its_program() -> None:
    content = build_content(Recipe(entrypoint=("/app",), executables=()), "seed")
    assert not content.userland.has("/app")


def test_an_image_without_a_command_adds_nothing() -> None:
    assert build_content(Recipe(base="scratch"), "seed").userland.executables == []


def test_ids_and_digests_are_those_of_the_json() -> None:
    content = resolve("nginx").content
    config = json.loads(content.config_json)
    manifest = json.loads(content.manifest_json)
    assert content.id == sha256(content.config_json)
    assert content.manifest_digest == sha256(content.manifest_json)
    assert manifest["config"]["digest"] == content.id
    assert manifest["config"]["size"] == len(content.config_json)
    assert [each["digest"] for each in manifest["layers"]] == [
        each.digest for each in content.layers
    ]
    assert config["rootfs"]["diff_ids"] == [each.diff_id for each in content.layers]
    assert len(config["history"]) == len(content.layers)
    assert list(config) == ["created", "architecture", "os", "config", "rootfs", "history"]


def test_chain_ids_follow_from_the_layers_below() -> None:
    content = resolve("nginx").content
    below, top = content.layers
    assert content.chain_ids == (
        below.diff_id,
        sha256(f"{below.diff_id} {top.diff_id}".encode()),
    )
    assert content.chain_id == content.chain_ids[-1]


def test_images_of_a_base_share_its_layer() -> None:
    assert resolve("nginx").content.layers[0] == resolve("httpd").content.layers[0]
    assert resolve("busybox:1").content.layers != resolve("busybox:2").content.layers


@pytest.mark.parametrize("size_bytes", [5_000, 2 * MIB, 3 * MIB, 700 * MIB])
def test_an_image_is_as_big_as_its_recipe_says(size_bytes: int) -> None:
    added = Registry().add("app", Recipe(size_bytes=size_bytes))
    assert added.size_bytes == size_bytes
    assert all(layer.size_bytes > 0 for layer in added.content.layers)


@given(st.integers(min_value=1, max_value=1 << 40))
def test_a_size_is_met_to_the_byte_or_nearly(size_bytes: int) -> None:
    content = build_content(Recipe(size_bytes=size_bytes), "seed")
    least = len(content.config_json) + len(content.manifest_json) + 1
    assert abs(content.size_bytes - max(size_bytes, least)) <= 1
    assert all(layer.unpacked_bytes > 0 for layer in content.layers)


def test_an_index_counts_when_the_pull_goes_by_it() -> None:
    registry = Registry()
    by_index = resolve("quay.io/team/app:v1", registry)
    by_manifest = resolve(f"quay.io/team/app@{by_index.content.manifest_digest}", registry)
    assert by_index.size_bytes == by_manifest.size_bytes + INDEX_BYTES
    assert by_manifest.size_bytes == by_manifest.content.size_bytes
