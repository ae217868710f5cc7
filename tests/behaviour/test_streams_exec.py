"""What an exec does behind its URL. Source: spec streaming 2.6, 2.12."""

import json
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import Missing
from fakecri.stream import Stream
from tests.support import Node


@pytest.fixture
def running(ready: Node) -> str:
    """Return a container that runs."""
    return ready.run(ready.run_sandbox(), "sleep", "99999")


def url_of(node: Node, id_: str, *command: str, **fields: Any) -> str:
    """Ask for an exec with both outputs."""
    request = pb.ExecRequest(
        container_id=id_, cmd=command, **{"stdout": True, "stderr": True, **fields}
    )
    return node.runtime.Exec(request).url


def open_exec(node: Node, id_: str, *command: str, **fields: Any) -> Stream:
    """Execute a command as a client of the URL."""
    return node.cri.stream(url_of(node, id_, *command, **fields))


def test_outputs_are_complete_and_the_status_tells_success(ready: Node, running: str) -> None:
    result = open_exec(ready, running, "sh", "-c", "echo hi; echo err >&2").result()
    assert (result.stdout, result.stderr) == (b"hi\n", b"err\n")
    assert result.error == b'{"status":"Success"}'
    assert result.exit_code == 0


def test_an_exit_code_is_told_as_containerd_does(ready: Node, running: str) -> None:
    result = open_exec(ready, running, "sh", "-c", "exit 3").result()
    text = "error executing command [sh -c exit 3], exit code 3"
    assert json.loads(result.error) == {
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: {text}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": "3"}]},
    }
    assert result.exit_code == 3


def test_what_is_written_is_read_and_its_end_too(ready: Node, running: str) -> None:
    with open_exec(ready, running, "cat", stdin=True) as stream:
        stream.write(b"hello")
        assert stream.read() == b"hello"
        stream.close_stdin()
        assert stream.read() == b""
        assert stream.result().exit_code == 0


def test_a_url_is_good_for_one_use(ready: Node, running: str) -> None:
    url = url_of(ready, running, "true")
    assert ready.cri.stream(url).result().exit_code == 0
    with pytest.raises(Missing, match="nothing is behind it"):
        ready.cri.stream(url)
    with pytest.raises(Missing, match="nothing is behind it"):
        ready.cri.stream("http://127.0.0.1/healthz")
