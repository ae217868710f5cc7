"""Reports of runs: as JSON, as text, as a page; and the commands that tell of scenarios."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from fakecri import CRI, cli
from fakecri.scenarios import find, names
from fakecri.scenarios.files import CANNOT_RUN, NOT_REPRODUCED, REPRODUCED, Live
from fakecri.scenarios.pages import render
from fakecri.scenarios.reports import EventReport, RuleReport, begun
from tests.kubelet.standin import TELLS_ITS_VERSION, write_program
from tests.scenarios.stories import LIVE, STORY, report


def test_a_report_as_json_has_all() -> None:
    result = report("arm Version = off\nsee restarts web/app >= 3\nrecovers restarts web/app >= 4")
    told = json.loads(result.as_json())
    assert told["outcome"] == told["expected"] == REPRODUCED
    assert told["as_expected"] is True
    assert (told["seed"], told["settings"]) == (5, {"syncFrequency": "5s"})
    assert told["recovered_s"] == 3.0
    assert told["took_s"] == 4.0
    armed, seen, _ = told["steps"]
    assert (armed["injects"], armed["result"], armed["at_s"]) == (True, "done", 0.0)
    assert (seen["injects"], seen["result"], seen["after_s"]) == (False, "seen", 2.0)
    assert seen["told"] == "restarts web/app: 3"


@pytest.mark.parametrize(
    ("steps", "status", "lines"),
    [
        ("see restarts web/app", 0, ["story on kubelet v1.36.3: reproduced", "  took 1.0 s"]),
        (
            "see not restarts web/app >= 0 within 2s",
            1,
            [
                "story on kubelet v1.36.3: not reproduced",
                "  its file says: reproduced",
                "  took 2.0 s",
            ],
        ),
        (
            "until restarts web/app > 9 within 2s\nsee exited",
            1,
            [
                "story on kubelet v1.36.3: inconclusive",
                "  line 1, until restarts web/app > 9 within 2s: restarts web/app: 2",
                "  its file says: reproduced",
                "  took 2.0 s",
            ],
        ),
        (
            "see restarts web/app\nrecovers restarts web/app > 9 within 2s",
            1,
            ["story on kubelet v1.36.3: reproduced", "  it did not recover", "  took 3.0 s"],
        ),
    ],
)
def test_a_report_as_text_says_what_came_of_it(steps: str, status: int, lines: list[str]) -> None:
    result = report(steps)
    assert list(result.lines()) == lines
    assert result.exit_status == status


def test_a_bug_that_is_not_there_is_as_expected_where_the_file_says_so() -> None:
    live = replace(LIVE, outcome={"1.36": NOT_REPRODUCED})
    result = report("see restarts web/app > 9 within 1s\ninstead restarts web/app", live)
    assert (result.outcome, result.exit_status) == (NOT_REPRODUCED, 0)


def test_what_cannot_run_says_why() -> None:
    live = Live("x", cannot_run="it needs an API server")
    result = begun(STORY, live, "v1.36.3", 0)
    assert (result.outcome, result.exit_status) == (CANNOT_RUN, 3)
    assert list(result.lines())[1] == "  it needs an API server"


def test_the_page_has_all_of_a_report_and_escapes_it() -> None:
    sink = io.StringIO()
    with CRI(record=sink):
        pass
    result = report("arm Version = off\nsee restarts web/app >= 3")
    result.rules = [RuleReport("Version = <off>", 3)]
    result.kubelet_events = [
        EventReport(1.0, 9.0, 4, "web-node", "app", "Warning", "BackOff", "Back-off <app>")
    ]
    result.calls = {"Version": {"count": 12, "failed": 3}}
    page = render(result, sink.getvalue().encode())
    assert "<title>story on kubelet v1.36.3</title>" in page
    for text in (
        "it &lt;breaks&gt;",
        "Version = &lt;off&gt;",
        "Back-off &lt;app&gt;",
        "4, until 9.0 s",
        "web-node/app",
        "syncFrequency: 5s",
        "<code>see restarts web/app &gt;= 3</code>",
        "<b>seen</b> restarts web/app: 3",
    ):
        assert text in page
    assert page.count("<iframe") == 1


def test_the_scenarios_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenario", "ls"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(names())
    assert any("probe-runtime-error" in line and "1.36 reproduced" in line for line in lines)
    assert cli.main(["scenario", "ls", "--json"]) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["probe-runtime-error"]["outcome"]["1.36"] == REPRODUCED


def test_the_file_of_a_scenario_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["scenario", "show", "probe-runtime-error"]) == 0
    assert capsys.readouterr().out.startswith(f"number = {find('probe-runtime-error').number}\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["show", "probe-runtime-eror"], "did you mean probe-runtime-error?"),
        (["run", "probe-runtime-error"], "--kubelet"),
        (["run", "probe-runtime-error", "--kubelet", "/bin/true"], "/bin/true is no kubelet"),
        (["run", "/no/such.toml", "--kubelet", "/bin/true"], "No such file"),
    ],
)
def test_a_mistake_is_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["scenario", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("fakecri: ")
    assert told in line


@pytest.mark.parametrize("option", ["--report={}", "--report={}/x", "--record={}/x", "--record=/"])
def test_what_cannot_be_written_is_refused_before_the_run(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kubelet = write_program(tmp_path / "kubelet", TELLS_ITS_VERSION, "exit 1")
    arguments = ["probe-runtime-error", "--kubelet", str(kubelet), option.format(kubelet)]
    assert cli.main(["scenario", "run", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"fakecri: {'/' if option == '--record=/' else kubelet}")


def test_a_scenario_that_cannot_run_is_told_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kubelet = write_program(tmp_path / "kubelet", TELLS_ITS_VERSION)
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'number = 1\nclasses = []\nthreads = []\nabout = ""\n'
        '[live]\nexpect = "x"\ncannot_run = "it needs an API server"\n'
    )
    assert cli.main(["scenario", "run", str(mine), "--kubelet", str(kubelet)]) == 3
    assert capsys.readouterr().out == (
        "mine on kubelet v1.36.3: cannot run\n  it needs an API server\n  took 0.0 s\n"
    )
