"""What rules do to the sessions behind URLs, from the use of a token to the end and beyond."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from fakecri import CRI, Stuck
from fakecri.api import runtime_pb2 as pb
from fakecri.core.recording import Recording
from fakecri.core.streaming.commands import Exec
from fakecri.core.streaming.sessions import Session
from fakecri.errors import Missing
from fakecri.scopes import UnfiredRule
from fakecri.stream import NotUpgraded, Stream
from tests.support import Node, create_request, sandbox_config
from tests.support import node as open_node

FOUR = "for i in 1 2 3 4; do echo $i; done"
BOTH = "echo out; echo err >&2; exit 3"


@pytest.fixture
def running(ready: Node) -> str:
    """Return a container that runs."""
    return ready.run(ready.run_sandbox(), "sleep", "infinity")


def url_of(node: Node, id_: str, *command: str, **fields: Any) -> str:
    request = pb.ExecRequest(
        container_id=id_, cmd=command, **{"stdout": True, "stderr": True, **fields}
    )
    return node.runtime.Exec(request).url


Open = Callable[..., Stream]


@pytest.fixture
def sh(ready: Node, running: str) -> Open:
    """Execute a script as a client of the URL."""

    def opened(script: str, **fields: Any) -> Stream:
        return ready.cri.stream(url_of(ready, running, "sh", "-c", script, **fields))

    return opened


def redeemed(node: Node, url: str) -> Session:
    """Use a URL as a transport does."""
    with node.cri.host.turn() as world:
        session = world.sessions.redeem("exec", url.rsplit("/", 1)[1])
        assert isinstance(session, Exec)
        admitted: list[object] = []
        session.knock(admitted.append)
        if admitted:
            session.begin("test")
            session.start()
    return session


def session_of(stream: Stream) -> Any:
    return stream._session  # whether it waits for ever no client can see


def wait_in_vain(node: Node, stream: Stream) -> None:
    """Let an hour pass, in which nothing comes, not even the end."""
    node.cri.advance(3600)
    session = session_of(stream)
    assert (session.readable, session.ended) == (False, False)


# Before there is a session.


def test_a_url_expires_before_its_time(ready: Node, running: str) -> None:
    with ready.cri.faults("Exec = 1* expire -> expire(5s)", strict=True) as scope:
        with pytest.raises(Missing):
            ready.cri.stream(url_of(ready, running, "true"))
        assert scope.fired == 1
        url = url_of(ready, running, "true")
        ready.cri.advance(4)
        assert ready.cri.stream(url).result().exit_code == 0
        url = url_of(ready, running, "true")
        ready.cri.advance(5)
        with pytest.raises(Missing):
            ready.cri.stream(url)
        assert scope.fired == 2


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ('error(503, "no backend")', 503),
        ('error(NOT_FOUND, "no backend")', 404),
        ('error(RESOURCE_EXHAUSTED, "no backend")', 429),
        ('error(UNAVAILABLE, "no backend")', 500),
    ],
)
def test_an_answer_of_http_in_place_of_the_upgrade(
    ready: Node, sh: Open, action: str, status: int
) -> None:
    with (
        ready.cri.faults(f"Exec = stream:{action}", strict=True),
        pytest.raises(NotUpgraded) as caught,
    ):
        sh("true")
    assert (caught.value.status, caught.value.text) == (status, "no backend")


def test_the_upgrade_is_answered_late(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = stream:delay(5s)", strict=True):
        before_ns = ready.cri.now_ns
        assert sh("true").result().exit_code == 0
        assert ready.cri.now_ns - before_ns >= 5 * 10**9


def test_an_attachment_is_answered_late(ready: Node, running: str) -> None:
    with ready.cri.faults("Attach = stream:delay(5s)", strict=True):
        before_ns = ready.cri.now_ns
        request = pb.AttachRequest(container_id=running, stdout=True)
        ready.cri.stream(ready.runtime.Attach(request).url).hang_up()
        assert ready.cri.now_ns - before_ns >= 5 * 10**9


def test_the_upgrade_is_never_answered(ready: Node, running: str) -> None:
    with ready.cri.faults("Exec = stream:hang", strict=True):
        session = redeemed(ready, url_of(ready, running, "true"))
        ready.cri.advance(3600)
        assert not session.ended
        session.hang_up()
    with ready.cri.host.turn() as world:
        assert world.store.containers.get(running).execs == []


def test_a_client_that_can_only_wait_for_ever_is_stuck() -> None:
    with open_node("object") as node:
        node.pull()
        container = node.run(node.run_sandbox(), "sleep", "infinity")
        with node.cri.faults("Exec = stream:hang", strict=True), pytest.raises(Stuck):
            node.cri.stream(url_of(node, container, "true"))
        with (
            node.cri.faults("Exec = linger", strict=True),
            node.cri.stream(url_of(node, container, "echo", "hi")) as stream,
            pytest.raises(Stuck),
        ):
            stream.result()


def test_the_connection_is_torn_in_place_of_an_answer(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = stream:reset", strict=True), pytest.raises(ConnectionResetError):
        sh("true")


def test_a_gate_holds_the_upgrade(ready: Node, running: str, sh: Open) -> None:
    gate = ready.cri.gates["door"]
    with ready.cri.faults("Exec = stream:gate(door)"):
        session = redeemed(ready, url_of(ready, running, "true"))
        assert gate.waiting == 1
        session.hang_up()
        ready.cri.advance(0)
        assert gate.waiting == 0
        gate.close()
        assert sh("true").result().exit_code == 0


def test_only_some_subprotocols_are_spoken(ready: Node, running: str) -> None:
    with ready.cri.faults('Exec = only("v[1-4].*")', strict=True):
        with pytest.raises(NotUpgraded) as caught:
            ready.cri.stream(url_of(ready, running, "true"), version=5)
        assert caught.value.status == 403
        assert ready.cri.stream(url_of(ready, running, "true"), version=4).result().exit_code == 0


def test_another_command_runs_than_was_asked_for(ready: Node, running: str) -> None:
    with ready.cri.faults('Exec = stream:set(cmd[0], "echo")', strict=True):
        assert ready.cri.stream(url_of(ready, running, "ls", "hi")).result().stdout == b"hi\n"


def test_a_set_of_streams_is_not_the_one_that_was_asked_for(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = stream:set(stderr, false)", strict=True):
        result = sh(BOTH).result()
    assert (result.stdout, result.stderr, result.exit_code) == (b"out\n", b"", 3)


# What comes, and what does not.


def test_the_process_ends_and_nothing_tells_of_it(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = linger", strict=True):
        stream = sh(BOTH)
        assert (stream.read(), stream.read("stderr")) == (b"out\n", b"err\n")
        wait_in_vain(ready, stream)
    stream.hang_up()


def test_outputs_end_and_no_status_comes(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = linger(outputs)", strict=True), sh(BOTH) as stream:
        assert [stream.read(), stream.read()] == [b"out\n", b""]
        assert [stream.read("stderr"), stream.read("stderr")] == [b"err\n", b""]
        wait_in_vain(ready, stream)


def test_the_status_comes_and_the_connection_stays(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = linger(status)", strict=True), sh(BOTH) as stream:
        assert json.loads(stream.read("error"))["reason"] == "NonZeroExitCode"
        wait_in_vain(ready, stream)


def test_an_attachment_lingers_when_its_container_has_ended(ready: Node) -> None:
    with ready.cri.faults("Attach = linger", strict=True):
        container = ready.run(ready.run_sandbox(), "sh", "-c", "sleep 5; echo bye")
        request = pb.AttachRequest(container_id=container, stdout=True)
        with ready.cri.stream(ready.runtime.Attach(request).url) as stream:
            ready.cri.advance(6)
            assert stream.read() == b"bye\n"
            wait_in_vain(ready, stream)


def test_the_end_of_stdin_is_not_passed_on(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = ignore_eof", strict=True), sh("cat", stdin=True) as stream:
        stream.write(b"hello")
        stream.close_stdin()
        assert stream.read() == b"hello"
        wait_in_vain(ready, stream)


def test_stdin_is_read_no_more(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = stall(stdin, 5)", strict=True), sh("cat", stdin=True) as stream:
        stream.write(b"hello, world")
        assert stream.read() == b"hello"
        wait_in_vain(ready, stream)
        assert session_of(stream).full


def test_stdin_is_lost(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = drop(stdin, 5)", strict=True), sh("cat", stdin=True) as stream:
        stream.write(b"hello, ")
        stream.write(b"world")
        stream.close_stdin()
        assert stream.result().stdout == b"hello"


@pytest.mark.parametrize(
    ("action", "stdout", "stderr", "code"),
    [
        ("drop(stdout)", b"", b"err\n", 3),
        ("drop(stdout, 2)", b"ou", b"err\n", 3),
        ("drop(stderr)", b"out\n", b"", 3),
        ("drop(error)", b"out\n", b"err\n", None),
        ("merge", b"out\nerr\n", b"", 3),
        ("status(0)", b"out\n", b"err\n", 0),
        ("status(7)", b"out\n", b"err\n", 7),
        ('status("no JSON")', b"out\n", b"err\n", None),
        ("stream:slow(1000)", b"out\n", b"err\n", 3),
        ("stream:slice(1)", b"out\n", b"err\n", 3),
        ("stall(stdout, 2)", b"ou", b"err\n", 3),
    ],
)
def test_channels_are_lost_or_altered(
    ready: Node, sh: Open, action: str, stdout: bytes, stderr: bytes, code: int | None
) -> None:
    with ready.cri.faults(f"Exec = {action}", strict=True):
        result = sh(BOTH).result()
    assert (result.stdout, result.stderr, result.exit_code) == (stdout, stderr, code)


def test_a_status_is_told_although_the_process_had_none_to_tell(ready: Node, running: str) -> None:
    with ready.cri.faults("Exec = status(7)", strict=True):
        result = ready.cri.stream(url_of(ready, running, "true"), version=1).result()
    assert result.error.endswith(b"exit code 7")


def test_nothing_comes_behind_some_bytes_and_the_process_waits(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = stall(3)", strict=True), sh("yes") as stream:
        assert stream.read() == b"y\ny"
        wait_in_vain(ready, stream)


def test_output_comes_so_many_bytes_a_second(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = stream:slow(2)", strict=True):
        before_ns = ready.cri.now_ns
        assert sh(FOUR).result().stdout == b"1\n2\n3\n4\n"
        assert ready.cri.now_ns - before_ns == pytest.approx(4 * 10**9, rel=0.01)


def test_output_comes_in_small_pieces(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = stream:slice(3)", strict=True), sh("printf 12345678") as stream:
        assert list(iter(stream.read, b"")) == [b"123", b"456", b"78"]


# How a session ends.


def test_the_connection_breaks_behind_some_bytes(ready: Node, running: str, sh: Open) -> None:
    with ready.cri.faults("Exec = stream:reset(3)", strict=True):
        result = sh("echo hello; sleep 999").result()
    assert (result.stdout, result.error, result.cut) == (b"hel", b"", True)
    with ready.cri.host.turn() as world:
        assert world.store.containers.get(running).execs == []  # nobody is there for it


def test_the_connection_breaks_in_place_of_its_end(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = stream:reset(after)", strict=True):
        result = sh(BOTH).result()
    assert (result.stdout, result.exit_code, result.cut) == (b"out\n", 3, True)


@pytest.mark.parametrize(("policy", "left"), [("abort", 0), ("finish", 1)])
def test_what_becomes_of_the_process_when_its_client_goes(
    ready: Node, running: str, sh: Open, policy: str, left: int
) -> None:
    with ready.cri.faults(f"Exec = stream:cancel({policy})", strict=left > 0):
        with sh("sleep 50"):
            ready.cri.advance(1)
        ready.cri.advance(1)
        with ready.cri.host.turn() as world:
            assert len(world.store.containers.get(running).execs) == left
        ready.cri.advance(60)
        with ready.cri.host.turn() as world:
            assert world.store.containers.get(running).execs == []


def test_a_session_is_given_up_before_its_time(ready: Node, running: str) -> None:
    with ready.cri.faults("Exec = idle(30s)", strict=True):
        session = redeemed(ready, url_of(ready, running, "sleep", "999"))
        session.touch()
        ready.cri.advance(29)
        assert not session.ended
        ready.cri.advance(2)
        assert (session.ended, session.cut) == (True, True)


# Port-forward.


def open_forward(node: Node, pod: str) -> Stream:
    return node.cri.stream(node.runtime.PortForward(pb.PortForwardRequest(pod_sandbox_id=pod)).url)


def test_a_refused_port_is_not_told_of(ready: Node) -> None:
    pod = ready.run_sandbox()
    with ready.cri.faults("PortForward = linger", strict=True), open_forward(ready, pod) as stream:
        stream.connect(81)
        wait_in_vain(ready, stream)
        assert session_of(stream).is_full(1)


def test_a_refused_port_ends_without_a_reason(ready: Node) -> None:
    pod = ready.run_sandbox()
    with (
        ready.cri.faults("PortForward = drop(error)", strict=True),
        open_forward(ready, pod) as stream,
    ):
        connection = stream.connect(81)
        assert (connection.read(), connection.error()) == (b"", b"")


def test_a_port_forward_breaks_in_the_middle_of_an_answer(ready: Node) -> None:
    pod = ready.run_sandbox()
    ready.pull("nginx")
    ready.run(pod, image="nginx")
    with (
        ready.cri.faults("PortForward = stream:reset(10)", strict=True),
        open_forward(ready, pod) as stream,
    ):
        connection = stream.connect(80)
        connection.write(b"GET / HTTP/1.1\r\nHost: web\r\n\r\n")
        assert b"".join(iter(connection.read, b"")) == b"HTTP/1.1 2"
        assert stream.result().cut


# Rules that act when the call is long over.


def test_an_act_on_a_session_counts_for_its_call(ready: Node, running: str) -> None:
    with ready.cri.faults("Exec = merge", strict=True) as scope:
        url = url_of(ready, running, "sh", "-c", BOTH)
        call = ready.cri.calls[-1]
        assert (scope.fired, call.faults) == (0, [])
        ready.cri.stream(url).result()
        assert (scope.fired, scope.calls) == (1, [call])
        (fired,) = call.faults
        assert (fired.action, fired.phase, fired.effect) == ("merge", "stream", "")
        assert fired.n > (call.ended_n or 0)


def test_a_url_that_nobody_uses_is_a_rule_that_never_fired(ready: Node, running: str) -> None:
    with (
        pytest.raises(UnfiredRule, match=r"1 call matched.*none came to the phase"),
        ready.cri.faults("Exec = merge", strict=True),
    ):
        url_of(ready, running, "true")


def test_a_rule_that_is_disarmed_still_acts_on_the_urls_that_it_knew(
    ready: Node, running: str
) -> None:
    with ready.cri.faults("Exec = merge") as scope:
        url = url_of(ready, running, "sh", "-c", BOTH)
    assert ready.cri.stream(url).result().stdout == b"out\nerr\n"
    assert scope.fired == 1
    url = url_of(ready, running, "sh", "-c", BOTH)
    assert ready.cri.stream(url).result().stdout == b"out\n"


def test_a_url_that_is_asked_for_later_is_another_call(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = 1* off -> 1* merge -> status(9)", strict=True):
        results = [sh(BOTH).result() for _ in range(3)]
    assert [each.stdout for each in results] == [b"out\n", b"out\nerr\n", b"out\n"]
    assert [each.exit_code for each in results] == [3, 3, 9]


def test_rules_act_one_after_another_on_the_same_session(ready: Node, sh: Open) -> None:
    rules = ("Exec = merge", "Exec = drop(stdout, 6)", "Exec = status(1)", "Exec = drop(error)")
    with ready.cri.faults(rules, strict=True):
        result = sh(BOTH).result()
    assert (result.stdout, result.stderr, result.error) == (b"out\nerr\n"[:4] + b"er", b"", b"")


@pytest.mark.parametrize("action", ["linger", "stream:slow(1)", "stall", "stream:hang"])
def test_a_restart_ends_what_a_rule_holds_up(ready: Node, running: str, action: str) -> None:
    with ready.cri.faults(f"Exec = {action}"):
        url = url_of(ready, running, "sh", "-c", BOTH)
        session = redeemed(ready, url)
        ready.cri.advance(1)
        assert not session.ended
        ready.cri.restart_runtime()
        assert (session.ended, session.cut) == (True, True)


def test_equal_runs_are_equal_to_the_byte_whatever_rules_do_to_sessions() -> None:
    def record() -> str:
        sink = io.StringIO()
        rules = (
            "Exec = 50% stream:delay(uniform, 1s, 9s)",
            "Exec = nth 2 stream:slow(100)",
            "Exec = 30% linger(outputs)",
            "Exec = merge",
        )
        with CRI(seed=3, record=sink, rules=rules) as cri:
            cri.image_service.pull_image(pb.ImageSpec(image="busybox"))
            sandbox = cri.runtime_service.run_pod_sandbox(sandbox_config())
            request = create_request(sandbox, "sleep", "9999")
            container = cri.runtime.CreateContainer(request).container_id
            cri.runtime_service.start_container(container)
            for _ in range(4):
                asked = pb.ExecRequest(
                    container_id=container, cmd=["sh", "-c", BOTH], stdout=True, stderr=True
                )
                with cri.stream(cri.runtime.Exec(asked).url) as stream:
                    assert b"".join(iter(stream.read, b"")) in {b"out\n", b"out\nerr\n"}
        return sink.getvalue()

    text = record()
    assert text == record()
    faults = [json.loads(line) for line in text.splitlines() if json.loads(line)["kind"] == "fault"]
    assert {"merge", "linger(outputs)", "slow(100)"} <= {each["action"] for each in faults}
    Recording.parse(text.splitlines())


# What is easily got wrong.


def test_the_size_of_the_window_is_lost(ready: Node, running: str) -> None:
    with ready.cri.faults("Exec = drop(resize)", strict=True):
        url = url_of(ready, running, "sleep", "5", tty=True, stderr=False)
        with ready.cri.stream(url) as stream:
            stream.resize(132, 43)
            assert session_of(stream).window is None


def test_a_slow_attachment_tells_its_end_once(ready: Node) -> None:
    container = ready.run(ready.run_sandbox(), "sh", "-c", "sleep 1; echo bye; read x", stdin=True)
    with ready.cri.faults("Attach = stream:slow(1)", strict=True):
        request = pb.AttachRequest(container_id=container, stdout=True, stdin=True)
        stream = ready.cri.stream(ready.runtime.Attach(request).url)
        ready.cri.advance(2)
        stream.close_stdin()  # which ends it
        ready.cri.state.container(container).exit(0)  # and once more
        result = stream.result()
    assert (result.stdout, result.error) == (b"bye\n", b'{"status":"Success"}')


def test_a_client_that_hangs_up_gets_nothing_that_was_held_back(ready: Node, sh: Open) -> None:
    with ready.cri.faults("Exec = stream:slow(1)", strict=True):
        stream = sh("echo hello; sleep 999")
        ready.cri.advance(2)
        session = session_of(stream)
        stream.hang_up()
        ready.cri.advance(60)
        assert (session.held, session.readable, session.ended) == (0, False, True)


def test_a_port_forward_that_goes_well_is_not_drained_either(ready: Node) -> None:
    pod = ready.run_sandbox()
    ready.pull("nginx")
    ready.run(pod, image="nginx")
    with ready.cri.faults("PortForward = linger", strict=True), open_forward(ready, pod) as stream:
        connection = stream.connect(80)
        connection.write(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n")
        assert connection.read().startswith(b"HTTP/1.1 200 OK")
        wait_in_vain_for_more(ready, stream)


def wait_in_vain_for_more(node: Node, stream: Stream) -> None:
    """Take all there is; neither an end nor an error is among it."""
    node.cri.advance(3600)
    session = session_of(stream)
    with node.cri.host.turn():
        parcels = list(iter(session.take, None))
    assert not any(each.ends or each.channel.startswith("error") for each in parcels)
    assert not session.ended


def test_a_port_forward_tells_an_error_of_the_rule_s(ready: Node) -> None:
    pod = ready.run_sandbox()
    rule = 'PortForward = status("no such port")'
    with ready.cri.faults(rule, strict=True), open_forward(ready, pod) as stream:
        connections = [stream.connect(port) for port in (81, 82)]
        assert [each.error() for each in connections] == [b"no such port"] * 2
