"""How an endpoint for streams is chosen: on the command line, over the control service."""

import json
from io import StringIO
from pathlib import Path

import pytest

from fakecri import CRI, UsageError, cli
from fakecri.api import runtime_pb2 as pb
from fakecri.control import ControlError
from fakecri.errors import Code
from fakecri.replay.bindings import Bindings
from tests.control.served import Client, controlled, dialled
from tests.streaming import spdy_client
from tests.streaming.test_server import TLS
from tests.support import node
from tests.test_cli import serving


def exec_url(client: Client) -> str:
    """Run a container there, and ask for an exec in it."""
    container = client.run("sleep", "60")
    request = pb.ExecRequest(container_id=container, cmd=["echo", "hi"], stdout=True)
    return client.runtime.Exec(request).url


def check_stream(url: str) -> None:
    """Use it."""
    with spdy_client.open(url, stderr=False) as stream:
        assert stream.result().stdout == b"hi\n"


def recorded_url(recording: Path) -> str:
    lines = [json.loads(line) for line in recording.read_text().splitlines()]
    (url,) = (
        line["response"]["url"]
        for line in lines
        if line["kind"] == "reply" and line["rpc"] == "Exec"
    )
    return str(url)


def test_serve_opens_an_endpoint_on_any_port(tmp_path: Path) -> None:
    recording = tmp_path / "run.jsonl"
    address = tmp_path / "cri.sock"
    with serving(address, "--logs", "memory", "--record", recording) as server:
        with dialled(server.endpoint) as client:
            url = exec_url(client)
        check_stream(url)
        assert server.stop()[0] == 0
    assert url.startswith("http://127.0.0.1:")
    port = url.split("/")[2].partition(":")[2]
    assert recorded_url(recording) == url.replace(port, "0")


def test_serve_opens_one_where_it_is_told_to(tmp_path: Path) -> None:
    cert, key = TLS
    options = ("--streaming-tls-cert", cert, "--streaming-tls-key", key, "--logs", "memory")
    address = tmp_path / "cri.sock"
    with serving(address, "--streaming-address", "0.0.0.0:0", *options) as server:
        with dialled(server.endpoint) as client:
            assert exec_url(client).startswith("https://0.0.0.0:")
        assert server.stop()[0] == 0


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--streaming-address", "0.0.0.0:0"], "--streaming-address 0.0.0.0:0: '0.0.0.0:0' is not"),
        (["--streaming-address", "x"], "--streaming-address x: 'x' is not an address"),
        (["--streaming-tls-key", "k"], "--streaming-tls-cert and --streaming-tls-key go together"),
        (
            ["--streaming-tls-cert", "none.pem", "--streaming-tls-key", "none.pem"],
            "none.pem is no file with a certificate or a key",
        ),
        (
            ["--streaming-tls-cert", str(TLS[0]), "--streaming-tls-key", str(TLS[0])],
            "are no certificate and its key",
        ),
    ],
)
def test_serve_tells_what_is_wrong_in_a_line(
    options: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recording = tmp_path / "run.jsonl"
    recording.write_text("of before")
    listen = ["serve", "--listen", f"{tmp_path}/cri.sock", "--record", str(recording)]
    assert cli.main([*listen, *options]) == 2
    error = capsys.readouterr().err
    assert complaint in error
    assert error.count("\n") == 1
    assert recording.read_text() == "of before"


def test_with_tls_alone_any_port_will_do() -> None:
    with CRI(streaming_tls=TLS) as cri:
        assert cri.node.streaming_address.startswith("127.0.0.1:")
        assert cri.node.streaming_scheme == "https"
    with pytest.raises(UsageError, match="no file with a certificate"):
        CRI(streaming_tls=("none.pem", "none.pem"))


def test_sessions_of_the_control_service_stream_each_for_itself() -> None:
    with controlled(pace="manual") as served:
        sessions = served.control.sessions
        urls = [exec_url(served.client)]
        for options in ({}, {"streaming_address": "[::1]:0"}):
            session = sessions.create(options={"pace": "manual", **options})
            with dialled(session.endpoint) as client:
                urls.append(exec_url(client))
        assert urls[2].startswith("http://[::1]:")
        assert len({url.split("/")[2] for url in urls}) == 3
        for url in urls:
            check_stream(url)
        sessions.reset()
        check_stream(exec_url(served.client))
        with pytest.raises(ControlError, match="not on the loopback interface") as refusal:
            sessions.create(options={"streaming_address": "0.0.0.0:0"})
        assert refusal.value.code is Code.INVALID_ARGUMENT


def test_what_came_over_a_stream_is_not_remembered() -> None:
    with controlled(pace="manual") as served:
        url = exec_url(served.client)
        assert served.control.sessions.snapshot().id == "s1"
        check_stream(url)
        with pytest.raises(ControlError, match="what came over streams cannot") as refusal:
            served.control.sessions.snapshot()
        assert refusal.value.code is Code.FAILED_PRECONDITION
        served.control.sessions.restore(id="s1")
        served.control.sessions.snapshot()


def test_urls_of_any_endpoint_stand_for_one_another_in_recordings() -> None:
    urls = [
        "http://127.0.0.1:0/exec/AAAAAAAA",
        "http://127.0.0.1:10010/exec/-_aZ09xy",
        "https://[::1]:38027/exec/BBBBBBBB",
    ]
    for recorded in urls:
        for live in urls:
            assert Bindings().match({"url": recorded}, {"url": live}) == {}
    assert (
        Bindings().match({"url": "http://127.0.0.1:0/x"}, {"url": "http://127.0.0.1:1/x"}) is None
    )


def test_what_port_the_machine_gave_does_not_show_in_a_recording() -> None:
    recordings = []
    for _ in range(2):
        record = StringIO()
        chosen = {"streaming_address": "127.0.0.1:0", "pace": "manual", "record": record}
        with node("object", **chosen) as opened:
            opened.pull("busybox")
            container = opened.run(opened.run_sandbox(), "sleep", "9")
            request = pb.ExecRequest(container_id=container, cmd=["cat"], stdin=True, stdout=True)
            for _ in range(3):
                with spdy_client.open(
                    opened.runtime.Exec(request).url, stdin=True, stderr=False
                ) as stream:
                    stream.write(b"abc")
                    assert stream.read() == b"abc"
                    stream.close_stdin()
                    assert stream.result().exit_code == 0
        recordings.append(record.getvalue())
    assert recordings[0] == recordings[1]
    assert '"bytes":{"error":20,"stdin":3,"stdout":3}' in recordings[0]
