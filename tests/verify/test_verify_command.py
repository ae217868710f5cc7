"""`fakecri verify`: over sockets, what it finds, and what it says."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecri import cli
from fakecri.verify import parse
from tests.verify.endpoints import endpoint

SEQUENCES = """
[[sequence]]
name = "a-life"
steps = [
  { RunPodSandbox = {}, as = "p" },
  { CreateContainer = { pod_sandbox_id = "<p>", config = { command = ["false"] } }, as = "c" },
  { StartContainer = { container_id = "<c[:12]>" } },
  { wait = { container_id = "<c>" } },
  { ContainerStatus = { container_id = "<c>", verbose = true } },
  { StopPodSandbox = { pod_sandbox_id = "<p>" } },
]

[[sequence]]
name = "an-image"
steps = [{ ImageStatus = { image = { image = "<image>" } } }]
"""


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with endpoint(seed=1) as address:
        yield address


@pytest.fixture
def written(tmp_path: Path) -> str:
    path = tmp_path / "sequences.toml"
    path.write_text(SEQUENCES)
    return str(path)


def verify(reference: str, subject: str, *options: str) -> int:
    return cli.main(["verify", "--reference", reference, "--subject", subject, *options])


def test_two_runtimes_of_one_kind_are_alike(
    reference: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(seed=2) as subject:
        assert verify(reference, subject, "--examples", "20", "--only", "*") == 0
    said = capsys.readouterr().out
    assert re.fullmatch(r"\d+ written and 20 generated sequences: 0 differ\n", said)


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ('StartContainer = error(UNAVAILABLE, "no")', "StartContainer.error"),
        ("ContainerStatus = set(status.exit_code, 4)", "ContainerStatus.status.exit_code"),
        ("ContainerStatus = unset(status.reason)", "ContainerStatus.status.reason"),
        ("ListContainers = omit(container=c)", "ListContainers.containers"),
        ("GetContainerEvents = drop(STOPPED)", "events.c"),
    ],
)
def test_a_fault_is_found(
    rule: str, path: str, reference: str, written: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(rules=[rule]) as subject:
        options = ["--examples", "0", "--sequences", written, "--json"]
        assert verify(reference, subject, *options) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["sequence"] for each in found["findings"]] == ["a-life"]
    paths = [each["path"] for each in found["findings"][0]["differences"]]
    assert any(each.startswith(path) for each in paths), paths


def test_the_smallest_sequence_that_shows_a_fault_is_told_as_one_that_can_be_written(
    reference: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with endpoint(rules=['StopContainer = error(UNAVAILABLE, "no")']) as subject:
        assert verify(reference, subject, "--examples", "100", "--sequences", "/dev/null") == 1
        said = capsys.readouterr().out
        (found,) = parse(said.rpartition("\n\n")[0], "the report")
        assert [each.act for each in found.steps] == ["StopContainer"]
        (tmp_path / "again.toml").write_text(found.text)
        options = ["--examples", "0", "--sequences", f"{tmp_path}/again.toml"]
        assert verify(reference, subject, *options) == 1


def test_the_same_seed_finds_the_same(reference: str, capsys: pytest.CaptureFixture[str]) -> None:
    with endpoint(rules=["ExecSync = set(exit_code, 9)"]) as subject:
        said = []
        for _ in range(2):
            options = ["--seed", "5", "--sequences", "/dev/null"]
            assert verify(reference, subject, *options, "--examples", "100") == 1
            said.append(capsys.readouterr().out)
    assert said[0] == said[1]
