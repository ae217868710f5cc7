"""Rules before a runtime that is somewhere else."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from fakecri import CRI, Code, CRIError, UsageError, cli
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub, runtime_stub
from fakecri.core.recording import Recording
from fakecri.proxy import Proxy
from fakecri.scopes import UnfiredRule
from tests.support import FACES, Node, raises_status

GONE = (grpc.StatusCode.UNAVAILABLE, "gone")


@dataclass
class Proxied(Node):
    """A node of whose calls rules dispose that stand before it."""

    proxy: Proxy


@pytest.fixture(params=FACES)
def node(request: pytest.FixtureRequest, directory: Path) -> Iterator[Proxied]:
    """Open a node behind a proxy, which is used by an object or over a socket."""
    with (
        CRI() as cri,
        cri.serve(f"{directory}/upstream.sock") as upstream,
        Proxy(upstream.endpoint) as proxy,
        proxy.serve(f"{directory}/cri.sock") as server,
        connect(server.endpoint) as channel,
    ):
        runtime, images = proxy.runtime, proxy.images
        if request.param == "grpc":
            runtime, images = runtime_stub(channel), image_stub(channel)
        yield Proxied(cri, runtime, images, request.param, proxy)


def asked(node: Proxied, rpc: str) -> int:
    """Return how often the runtime itself was asked something."""
    return sum(call.rpc == rpc for call in node.cri.calls)


def test_a_refused_call_never_reaches_the_runtime(node: Proxied) -> None:
    node.pull()
    pod = node.run_sandbox()
    container = node.create(pod, "sleep", "1d")
    with (
        node.proxy.faults('StartContainer = error(UNAVAILABLE, "gone")') as scope,
        raises_status(*GONE),
    ):
        node.start(container)
    assert (scope.fired, asked(node, "StartContainer")) == (1, 0)
    assert node.status(container).state == pb.CONTAINER_CREATED


def test_a_container_runs_whose_start_got_an_error(node: Proxied) -> None:
    node.pull()
    container = node.create(node.run_sandbox(), "sleep", "1d")
    with (
        node.proxy.faults('StartContainer = after:error(UNAVAILABLE, "gone")'),
        raises_status(*GONE),
    ):
        node.start(container)
    assert node.status(container).state == pb.CONTAINER_RUNNING


def test_a_rule_knows_what_an_id_means(node: Proxied) -> None:
    node.pull()
    ids = {name: node.run_sandbox(name) for name in ("web", "db")}
    containers = {
        name: node.run(pod, "sleep", "1d", pod=name, name=f"{name}-main")
        for name, pod in ids.items()
    }
    rule = 'StopContainer{pod=db, image=busybox, state=running} = error(UNAVAILABLE, "gone")'
    with node.proxy.faults(rule) as scope:
        node.stop(containers["web"])
        with raises_status(*GONE):
            node.stop(containers["db"])
    assert [call.request.container_id for call in scope.calls] == [containers["db"]]


def test_an_injected_error_is_the_next_answer(node: Proxied) -> None:
    node.proxy.inject_error("Version", CRIError("gone", Code.UNAVAILABLE))
    with raises_status(*GONE):
        node.runtime.Version(pb.VersionRequest())
    node.runtime.Version(pb.VersionRequest())
    assert asked(node, "Version") == 1


@pytest.mark.parametrize("rule", ["StopContainer = during:error(INTERNAL)"])
def test_there_is_no_phase_during(node: Proxied, rule: str) -> None:
    with pytest.raises(UsageError) as refusal:
        node.proxy.faults("Version = error(INTERNAL)", rule)
    assert str(refusal.value) == (
        f"{rule}: nobody sees when the work of another runtime is half done, "
        "so that there is no phase during"
    )
    node.runtime.Version(pb.VersionRequest())  # none of them is armed


def test_a_strict_rule_that_never_acts_fails_the_test(directory: Path) -> None:
    rule = "StopContainer = error(INTERNAL)"
    with (
        pytest.raises(UnfiredRule),
        Proxy(f"{directory}/absent.sock", rules=rule, strict_rules=True),
    ):
        pass


def test_what_a_rule_did_is_recorded(directory: Path) -> None:
    record = io.StringIO()
    rule = 'Version = after:error(UNAVAILABLE, "gone")'
    with (
        CRI() as cri,
        cri.serve(f"{directory}/upstream.sock") as upstream,
        Proxy(upstream.endpoint, record=record, rules=rule) as proxy,
        raises_status(*GONE),
    ):
        proxy.runtime.Version(pb.VersionRequest())
    recording = Recording.parse(record.getvalue().splitlines(keepends=True))
    assert recording.header.facts["rules"] == [rule]
    (call,) = recording.calls
    assert [fault.effect for fault in call.faults] == ["indefinite"]


def test_the_command_takes_rules_and_refuses_some_before_it_does_anything(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = directory / "run.jsonl"
    record.write_text("kept")
    options = ["--upstream", "/u", "--listen", f"{directory}/cri.sock", "--record", str(record)]
    rule = "StopContainer = during:error(INTERNAL)"
    assert cli.main(["proxy", *options, "--rule", rule]) == 2
    assert capsys.readouterr().err.startswith(f"fakecri: {rule}: nobody sees when")
    assert record.read_text() == "kept"


def test_a_proxy_has_nothing_of_a_simulation() -> None:
    for name in ("advance", "clock", "state", "node", "network", "registry", "restart_runtime"):
        assert not hasattr(Proxy, name)
