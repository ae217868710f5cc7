"""The recording over the wire."""

import json
import threading
from pathlib import Path

import grpc
import pytest

from fakecri.control import ControlError
from fakecri.errors import Code
from tests.control.served import Controlled, controlled
from tests.support import raises_status


def kinds(served: Controlled, **chosen: bool) -> list[str]:
    return [json.loads(line.json)["kind"] for line in served.control.recording.stream(**chosen)]


def test_the_recording_can_be_read_from_its_start(served: Controlled) -> None:
    served.client.version()
    assert kinds(served) == ["header", "call", "reply"]
    assert kinds(served, from_now=True) == []


def test_who_reads_along_gets_lines_as_they_come(served: Controlled) -> None:
    lines = served.control.recording.stream(follow=True)
    assert json.loads(next(lines).json)["kind"] == "header"
    served.client.version()
    assert [json.loads(next(lines).json)["kind"] for _ in range(2)] == ["call", "reply"]
    served.control.clock.advance(span="1s")
    assert json.loads(next(lines).json)["what"] == "advance"
    lines.close()


def test_who_reads_along_is_told_when_the_runtime_begins_anew(served: Controlled) -> None:
    lines = served.control.recording.stream(follow=True)
    next(lines)
    served.control.sessions.reset()
    with pytest.raises(ControlError, match="begun anew") as refusal:
        list(lines)
    assert refusal.value.code is Code.ABORTED


def test_a_long_recording_is_read_to_its_end(served: Controlled) -> None:
    for _ in range(400):
        served.client.version()
    assert len(kinds(served)) == 801


def test_calls_are_counted(served: Controlled) -> None:
    served.client.version()
    container = served.client.run("sleep", "100")
    served.control.rules.arm(rules=["Version = 1* error(UNKNOWN)"])
    with raises_status(grpc.StatusCode.UNKNOWN):
        served.client.version()
    threads = [threading.Thread(target=served.client.stop, args=(container, 9)) for _ in range(3)]
    for each in threads:
        each.start()
    while served.control.recording.count(rpcs=["StopContainer"]).running < 3:
        pass
    count = served.control.recording.count(rpcs=["Version", "StopContainer"])
    assert (count.calls, count.running, count.failed, count.max_concurrent) == (5, 3, 1, 3)
    assert served.control.recording.count().calls > 5
    served.control.clock.advance(span="9s")
    for each in threads:
        each.join()
    assert served.control.recording.count(rpcs=["StopContainer"]).running == 0


def test_what_is_no_rpc_is_not_counted(served: Controlled) -> None:
    with pytest.raises(ControlError, match="'Verson' is not an RPC"):
        served.control.recording.count(rpcs=["Verson"])


def test_no_recording_overwrites_that_of_the_runtime_before(tmp_path: Path) -> None:
    with controlled(record=tmp_path / "run.jsonl") as served:
        served.client.version()
        before = (tmp_path / "run.jsonl").read_text()
        served.control.sessions.reset()
        served.control.clock.advance(span="1s")
        assert (tmp_path / "run.jsonl").read_text() == before
        assert '"advance"' in (tmp_path / "run.2.jsonl").read_text()
