"""Commands in containers and attachments, as `kubectl exec` and `attach` get them of a kubelet."""

from __future__ import annotations

import json
import tarfile
from typing import TYPE_CHECKING

import pytest

from tests.real import install
from tests.real.kubelet_suite.doors import (
    SPDY,
    V5,
    WEBSOCKET_5,
    Command,
    Doors,
    over_each_transport,
)
from tests.real.kubelet_suite.manifests import await_running, box, pod
from tests.real.kubelet_suite.seen import calls
from tests.streaming.upgraded import RefusalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

PODS = [
    pod("door", box()),
    pod("door-echo", box("cat", stdin=True)),
    pod("door-tty", box("sh", stdin=True, tty=True)),
]
TO_THE_RUNTIME = "error executing command [sh -c exit 7], exit code 7"
WHO_ENDS_V5 = {
    # The kubelet speaks SPDY to the runtime, and says itself what came of the command.
    install.KUBELET_VERSION: "command terminated with exit code 7",
    install.KUBELET_VERSION_OLD: TO_THE_RUNTIME,
}


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""
    with kubelet_node.placed(*PODS):
        await_running(kubelet_node, "door", "door-echo", "door-tty")
        yield kubelet_node


@pytest.fixture(scope="module")
def doors(node: KubeletNode) -> Doors:
    """The kubelet's server."""
    return Doors(node)


@over_each_transport
def test_a_command_says_its_outputs_apart_and_its_exit_code(doors: Doors, transport: str) -> None:
    script = "echo out; echo err >&2; exit 7"
    with doors.exec("door", "sh", "-c", script, transport=transport) as command:
        result = command.result()
    assert (result.stdout, result.stderr, result.exit_code) == (b"out\n", b"err\n", 7)
    assert not result.cut


def test_a_websocket_of_v5_ends_where_its_kubelet_has_it(doors: Doors, version: str) -> None:
    with doors.exec("door", "sh", "-c", "exit 7", transport=V5) as command:
        said = command.result().error.decode()
    assert f"command terminated with non-zero exit code: {WHO_ENDS_V5[version]}" in said
    with doors.exec("door", "sh", "-c", "exit 7", transport=SPDY) as command:
        assert TO_THE_RUNTIME in command.result().error.decode()


@pytest.mark.parametrize("transport", [SPDY, WEBSOCKET_5])  # v4 has no word for the end of stdin
def test_a_command_reads_stdin_to_its_end(doors: Doors, transport: str) -> None:
    text = b"all of it\n" * 20_000
    with doors.exec("door", "wc", "-c", transport=transport, stdin=True) as command:
        command.write(text)
        command.close_stdin()
        result = command.result()
    assert int(result.stdout) == len(text)
    assert result.exit_code == 0


@over_each_transport
def test_a_terminal_is_resized(doors: Doors, transport: str) -> None:
    with doors.exec("door", "sh", transport=transport, stdin=True, tty=True) as command:
        for columns, rows in ((100, 40), (90, 25)):
            command.resize(columns, rows)
            size = f"{rows} {columns}\r\n".encode()
            # What is typed may overtake the resize, which has a stream of its own.
            loop = f"until [ \"$(stty size)\" = '{rows} {columns}' ]; do sleep 0.1; done"
            command.write(f"{loop}; stty size\r".encode())
            read_until(command, b"\n" + size)
        command.write(b"exit 4\r")
        assert command.result().exit_code == 4


@over_each_transport
def test_an_attachment_writes_and_reads_and_leaves_the_container_running(
    doors: Doors, node: KubeletNode, transport: str
) -> None:
    line = f"{transport}\n".encode()
    with doors.attach("door-echo", transport=transport) as attached:
        attached.write(line)
        assert read_until(attached, line) == line
    assert "running" in node.kubelet.container("door-echo", "main")["state"]
    assert line.decode() in doors.logs("door-echo")


@over_each_transport
def test_an_attachment_to_a_terminal_is_one(doors: Doors, transport: str) -> None:
    with doors.attach("door-tty", transport=transport, tty=True) as attached:
        attached.resize(77, 22)
        attached.write(
            b"until [ \"$(stty size)\" = '22 77' ]; do sleep 0.1; done; echo a$((1+1))\r"
        )
        assert read_until(attached, b"a2\r\n")


def test_a_command_can_be_run_without_a_stream(doors: Doors, node: KubeletNode) -> None:
    answer = doors.ask(doors.path("run", "door", cmd="echo hello"))
    assert (answer.status, answer.body) == (200, b"hello\n")
    *_, call = calls(node, "ExecSync", "door")
    assert call.request.cmd == ["echo", "hello"]
    assert (call.request.timeout, call.timeout_ns) == (0, None)


def test_a_command_that_fails_without_a_stream_is_an_internal_error(doors: Doors) -> None:
    answer = doors.ask(doors.path("run", "door", cmd="false"))
    assert (answer.status, answer.body) == (500, b"command 'false' exited with 1: ")


def test_a_checkpoint_is_where_the_kubelet_wants_it(doors: Doors, node: KubeletNode) -> None:
    answer = doors.ask(doors.path("checkpoint", "door"))
    assert answer.status == 200
    (call,) = calls(node, "CheckpointContainer", "door")
    place = call.request.location
    assert answer.body.decode() == f'{{"items":["{place}"]}}'
    start = node.kubelet.places.root / "checkpoints" / f"checkpoint-door-{node.kubelet.name}_"
    assert place.startswith(f"{start}default-main-")
    with tarfile.open(place) as archive:
        assert "config.dump" in archive.getnames()


PATHS = {
    "Exec": "exec/default/door-node/main?command=ls&output=1",
    "Attach": "attach/default/door-node/main?output=1",
    "PortForward": "portForward/default/door-node?port=80",
    "ExecSync": "run/default/door-node/main?cmd=ls",
    "CheckpointContainer": "checkpoint/default/door-node/main",
}
STATUSES = {
    "NOT_FOUND": ("NotFound", 404),
    "RESOURCE_EXHAUSTED": ("ResourceExhausted", 429),
    "INTERNAL": ("Internal", 500),
    "UNAVAILABLE": ("Unavailable", 500),
}


@pytest.mark.parametrize("code", STATUSES)
@pytest.mark.parametrize("rpc", ["Exec", "Attach", "PortForward"])
def test_a_runtime_that_opens_no_stream_is_told_of_by_a_status(
    doors: Doors, node: KubeletNode, rpc: str, code: str
) -> None:
    name, status = STATUSES[code]
    with node.cri.faults(f'{rpc} = error({code}, "not now")'):
        answer = doors.ask(f"/{PATHS[rpc]}")
    assert answer.status == status
    assert answer.body.decode() == f"rpc error: code = {name} desc = not now"
    assert answer.find("Retry-After") == ("60" if status == 429 else None)


@pytest.mark.parametrize("code", STATUSES)
@pytest.mark.parametrize("rpc", ["ExecSync", "CheckpointContainer"])
def test_what_fails_without_a_stream_is_an_internal_error_whatever_the_code(
    doors: Doors, node: KubeletNode, rpc: str, code: str
) -> None:
    with node.cri.faults(f'{rpc} = error({code}, "not now")'):
        answer = doors.ask(f"/{PATHS[rpc]}")
    assert answer.status == 500
    assert f"rpc error: code = {STATUSES[code][0]} desc = not now" in answer.body.decode()


NOWHERE = "http://127.0.0.1:1/exec/token"
REFUSED = "dial tcp 127.0.0.1:1: connect: connection refused"
BEFORE = f"500 error dialing backend: {REFUSED}\n"
HOW_V5_FAILS = {
    # The client has its 101 before the kubelet dials.
    install.KUBELET_VERSION: (
        f'Internal error occurred: error sending request: Post "{NOWHERE}": {REFUSED}'
    ),
    install.KUBELET_VERSION_OLD: BEFORE,
}


@over_each_transport
def test_a_stream_that_leads_nowhere_is_told_of(
    doors: Doors, node: KubeletNode, transport: str, version: str
) -> None:
    with node.cri.faults(f'Exec = reply:set(url, "{NOWHERE}")'):
        told = failure(doors, transport)
    assert told == (HOW_V5_FAILS[version] if transport == WEBSOCKET_5 else BEFORE)


@over_each_transport
def test_a_stream_without_a_url_is_an_internal_error(
    doors: Doors, node: KubeletNode, transport: str
) -> None:
    with node.cri.faults('Exec = reply:set(url, "")'):
        assert failure(doors, transport) == "500 URL is not set"


def failure(doors: Doors, transport: str) -> str:
    """Return how a command fails: what it is answered, or what its stream says then."""
    try:
        with doors.exec("door", "true", transport=transport) as command:
            return str(json.loads(command.result().error)["message"])
    except RefusalError as error:
        return f"{error.answer.status} {error.answer.body.decode()}"


REFUSALS = {
    "exec/default/none-node/main?command=ls&output=1": (404, "pod does not exist"),
    "exec/default/door-node/none?command=ls&output=1": (500, 'container not found ("none")'),
    "exec/default/door-node/main?command=ls": (400, "you must specify at least 1 of stdin"),
    "exec/default/door-node/main?command=ls&output=1": (500, "Upgrade request required"),
    "portForward/default/none-node": (404, "pod does not exist"),
    "run/default/none-node/main?cmd=ls": (404, "pod does not exist"),
    "checkpoint/default/none-node/main": (404, "pod does not exist"),
}


@pytest.mark.parametrize("path", REFUSALS)
def test_what_is_not_there_or_no_stream_is_refused(doors: Doors, path: str) -> None:
    status, text = REFUSALS[path]
    answer = doors.ask(f"/{path}")
    assert (answer.status, text in answer.body.decode()) == (status, True), answer


def read_until(command: Command, end: bytes) -> bytes:
    """Read stdout until it has said something."""
    content = b""
    while end not in content:
        chunk = command.read()
        assert chunk, content
        content += chunk
    return content
