"""Level 3 of the taxonomy: what goes wrong behind the URLs of Exec, Attach and PortForward.

On the object face a client uses a URL without a wire; on the other it speaks SPDY, or a WebSocket
where the test is about that.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.sessions import Session
from fakecri.errors import Missing
from fakecri.stream import NotUpgraded
from tests.streaming import spdy_client, websocket_client
from tests.streaming.upgraded import RefusalError
from tests.support import Node
from tests.taxonomy.shows import shows


class Pod:
    """A pod, and a client of what its URLs lead to."""

    def __init__(self, node: Node, opened: ExitStack) -> None:
        self.node = node
        self.id = node.run_sandbox()
        self.container = node.run(self.id, "sleep", "infinity")
        self._opened = opened

    def url(self, script: str, **fields: Any) -> str:
        """Ask for an exec."""
        flags = {"stdout": True, "stderr": True, **fields}
        request = pb.ExecRequest(container_id=self.container, cmd=["sh", "-c", script], **flags)
        return self.node.runtime.Exec(request).url

    def exec(self, script: str, **fields: Any) -> Any:
        """Execute a script as a client of the URL."""
        return self.use(self.url(script, **fields), **fields)

    def use(self, url: str, **flags: Any) -> Any:
        """Use the URL of an exec."""
        if self.node.face == "object":
            return self._opened.enter_context(self.node.cri.stream(url))
        return self._opened.enter_context(spdy_client.open(url, **flags))

    def forward(self) -> Any:
        """Forward ports of the pod."""
        request = pb.PortForwardRequest(pod_sandbox_id=self.id)
        url = self.node.runtime.PortForward(request).url
        forward = self.node.cri.stream if self.node.face == "object" else spdy_client.forward
        return self._opened.enter_context(forward(url))

    def is_refused(self, url: str) -> int:
        """Return the status of HTTP that a client of a URL is answered with."""
        try:
            self.use(url)
        except Missing:
            return 404
        except NotUpgraded as error:
            return error.status
        except RefusalError as error:
            return error.answer.status
        raise AssertionError(url)

    def wait_in_vain(self, client: Any) -> Session:
        """Let an hour pass; return the one session, which has not ended and has nothing to say."""
        if hasattr(client, "wire"):
            client.wire.ping()  # so that all is here that was sent before
        self.node.cri.advance(3600)
        with self.node.cri.host.turn() as world:
            (session,) = world.sessions
            assert not session.ended
        if hasattr(client, "wire"):
            frames = len(client.wire.frames)
            client.wire.ping()
            assert len(client.wire.frames) == frames + 1  # the echo alone
        else:
            assert not session.readable
        return session


@pytest.fixture
def pod(node: Node, rule: None) -> Iterator[Pod]:
    """Run a pod, with the rule in force."""
    with ExitStack() as opened:
        yield Pod(node, opened)


@shows("S20", "Exec = expire", "404: it has expired")
@shows("S20", "Exec = 2* freeze(60s)", "404: the same URL again, which was used")
def test_a_url_leads_to_nothing_any_more(pod: Pod, text: str) -> None:
    if "freeze" in text:
        url = pod.url("true")
        assert pod.use(url).result().exit_code == 0
        assert pod.url("true") == url
        assert pod.is_refused(url) == 404
    else:
        assert pod.is_refused(pod.url("true")) == 404


@shows("S20", 'Exec = stream:error(503, "no backend")', "503 instead of the upgrade")
def test_a_url_is_answered_with_an_error(pod: Pod) -> None:
    assert pod.is_refused(pod.url("true")) == 503


@shows("S20", "Exec = stream:reset", "the connection is torn before any answer")
def test_a_url_is_not_answered(pod: Pod) -> None:
    with pytest.raises(ConnectionResetError):
        pod.exec("true")


@shows("S21", "Exec = linger", "the output, and nothing more, though the process has ended")
def test_a_process_ends_and_its_client_never_hears_of_it(pod: Pod) -> None:
    stream = pod.exec("echo hello")
    assert stream.read() == b"hello\n"
    pod.wait_in_vain(stream)
    with pod.node.cri.host.turn() as world:
        assert world.store.containers.get(pod.container).execs == []


@shows("S21", "Exec = linger(status)", "the status; the connection stays open")
def test_a_status_comes_and_the_connection_stays(pod: Pod) -> None:
    stream = pod.exec("exit 3")
    assert json.loads(stream.read("error"))["reason"] == "NonZeroExitCode"
    pod.wait_in_vain(stream)


@shows("S22", "Exec = ignore_eof", "`cat` never ends, although its input has")
def test_the_end_of_the_input_is_not_passed_on(pod: Pod) -> None:
    stream = pod.exec("cat", stdin=True)
    stream.write(b"hello")
    stream.close_stdin()
    assert stream.read() == b"hello"
    pod.wait_in_vain(stream)


@shows("S23", "PortForward = linger", "no error, no end; the client hangs")
def test_a_refused_port_is_not_drained(pod: Pod) -> None:
    stream = pod.forward()
    stream.connect(81)
    session: Any = pod.wait_in_vain(stream)
    assert session.is_full(1)


@shows("S24", "Exec = drop(error)", "the output, and no exit code")
@shows("S24", "Exec = status(0)", "exit code 0 instead of 3")
@shows("S24", "Exec = merge", "stderr on stdout, as on a terminal")
@shows("S24", "Exec = drop(stderr)", "no stderr")
def test_the_channels_are_not_as_they_should_be(pod: Pod, text: str) -> None:
    result = pod.exec("echo out; echo err >&2; exit 3").result()
    expected = {
        "drop(error)": (b"out\n", b"err\n", None),
        "status(0)": (b"out\n", b"err\n", 0),
        "merge": (b"out\nerr\n", b"", 3),
        "drop(stderr)": (b"out\n", b"", 3),
    }[text.partition("= ")[2]]
    assert (result.stdout, result.stderr, result.exit_code) == expected


@shows("S24", "Exec = stream:set(stderr, true)", "the server waits for a stream that never comes")
def test_the_set_of_streams_is_not_the_one_that_was_asked_for(pod: Pod) -> None:
    stream = pod.exec("echo hello", stderr=False)
    if pod.node.face == "object":  # without a wire there are no streams to wait for
        assert stream.result().stdout == b"hello\n"
        return
    stream.wire.ping()
    with pod.node.cri.host.turn() as world:
        assert len(list(world.sessions)) == 1
        assert world.store.containers.get(pod.container).execs == []


@shows("S25", "Exec = only(websocket)", "405: SPDY is not spoken")
@shows("S25", "Exec = only(spdy)", "400: WebSocket is not spoken")
@shows("S25", 'Exec = only("v[1-4].*")', "403: v5 is not spoken, as by containerd")
def test_only_one_transport_or_some_protocols_are_spoken(node: Node, text: str) -> None:
    with ExitStack() as opened, node.cri.faults(text, strict=True):
        pod = Pod(node, opened)
        if node.face == "object":
            node.cri.open_streams()
        answers = []
        for client in (spdy_client.open, websocket_client.open):
            try:
                opened.enter_context(client(pod.url("true")))
                answers.append(101)
            except RefusalError as refused:
                answers.append(refused.answer.status)
    expected = {"only(websocket)": [405, 101], "only(spdy)": [101, 400]}
    assert answers == expected.get(text.partition("= ")[2], [101, 403])
