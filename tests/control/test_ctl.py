"""`fakecri ctl`, end to end: each command is a process."""

import json
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fakecri.cli import main
from tests.control.processes import ServedProcess, fakecri, serving
from tests.control.served import Controlled, dialled


@pytest.fixture(scope="module")
def process() -> Iterator[ServedProcess]:
    with serving("--pace", "manual", "--logs", "memory") as each:
        yield each


def ctl(served: Controlled, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    """Run it in this process; return the exit status, and what it printed, wherever."""
    status = main(["ctl", "--control", served.control_endpoint, *words])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


def test_a_process_controls_another(process: ServedProcess) -> None:
    done = process.ctl("faults", "add", 'StopContainer = 1* error(UNAVAILABLE, "gone")')
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "ID  FIRED  HITS  TEXT",
        'r1  0      0     StopContainer = 1* error(UNAVAILABLE, "gone")',
    ]
    unfired = process.ctl("faults", "fired")
    assert unfired.returncode == 1
    assert unfired.stderr.startswith("fakecri: StopContainer = 1* error(UNAVAILABLE,")
    with dialled(process.endpoint) as client:
        container = client.run("echo", "hello")
    assert process.ctl("log", container[:12]).stdout.endswith("stdout F hello\n")
    reading = json.loads(process.ctl("--json", "clock", "advance", "1h30m").stdout)
    assert reading["virtual_ns"] == str(5400 * 10**9)
    assert json.loads(process.ctl("clock", "jump", "-40s", "--json").stdout)["wall"] == (
        "2026-01-01T01:29:20Z"
    )
    with dialled(process.endpoint) as client:
        client.run("sleep", "1000", pod="db")
    assert process.ctl("state", "oom", "db/main").stdout.endswith("container db/main oom\n")
    listed = process.ctl("state", "ls").stdout
    assert "OOMKilled" in listed
    assert listed.startswith("ID")
    lines = process.ctl("record").stdout.splitlines()
    assert json.loads(lines[0])["kind"] == "header"
    assert process.ctl("snapshot").stdout == "s1\n"
    assert process.ctl("reset").returncode == 0
    assert process.ctl("log", container).returncode == 1
    assert process.ctl("restore", "s1").returncode == 0
    assert process.ctl("log", container).stdout.endswith("stdout F hello\n")


def test_who_reads_along_may_have_enough(process: ServedProcess) -> None:
    command = [sys.executable, "-m", "fakecri", "ctl", "--control", process.control]
    with subprocess.Popen(
        [*command, "record", "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stderr is not None
        assert json.loads(reader.stdout.readline())["kind"] == "header"
        reader.send_signal(signal.SIGINT)
        assert (reader.wait(), reader.stderr.read()) == (130, "")
    with subprocess.Popen(
        [*command, "record", "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as reader:
        assert reader.stdout is not None
        assert reader.stderr is not None
        reader.stdout.readline()
        reader.stdout.close()
        with dialled(process.endpoint) as client:
            while reader.poll() is None:
                client.version()
        assert (reader.wait(), reader.stderr.read()) == (0, "")


def test_nobody_there_is_one_line_and_status_2(tmp_path: Path) -> None:
    done = fakecri("ctl", "--control", f"unix://{tmp_path}/none.sock", "clock", "now")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("fakecri: ")
    assert done.stderr.count("\n") == 1


def test_the_environment_says_where_it_is(
    served: Controlled, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKECRI_CONTROL", served.control_endpoint)
    assert main(["ctl", "clock", "now"]) == 0
    assert "2026-01-01T00:00:00Z" in capsys.readouterr().out
    monkeypatch.delenv("FAKECRI_CONTROL")
    assert main(["ctl", "clock", "now"]) == 2
    assert "FAKECRI_CONTROL" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        ("clock now", "pace        manual\n"),
        ("clock advance 10m", "virtual_ns  600000000000\n"),
        ("clock jump -40s", "2025-12-31T23:59:20Z\n"),
        ("clock set 2038-01-19T03:14:07Z", "2038-01-19T03:14:07Z\n"),
        ("clock freeze", "frozen      yes\n"),
        ("clock thaw", "frozen      no\n"),
        ("clock pace autojump", "pace        autojump\n"),
        ("clock rate 0", "rate        0.0\n"),
        ("clock hold", "h1\n"),
        ("clock release --all", "holds       0\n"),
        ("clock stamps 0", "stamps      0\n"),
        ("clock stamps -1h", "stamps      -1h\n"),
        ("clock stamps", "stamps      -\n"),
        ("faults ls", ""),
        ("faults on broken", ""),
        ("faults off broken", ""),
        ("faults reset", ""),
        ("faults rm --all", ""),
        ("session ls", "NAME  ENDPOINT"),
        ("session new b --seed 7 --pace manual --rule Version=hang", "b     unix://"),
        ("session new b --personality containerd-1.6", "b     unix://"),
        ("session new b --api-level 1.24", "b     unix://"),
        ("gate ls", ""),
        ("state ls", ""),
        ("state disk fill --after 5s", "x1  no    after 5s disk fill\n"),
        ("state ips exhaust leave=1", "x1  yes   ips exhaust leave=1\n"),
        ("state condition NetworkReady false 'reason=no net'", "reason="),
        ("state strike 'disk clear'", "disk clear"),
        ("runtime restart keep=unknown --at 1m", "x1  no    at 1m runtime restart keep=unknown"),
        ("node reboot", "x1  yes   node reboot\n"),
        ("image add registry.test/a registry.test/b", ""),
        ("image registry registry.test=rate=5MiB", ""),
        ("behave add 'pod=web : exit/3/5s'", "b1\n"),
        ("count", "calls           0\n"),
        ("count Version Status", "max_concurrent  0\n"),
        ("record", '{"contract"'),
        ("snapshot", "s1\n"),
        ("reset", "2           -\n"),
    ],
)
def test_each_verb_says_what_has_become_of_it(
    served: Controlled, capsys: pytest.CaptureFixture[str], words: str, printed: str
) -> None:
    status, said = ctl(served, capsys, *shlex.split(words))
    assert status == 0, said
    assert printed in said


def test_sessions_are_chosen_by_name(
    served: Controlled, capsys: pytest.CaptureFixture[str]
) -> None:
    ctl(served, capsys, "session", "new", "b", "--pace", "manual")
    assert ctl(served, capsys, "--session", "b", "clock", "advance", "1h")[0] == 0
    assert "virtual_ns  0" in ctl(served, capsys, "clock", "now")[1]
    assert "virtual_ns  3600000000000" in ctl(served, capsys, "clock", "now", "--session", "b")[1]
    assert ctl(served, capsys, "session", "close", "b") == (0, "")
    assert ctl(served, capsys, "--session", "b", "clock", "now") == (
        1,
        "fakecri: there is no session 'b'\n",
    )


@pytest.mark.parametrize(
    ("words", "status", "text"),
    [
        ("clock advance soon", 2, "'soon' is no span of time"),
        ("faults add Version", 2, "column 8"),
        ("faults rm r9", 1, "there is no rule 'r9' in force"),
        ("faults rm", 2, "neither ids of rules nor all of them"),
        ("clock release h9", 1, "there is no hold 'h9'"),
        ("log none", 1, 'container "none"'),
        ("restore s9", 1, "there is no snapshot 's9'"),
        ("state exit none 3", 1, 'there is no container "none"'),
        ("state strike nothing", 2, "column 1"),
        ("state cancel x9", 1, "there is no state fault 'x9'"),
        ("gate release door", 1, "a gate 'door'"),
        ("gate wait door --timeout 0.1", 1, "Deadline"),
        ("session close", 2, "NAME"),
        ("session new --pace fast", 2, "'fast' is not a pace"),
        ("session new --personality docker", 2, "'docker' is no personality"),
        ("session new --api-level 1.19", 2, "'1.19' is no API level"),
        ("clock", 2, "VERB"),
        ("clock stop", 2, "invalid choice"),
        ("", 2, "WHAT"),
    ],
)
def test_what_goes_wrong_is_one_line(
    served: Controlled, capsys: pytest.CaptureFixture[str], words: str, status: int, text: str
) -> None:
    answer = ctl(served, capsys, *shlex.split(words))
    assert answer[0] == status
    assert text in answer[1]
    assert answer[1].startswith("fakecri: ")
    assert answer[1].count("\n") == 1


def test_answers_may_be_json(served: Controlled, capsys: pytest.CaptureFixture[str]) -> None:
    _, said = ctl(served, capsys, "--json", "session", "ls")
    (session,) = json.loads(said)["sessions"]
    assert (session["name"], session["generation"]) == ("", "1")
