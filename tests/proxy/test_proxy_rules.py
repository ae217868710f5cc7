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
from tests.behaviour.steps import is_answered
from tests.server.served import PATIENCE_S, until
from tests.support import FACES, Node, raises_status

NOBODY = "0" * 64
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


def test_a_lost_reply_is_no_matter_to_the_runtime(node: Proxied) -> None:
    node.pull()
    container = node.create(node.run_sandbox(), "sleep", "1d")
    request = pb.StartContainerRequest(container_id=container)
    with (
        node.proxy.faults("StartContainer = lost(deadline)"),
        raises_status(grpc.StatusCode.DEADLINE_EXCEEDED),
    ):
        node.runtime.StartContainer(request, timeout=PATIENCE_S)
    assert node.status(container).state == pb.CONTAINER_RUNNING


def test_a_hanging_call_never_reaches_the_runtime(node: Proxied) -> None:
    with (
        node.proxy.faults("Version = hang"),
        raises_status(grpc.StatusCode.DEADLINE_EXCEEDED),
    ):
        node.runtime.Version(pb.VersionRequest(), timeout=0.2)
    assert asked(node, "Version") == 0


def test_what_is_only_acknowledged_does_not_happen(node: Proxied) -> None:
    node.pull()
    container = node.run(node.run_sandbox(), "sleep", "1d")
    with node.proxy.faults("StopContainer = noop") as scope:
        node.stop(container)
    assert (scope.fired, asked(node, "StopContainer")) == (1, 0)
    assert node.status(container).state == pb.CONTAINER_RUNNING


def test_the_runtime_may_be_asked_twice(node: Proxied) -> None:
    node.pull()
    container = node.run(node.run_sandbox(), "sleep", "1d")
    with node.proxy.faults("StopContainer = twice"):
        node.stop(container)
    assert asked(node, "StopContainer") == 2


def test_what_is_done_later_is_done_without_its_client(node: Proxied) -> None:
    node.pull()
    container = node.run(node.run_sandbox(), "sleep", "1d")
    request = pb.StopContainerRequest(container_id=container)
    with node.proxy.faults("StopContainer = later(50ms)"):
        node.runtime.StopContainer(request, timeout=0.01 if node.face == "object" else PATIENCE_S)
    until(lambda: node.status(container).state == pb.CONTAINER_EXITED)


def test_a_gate_holds_a_call_before_the_runtime(node: Proxied) -> None:
    with node.proxy.gate("Version") as gate:
        call = node.runtime.Version.future(pb.VersionRequest(), timeout=PATIENCE_S)
        gate.wait_arrived(1)
        assert asked(node, "Version") == 0
        gate.release()
        assert call.result().runtime_name == "containerd"


def test_a_reply_is_changed_on_its_way(node: Proxied) -> None:
    pod = node.run_sandbox()
    with node.proxy.faults('PodSandboxStatus = reply:set(status.network.ip, "")'):
        assert node.sandbox_status(pod).network.ip == ""
    assert node.sandbox_status(pod).network.ip != ""


def test_a_list_leaves_out_what_a_rule_says(node: Proxied) -> None:
    for name in ("web", "db"):
        node.run_sandbox(name)
    with node.proxy.faults("ListPodSandbox = reply:omit(pod=web)"):
        (item,) = node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    assert item.metadata.name == "db"


def test_a_filter_that_is_ignored_does_not_get_there(node: Proxied) -> None:
    for name in ("web", "db"):
        node.run_sandbox(name)
    request = pb.ListPodSandboxRequest(filter=pb.PodSandboxFilter(id=NOBODY))
    with node.proxy.faults("ListPodSandbox = reply:unfiltered"):
        assert len(node.runtime.ListPodSandbox(request).items) == 2
    assert not node.runtime.ListPodSandbox(request).items


def test_messages_of_a_stream_are_lost_and_a_stream_ends(node: Proxied) -> None:
    lost = "GetContainerEvents = drop(STARTED)"
    ends = 'GetContainerEvents = at 3 end(UNAVAILABLE, "gone")'
    with node.proxy.faults(lost, ends):
        stream = node.runtime.GetContainerEvents(pb.GetEventsRequest(), timeout=PATIENCE_S)
        until(lambda: asked(node, "GetContainerEvents") == 1)
        pod = node.run_sandbox()
        node.stop_sandbox(pod)
        node.remove_sandbox(pod)
        kinds = [next(stream).container_event_type for _ in range(2)]
        assert kinds == [pb.CONTAINER_CREATED_EVENT, pb.CONTAINER_STOPPED_EVENT]
        with raises_status(*GONE):
            next(stream)
    until(lambda: all(call.ended_ns is not None for call in node.cri.calls))


@pytest.mark.parametrize(("action", "done"), [("reset", 0), ("reset(after)", 1), ("goaway", 0)])
def test_a_connection_is_torn_before_or_after_the_work(
    directory: Path, action: str, done: int
) -> None:
    with (
        CRI() as cri,
        cri.serve(f"{directory}/upstream.sock") as upstream,
        Proxy(upstream.endpoint) as proxy,
        proxy.serve(f"{directory}/cri.sock", wire_faults=True) as server,
        connect(server.endpoint) as channel,
    ):
        runtime = runtime_stub(channel)
        events = runtime.GetContainerEvents(pb.GetEventsRequest(), timeout=PATIENCE_S)
        until(lambda: bool(cri.calls))
        with proxy.faults(f"Version = 1* {action}"), raises_status(grpc.StatusCode.UNAVAILABLE):
            runtime.Version(pb.VersionRequest(), timeout=PATIENCE_S)
        assert sum(call.rpc == "Version" for call in cri.calls) == done
        with raises_status(grpc.StatusCode.UNAVAILABLE):  # it was on the same connection
            next(events)
        until(lambda: is_answered(runtime))


def test_a_rule_that_is_there_when_the_proxy_opens_breaks_connections(directory: Path) -> None:
    with (
        CRI() as cri,
        cri.serve(f"{directory}/upstream.sock") as upstream,
        Proxy(upstream.endpoint, rules="Version = 1* reset(after)") as proxy,
        proxy.serve(f"{directory}/cri.sock") as server,
        connect(server.endpoint) as channel,
    ):
        runtime = runtime_stub(channel)
        events = runtime.GetContainerEvents(pb.GetEventsRequest(), timeout=PATIENCE_S)
        until(lambda: bool(cri.calls))
        with raises_status(grpc.StatusCode.UNAVAILABLE):
            runtime.Version(pb.VersionRequest(), timeout=PATIENCE_S)
        assert [call.rpc for call in cri.calls] == ["GetContainerEvents", "Version"]
        with raises_status(grpc.StatusCode.UNAVAILABLE):
            next(events)
        until(lambda: is_answered(runtime))


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


@pytest.mark.parametrize(
    "rule",
    [
        "Exec = linger",
        "Attach = stream:delay(5s)",
        "PortForward = off -> stall",
        "writes = drop(stdout)",
        "Exec,StreamContainers = stall",
    ],
)
def test_what_is_behind_urls_is_out_of_reach(node: Proxied, rule: str) -> None:
    with pytest.raises(UsageError) as refusal:
        node.proxy.faults(rule)
    assert str(refusal.value) == (
        f"{rule}: what is behind the URLs of another runtime does not pass here, "
        "so that no rule can act on it"
    )


@pytest.mark.parametrize("rule", ["* = stall", "Exec = delay(1ms)", "* = drop"])
def test_rules_that_are_for_calls_too_are_taken(node: Proxied, rule: str) -> None:
    with node.proxy.faults(rule):
        assert [each.text for each in node.proxy.faults.armed] == [rule]


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
