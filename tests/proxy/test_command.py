"""`fakecri proxy`, as a process of its own."""

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from fakecri import CRI, cli
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.core.recording import Recording
from tests.behaviour.steps import is_answered, until
from tests.support import raises_status
from tests.test_cli import COMMAND, Serving


@contextmanager
def proxying(*options: object) -> Iterator[Serving]:
    """Run a proxy while the context lasts."""
    with subprocess.Popen(
        [*COMMAND, "proxy", *map(str, options)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(cli.__file__).parents[2],
    ) as process:
        try:
            yield Serving(process)
        finally:
            process.kill()


def refusal(capsys: pytest.CaptureFixture[str], *options: object) -> str:
    """Return the one line of a command that is refused."""
    assert cli.main(["proxy", *map(str, options)]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_proxy_serves_until_it_is_told_to_stop(directory: Path, number: int) -> None:
    with (
        CRI() as cri,
        cri.serve(f"{directory}/upstream.sock") as upstream,
        proxying("--upstream", upstream.endpoint, "--listen", directory / "cri.sock") as proxy,
        connect(proxy.endpoint) as channel,
    ):
        assert runtime_stub(channel).Version(pb.VersionRequest()).runtime_name == "containerd"
        events = runtime_stub(channel).GetContainerEvents(pb.GetEventsRequest())
        until(
            lambda: len(cri.calls) == 2
        )  # else it may be gRPC that ends it, without a word of ours
        assert proxy.stop(number) == (0, "", "")
        with raises_status(grpc.StatusCode.UNAVAILABLE):
            next(events)
        assert [call.rpc for call in cri.calls] == ["Version", "GetContainerEvents"]


def test_proxy_records(directory: Path) -> None:
    record = directory / "run.jsonl"
    with (
        CRI() as cri,
        cri.serve(f"{directory}/upstream.sock") as upstream,
        proxying(
            *("--upstream", upstream.endpoint, "--listen", directory / "cri.sock"),
            *("--record", record),
        ) as proxy,
        connect(proxy.endpoint) as channel,
    ):
        runtime_stub(channel).Version(pb.VersionRequest(), timeout=10)
        proxy.stop()
    recording = Recording.parse(record.read_text().splitlines(keepends=True))
    assert recording.header.facts["profile"] == "upstream"
    (call,) = recording.calls
    assert (call.rpc, call.response.runtime_name) == ("Version", "containerd")
    # The way there may take a part of it.
    assert 0 < json.loads(record.read_text().splitlines()[1])["timeout_ns"] <= 10_000_000_000


def test_a_rule_of_the_proxy_breaks_connections_of_its_clients(directory: Path) -> None:
    with (
        CRI() as cri,
        cri.serve(f"{directory}/upstream.sock") as upstream,
        proxying(
            *("--upstream", upstream.endpoint, "--listen", directory / "cri.sock"),
            *("--rule", "Version = 1* reset(after)"),
        ) as proxy,
        connect(proxy.endpoint) as channel,
    ):
        runtime = runtime_stub(channel)
        events = runtime.GetContainerEvents(pb.GetEventsRequest())
        until(lambda: cri.calls)
        with raises_status(grpc.StatusCode.UNAVAILABLE):
            runtime.Version(pb.VersionRequest())
        assert [call.rpc for call in cri.calls] == ["GetContainerEvents", "Version"]
        with raises_status(grpc.StatusCode.UNAVAILABLE):  # it was on the same connection
            next(events)
        until(lambda: is_answered(runtime))
        assert proxy.stop() == (0, "", "")


def test_proxy_learns_before_it_is_ready(directory: Path) -> None:
    with CRI() as cri, cri.serve(f"{directory}/upstream.sock") as upstream:
        with proxying(
            *("--upstream", upstream.endpoint, "--listen", directory / "cri.sock", "--learn")
        ):
            asked = [call.rpc for call in cri.calls]
        assert asked == ["ListPodSandbox", "ListContainers", "ListImages"]


def test_proxy_that_cannot_learn_is_refused(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = directory / "upstream.sock"
    line = refusal(capsys, "--upstream", path, "--listen", directory / "cri.sock", "--learn")
    assert line.startswith(f"fakecri: cannot learn from unix://{path}: ListPodSandbox: ")
    assert not (directory / "cri.sock").exists()


def test_proxy_before_itself_is_refused(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = directory / "cri.sock"
    line = refusal(capsys, "--upstream", path, "--listen", f"unix://{path}")
    assert line == f"fakecri: --upstream {path}: the proxy itself is to listen there\n"


@pytest.mark.parametrize("option", ["--pace", "--rate", "--behave", "--add-image", "--wire-faults"])
def test_proxy_has_no_options_that_only_a_simulation_has(
    option: str, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refusal(capsys, "--upstream", "/u", "--listen", directory / "cri.sock", option, "x")
    assert line == f"fakecri: unrecognized arguments: {option} x\n"
