"""crictl on images: pull, images, inspecti, rmi, imagefsinfo."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.real.runtimes import BUSYBOX, REAL, Difference, Runtime, Stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.crictl import Crictl

pytestmark = pytest.mark.real

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SECOND = "docker.io/library/second:1"
THIRD = "docker.io/library/third:1"
UP_TO_DATE = "Image is up to date for "


@pytest.fixture
def second(crictl: Crictl) -> Iterator[dict[str, Any]]:
    """The status of an image that is there for one test."""
    crictl.ok("pull", SECOND)
    yield crictl.ok("inspecti", SECOND).json["status"]
    if crictl.run("inspecti", SECOND).status == 0:
        crictl.ok("rmi", SECOND)


@pytest.fixture
def busybox_again(crictl: Crictl) -> Iterator[None]:
    """Fetches busybox for those that come after."""
    yield
    crictl.ok("pull", BUSYBOX)


def test_pull_prints_the_id_of_the_image(crictl: Crictl, second: dict[str, Any]) -> None:
    answer = crictl.ok("pull", SECOND)
    assert answer.out == f"{UP_TO_DATE}{second['id']}\n"
    assert DIGEST.fullmatch(second["id"])


@pytest.mark.parametrize("name", ["second:1", "library/second:1", "docker.io/second:1"])
def test_pull_of_a_short_name_finds_the_same_image(
    crictl: Crictl, second: dict[str, Any], name: str
) -> None:
    assert crictl.ok("pull", name).out == f"{UP_TO_DATE}{second['id']}\n"
    assert crictl.ok("inspecti", name).json["status"] == second


def test_pull_from_a_registry_with_a_port(runtime: Runtime) -> None:
    name = f"{runtime.registry}/library/third:1"
    printed = runtime.crictl.ok("pull", name).out
    status = runtime.crictl.ok("inspecti", name).json["status"]
    assert printed == f"{UP_TO_DATE}{status['id']}\n"
    assert status["repoTags"] == [name]
    assert runtime.crictl.ok("rmi", name).out == f"Deleted: {name}\n"


def test_pull_by_digest_leaves_no_tag(crictl: Crictl, second: dict[str, Any]) -> None:
    (digest,) = second["repoDigests"]
    crictl.ok("rmi", SECOND)
    crictl.ok("pull", digest)
    status = crictl.ok("inspecti", digest).json["status"]
    assert (status["repoTags"], status["repoDigests"]) == ([], [digest])
    assert crictl.ok("rmi", digest).out == f"Deleted: {digest}\n"


# 1.6 has another prefix for what it resolves, and shorter texts for statuses.
RESOLVING = Difference(
    real="failed to resolve reference", fake="failed to resolve image", why="2.x has a service"
)
STATUS = Difference(
    real="failed with status code [manifests 1]: ",
    fake="unexpected status from HEAD request to https://registry-1.docker.io/v2/fails/",
    why="2.x says which request it was",
)
OPEN = "failed to copy: httpReadSeeker: failed open: "
GET_STATUS = Difference(
    real=f"{OPEN}unexpected status code ",
    fake=f"{OPEN}unexpected status from GET request to ",
    why="2.x says which request it was",
)
SHORT = Difference(
    real="failed to read expected number of bytes: unexpected EOF",
    fake="short read: expected ",
    why="2.x counts",
)


@pytest.mark.parametrize(
    ("failure", "code", "parts"),
    [
        ("403", "Unknown", (RESOLVING, STATUS, "403 Forbidden")),
        ("429", "Unknown", (RESOLVING, STATUS, "429 Too Many Requests")),
        ("503", "Unknown", (RESOLVING, STATUS, "503 Service Unavailable")),
        (
            "layer-404",
            "NotFound",
            (
                f"{OPEN}could not fetch content descriptor sha256:",
                " (application/vnd.oci.image.layer.v1.tar+gzip) from remote: not found",
            ),
        ),
        ("layer-503", "Unknown", (GET_STATUS, "503 Service Unavailable")),
        (
            "layer-digest",
            "FailedPrecondition",
            (
                'failed commit on ref \\"layer-sha256:',
                ": unexpected commit digest sha256:",
                ", expected sha256:",
                ": failed precondition",
            ),
        ),
        ("layer-eof", "Unknown", (SHORT, "unexpected EOF")),
    ],
)
def test_pull_from_a_registry_that_fails(
    runtime: Runtime, failure: str, code: str, parts: tuple[str | Difference[str], ...]
) -> None:
    name = f"docker.io/fails/{failure}:1"
    answer = runtime.crictl.run("pull", name)
    assert answer.status == 1
    assert f"code = {code} desc = failed to pull and unpack image" in answer.err
    at = 0
    for part in parts:
        text = part if isinstance(part, str) else runtime.expects(part)
        assert text in answer.err[at:], answer.err
        at = answer.err.index(text, at)
    assert runtime.crictl.run("inspecti", name).status != 0


def test_pull_of_what_no_registry_has(runtime: Runtime) -> None:
    answer = runtime.crictl.run("pull", "not-there:1")
    if runtime.name != REAL:  # every well-formed reference can be pulled there
        assert answer.status == 0
        runtime.crictl.ok("rmi", "not-there:1")
        return
    name = "docker.io/library/not-there:1"
    assert answer.error == (
        "pulling image: rpc error: code = NotFound desc = "
        f'failed to pull and unpack image "{name}": '
        f'failed to resolve reference "{name}": {name}: not found'
    )


def test_pull_of_a_malformed_reference_fails(crictl: Crictl) -> None:
    answer = crictl.run("pull", "a b")
    text = 'pulling image: failed to parse image reference "a b": invalid reference format'
    assert answer.error == text
    assert "code = Unknown desc = failed to parse image reference" in answer.err


def test_images_prints_a_table(crictl: Crictl, second: dict[str, Any]) -> None:
    row = _row(crictl, second["id"])
    assert re.fullmatch(r"[\d.]+[kM]?B", row.pop("SIZE"))
    assert row == {
        "IMAGE": "docker.io/library/second",
        "TAG": "1",
        "IMAGE ID": second["id"].removeprefix("sha256:")[:13],
    }


def test_images_prints_digests_and_pins_when_asked(crictl: Crictl, second: dict[str, Any]) -> None:
    row = _row(crictl, second["id"], "--digests", "--pinned")
    (digest,) = second["repoDigests"]
    assert row["DIGEST"] == digest.partition("sha256:")[2][:13]
    assert row["PINNED"] == "false"
    whole = crictl.ok("images", "--no-trunc").table
    assert second["id"] in {row["IMAGE ID"] for row in whole}


def test_images_prints_json(crictl: Crictl, second: dict[str, Any]) -> None:
    images = crictl.ok("images", "--output", "json").json["images"]
    (image,) = (image for image in images if image["id"] == second["id"])
    assert int(image.pop("size")) > 0
    (digest,) = image.pop("repoDigests")
    assert re.fullmatch(rf"docker\.io/library/second@{DIGEST.pattern}", digest)
    assert image == {
        "id": second["id"],
        "repoTags": [SECOND],
        "username": "",
        "pinned": False,
    }


def test_images_prints_ids_yaml_and_verbose_text(crictl: Crictl, second: dict[str, Any]) -> None:
    assert second["id"] in crictl.ok("images", "--quiet").out.split()
    assert f"- id: {second['id']}\n" in crictl.ok("images", "--output", "yaml").out
    text = crictl.ok("images", "--verbose").out
    assert (
        f"ID: {second['id']}\nRepoTags: {SECOND}\nRepoDigests: {second['repoDigests'][0]}\n" in text
    )


def test_images_filters_by_reference(crictl: Crictl, second: dict[str, Any]) -> None:
    found = crictl.ok("images", "--quiet", "--filter", "reference=library/second").out.split()
    assert found == [second["id"]]
    assert crictl.ok("images", "--quiet", "--filter", "reference=nothing-like-it").out == ""


def test_images_by_name_lists_everything(crictl: Crictl, second: dict[str, Any]) -> None:
    """Containerd ignores the filter of ListImages."""
    assert second["id"] in crictl.ok("images", "--quiet", "busybox").out.split()


def test_inspecti_prints_the_status(crictl: Crictl, second: dict[str, Any]) -> None:
    answer = crictl.ok("inspecti", SECOND).json
    assert set(answer) == {"info", "status"}
    assert set(answer["info"]) == {"chainID", "imageSpec"}
    assert answer["info"]["imageSpec"]["os"] == "linux"
    status = answer["status"]
    assert int(status.pop("size")) > 0
    assert status.pop("repoDigests")[0].startswith("docker.io/library/second@sha256:")
    assert status == {"id": second["id"], "repoTags": [SECOND], "username": "", "pinned": False}


def test_inspecti_takes_ids_prefixes_and_digests(crictl: Crictl, second: dict[str, Any]) -> None:
    hexadecimal = second["id"].removeprefix("sha256:")
    for name in (
        second["id"],
        hexadecimal[:20],
        f"sha256:{hexadecimal[:20]}",
        *second["repoDigests"],
    ):
        assert crictl.ok("inspecti", name).json["status"] == second


def test_inspecti_prints_other_formats(crictl: Crictl, second: dict[str, Any]) -> None:
    text = crictl.ok("inspecti", "--output", "table", SECOND).out
    assert text.startswith(
        f"ID: {second['id']}\nTag: {SECOND}\nDigest: {second['repoDigests'][0]}\nSize: "
    )
    template = "{{.status.id}}"
    answer = crictl.ok("inspecti", "--output", "go-template", "--template", template, SECOND)
    assert answer.out == f"{second['id']}\n"
    assert set(crictl.ok("inspecti", "--quiet", SECOND).json) == {"status"}


@pytest.mark.parametrize("name", ["not-there:1", "a b", "deadbeefdeadbeef"])
def test_inspecti_of_an_absent_image_fails(crictl: Crictl, name: str) -> None:
    assert crictl.fails("inspecti", name) == f'no such image "{name}" present'


def test_rmi_removes_an_image_by_tag_id_or_prefix(crictl: Crictl) -> None:
    for cut in (None, slice(None), slice(7, 20)):
        crictl.ok("pull", THIRD)
        known = crictl.ok("inspecti", THIRD).json["status"]["id"]
        assert crictl.ok("rmi", THIRD if cut is None else known[cut]).out == f"Deleted: {THIRD}\n"
        assert known not in crictl.ok("images", "--quiet").out.split()


def test_rmi_of_an_absent_image_fails(crictl: Crictl) -> None:
    assert crictl.fails("rmi", "not-there:1") == "no such image not-there:1"


def test_rmi_of_an_image_in_use_leaves_its_container_running(stage: Stage) -> None:
    crictl = stage.runtime.crictl
    pod = stage.pod()
    crictl.ok("pull", THIRD)
    image_id = crictl.ok("inspecti", THIRD).json["status"]["id"]
    running = pod.start("main", "sleep", "300", image={"image": THIRD})
    crictl.ok("rmi", THIRD)
    status = pod.status(running)
    assert status["state"] == "CONTAINER_RUNNING"
    assert (status["image"]["image"], status["imageRef"]) == (THIRD, image_id)
    assert crictl.ok("exec", "--sync", running, "hostname").out.strip() == "stage"


def test_rmi_prune_spares_images_in_use(stage: Stage, busybox_again: None) -> None:
    crictl = stage.runtime.crictl
    pod = stage.pod()
    pod.create("main", "true")
    crictl.ok("pull", THIRD)
    assert f"Deleted: {THIRD}\n" in crictl.ok("rmi", "--prune").out
    assert crictl.run("inspecti", BUSYBOX).status == 0
    assert crictl.run("inspecti", THIRD).status == 1


def test_rmi_all_removes_every_image(crictl: Crictl, busybox_again: None) -> None:
    crictl.ok("pull", THIRD)
    crictl.ok("rmi", "--all")
    assert crictl.ok("images", "--output", "json").json == {"images": []}
    assert "No images to remove" in crictl.ok("rmi", "--all").err


def test_two_tags_of_one_image_are_one_image(runtime: Runtime) -> None:
    crictl = runtime.crictl
    if runtime.name == REAL:  # the fake cannot know that two names mean the same bytes
        crictl.ok("pull", "busybox:stable")
        status = crictl.ok("inspecti", BUSYBOX).json["status"]
        assert status["repoTags"] == [BUSYBOX, BUSYBOX.replace("latest", "stable")]
        assert len(status["repoDigests"]) == 1


def test_imagefsinfo_prints_json_and_a_table(crictl: Crictl) -> None:
    status = crictl.ok("imagefsinfo").json["status"]
    (usage,) = status["imageFilesystems"]
    assert status["containerFilesystems"] == []
    assert usage["fsId"]["mountpoint"].startswith("/")
    assert int(usage["timestamp"]) > 0
    assert int(usage["usedBytes"]["value"]) >= 0
    assert int(usage["inodesUsed"]["value"]) >= 0
    lines = crictl.ok("imagefsinfo", "--output", "table").out.splitlines()
    assert lines[:2] == ["Container Filesystem ", "Image Filesystem "]
    assert lines[-1] == f"Mountpoint[0]: {usage['fsId']['mountpoint']}"


def _row(crictl: Crictl, image_id: str, *columns: str) -> dict[str, str]:
    short = image_id.removeprefix("sha256:")[:13]
    (row,) = (row for row in crictl.ok("images", *columns).table if row["IMAGE ID"] == short)
    return row
