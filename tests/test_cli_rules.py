"""Rules on the command line: where they come from, and what is told of them at the end."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import pytest

from fakecri import cli
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from tests.support import raises_status
from tests.test_cli import serving

FILE = """\
# A runtime that is not up yet.
Status = 1* error(UNAVAILABLE, "file")
    -> off
"""


@pytest.fixture
def directory() -> Iterator[Path]:
    with TemporaryDirectory(prefix="fakecri-") as path:
        yield Path(path)


def test_rules_come_from_the_environment_from_files_and_from_options(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (directory / "a.rules").write_text(FILE)
    record = directory / "calls.jsonl"
    monkeypatch.setenv("FAKECRI_RULES", 'Status = 1* error(UNAVAILABLE, "environment"); ')
    options = ("--rule", 'Status=1*error(UNAVAILABLE,"option")', "--rules", directory / "a.rules")
    with (
        serving(directory / "s", *options, "--record", record) as server,
        connect(server.endpoint) as channel,
    ):
        for text in ("environment", "file", "option"):
            with raises_status(grpc.StatusCode.UNAVAILABLE, text):
                runtime_stub(channel).Status(pb.StatusRequest())
        assert runtime_stub(channel).Status(pb.StatusRequest()).status.conditions
        assert server.stop() == (0, "", "")
    header = json.loads(record.read_text().splitlines()[0])
    assert header["rules"] == [
        'Status = 1* error(UNAVAILABLE, "environment")',
        'Status = 1* error(UNAVAILABLE, "file") -> off',
        'Status = 1* error(UNAVAILABLE, "option")',
    ]


def test_a_strict_server_ends_with_status_1_where_a_rule_has_not_acted(directory: Path) -> None:
    options = ("--strict-rules", "--rule", "Status = error(INTERNAL)", "--rule", "Version = off")
    with serving(directory / "s", *options) as server:
        assert server.stop() == (
            1,
            "",
            "fakecri: Status = error(INTERNAL) never fired: no Status call\n",
        )
    with serving(directory / "s", *options) as server, connect(server.endpoint) as channel:
        with raises_status(grpc.StatusCode.INTERNAL):
            runtime_stub(channel).Status(pb.StatusRequest())
        assert server.stop() == (0, "", "")


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        (
            "--rule",
            "Status = eror(INTERNAL)",
            (
                "--rule Status = eror(INTERNAL): column 10: expected a trigger, a phase or an "
                'action, not "eror"; did you mean error?'
            ),
        ),
        ("--rule", " ", "--rule ' ': there is no rule in it"),
        ("--rules", "{}/no", "--rules {}/no: No such file or directory"),
        ("--rules", "{}", "--rules {}: Is a directory"),
        (
            "--rules",
            "{}/latin",
            "--rules {}/latin: this is no text in UTF-8: unexpected end of data",
        ),
        (
            "--rules",
            "{}/wrong",
            '{}/wrong:3:9: expected a phase or an action, not "ofx"; did you mean off?',
        ),
    ],
)
def test_what_is_no_rule_is_one_line_and_status_2(
    directory: Path, capsys: pytest.CaptureFixture[str], option: str, value: str, why: str
) -> None:
    (directory / "latin").write_bytes(b"# caf\xe9")
    (directory / "wrong").write_text("Status = off\n\n  -> 3* ofx\n")
    arguments = ["serve", "--listen", f"{directory}/s", option, value.replace("{}", str(directory))]
    assert cli.main(arguments) == 2
    assert capsys.readouterr() == ("", f"fakecri: {why.replace('{}', str(directory))}\n")
    assert not (directory / "s").exists()


def test_the_environment_is_named_where_it_is_wrong(
    directory: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKECRI_RULES", "Status = off; Status off")
    assert cli.main(["serve", "--listen", f"{directory}/s"]) == 2
    said = 'fakecri: FAKECRI_RULES: column 22: expected {, = or a comma, not "off"\n'
    assert capsys.readouterr() == ("", said)
