"""Rules of every kind over calls of every kind, in any order: what comes out is in order.

Rules are combined as nobody would: with each other, with clients that go, with a runtime that
restarts. Whatever they do, a client gets an answer, an error of gRPC or a `UsageError`, nothing is
in flight when all have gone, and equal runs are equal to the byte.
"""

import io
import re
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri import CRI, Stuck, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.targets import WORDS
from fakecri.core.recording import Recording
from fakecri.core.streaming.commands import Command
from fakecri.core.streaming.forwards import Forward
from fakecri.rpcs import RPCS
from fakecri.rules import parse_rule
from tests.invariants import check_struck
from tests.support import create_request, sandbox_config

ACTIONS = (
    "off",
    'error(UNAVAILABLE, "ü\\u0000☃")',
    "error(RESOURCE_EXHAUSTED, no, details)",
    "delay(1s)",
    "delay(uniform, 1ms, 2s)",
    "delay(lognormal, 1s, 1.5)",
    "delay(ramp, 0s, 3s, 3)",
    "hang",
    "hang(deadline)",
    "gate(one)",
    "gate(two)",
    "lost",
    "lost(deadline)",
    "twice",
    "noop",
    "later(2s)",
    "serial",
    "serial(all, 2)",
    "cancel(abort)",
    "cancel(finish)",
    "cancel(leak)",
    "set(container_id, nope)",
    "set(containers[0].created_at, 5)",
    "set(containers[*].labels.a, 3)",
    "set(status.state, CONTAINER_UNKNOWN)",
    "set(status.network.ip, 10.0.0.1)",
    "set(info.new, text)",
    "set(stdout, bytes)",
    "set(exit_code, -3)",
    "unset(status)",
    "unset(items[0])",
    "shift(status.created_at, -5s)",
    "shift(containers[*].created_at, 1h)",
    "omit",
    "omit(state=running)",
    "repeat",
    "shuffle",
    "freeze(3s)",
    "pad(1000)",
    "empty",
    "unfiltered",
    "future(9000, text)",
    "end",
    "end(ABORTED, bye)",
    "drop",
    "drop(2)",
    "drop(STARTED, 1)",
    "dup",
    "dup(ANY, 1)",
    "reorder",
    "reorder(3)",
    "split",
    "split(2)",
    "stall",
    "hold(CREATED, 2s)",
    "overflow(1)",
    "starve",
    "refuse(2s)",
    "reset",
    "reset(after)",
    "goaway",
    "rst(CANCEL)",
    "half_open",
    "slow(1000)",
    "slice(10)",
    "expire",
    "expire(2s)",
    "only(spdy)",
    'only("v[1-3].*")',
    "idle(3s)",
    "ignore_eof",
    "merge",
    "status(7)",
    "status(text)",
    "linger",
    "linger(outputs)",
    "linger(status)",
    "error(503, no)",
    "set(tty, true)",
    "set(cmd[0], nope)",
    "drop(stdout, 2)",
    "drop(error)",
    "drop(stdin)",
    "drop(data)",
    "stall(5)",
    "stall(stdin)",
    "stall(stderr, 1)",
    "reset(5)",
)
PHASES = ("", "", "", "before:", "during:", "after:", "stream:", "stream:")
TRIGGERS = (
    *("", "", "", "1*", "2*", "nth 2", "after 1", "every 2", "first 2s", "for 2s", "from 3s"),
    *("until 4s", "while running", "on_connect", "once", "max 1", "at 1", "at 2", "50%", "3* 50%"),
)
_PROGRAMS = ("sleep", "cat", "echo", "yes")
_SPOKEN = ("v4.channel.k8s.io", "v2.channel.k8s.io", "portforward.k8s.io")
SELECTORS = ("", "", "", "{pod=a}", "{state=running}", "{attempt<1}", "{n>1}", "{container!=x}")
TARGETS = (*WORDS, *RPCS)

_terms = st.builds(
    lambda *parts: " ".join(each for each in parts if each),
    st.sampled_from(TRIGGERS),
    st.builds(str.__add__, st.sampled_from(PHASES), st.sampled_from(ACTIONS)),
)


def _is_rule(text: str) -> bool:
    try:
        parse_rule(text)
    except UsageError:
        return False
    return True


_rules = st.builds(
    lambda target, selector, terms: f"{target}{selector} = {' -> '.join(terms)}",
    st.sampled_from(TARGETS),
    st.sampled_from(SELECTORS),
    st.lists(_terms, min_size=1, max_size=2),
).filter(_is_rule)
_STRIKES = (
    "runtime restart",
    "runtime restart down=2s init=1s",
    "runtime restart keep=none",
    "runtime restart keep=unknown",
    "node reboot down=1s",
    "sandbox a die",
    "container a/x exit 3",
    "container a/x forget",
    "disk fill",
    "disk clear",
)
_steps = st.one_of(
    st.tuples(st.just("arm"), _rules),
    st.tuples(
        st.just("call"),
        st.sampled_from(sorted(RPCS)),
        st.integers(0, 3),
        st.sampled_from((None, 1, 3)),
    ),
    st.tuples(
        st.just("call"),
        st.sampled_from(("RunPodSandbox", "CreateContainer", "StartContainer", "StopContainer")),
        st.integers(0, 3),
        st.sampled_from((None, 1, 3)),
    ),
    st.tuples(st.just("hang up"), st.integers(0, 5)),
    st.tuples(st.just("take"), st.integers(0, 5)),
    st.tuples(st.just("disarm"), st.integers(0, 5)),
    st.tuples(st.just("reset"), st.integers(0, 5)),
    st.tuples(st.just("release"), st.sampled_from(("one", "two")), st.sampled_from((None, 1))),
    st.tuples(st.just("advance"), st.sampled_from((1, 2, 5))),
    st.tuples(st.just("strike"), st.sampled_from(_STRIKES)),
)
URLS = {
    rpc: [each for each in ACTIONS if _is_rule(f"{rpc} = stream:{each}")]
    for rpc in ("Exec", "Attach", "PortForward")
}
"""What can be done to the sessions behind URLs."""
_USES = ("take", "take", "feed", "close_stdin", "resize", "hang up")


@st.composite
def session_scripts(draw: st.DrawFn) -> list[tuple[Any, ...]]:
    """Return a script that is about sessions above all, with rules for them from the start."""
    rpc = draw(st.sampled_from(("Exec", *URLS)))
    actions = draw(st.lists(st.sampled_from(URLS[rpc]), min_size=1, max_size=3))
    whens = st.sampled_from(("", "", "1* ", "every 2 "))
    rules = [("arm", f"{rpc} = {draw(whens)}stream:{action}") for action in actions]
    stream = st.tuples(st.just("stream"), st.just(rpc), st.integers(0, 3))
    use = st.tuples(st.just("use"), st.sampled_from(_USES), st.integers(0, 5))
    return [*rules, draw(stream), *draw(st.lists(stream | use | use | _steps, max_size=20))]


SCRIPTS = st.lists(_steps, min_size=3, max_size=30)
Script = Sequence[tuple[Any, ...]]


class Run:
    """A runtime with a script going over it."""

    def __init__(self, pace: str) -> None:
        self.record = io.StringIO()
        self.cri = CRI(seed=7, pace=pace, record=self.record)
        self.scopes: list[Any] = []
        self.pending: list[Any] = []
        self.streams: list[Any] = []
        self.may_leak = False
        self.call("PullImage", 0, None)
        for number in range(2):
            self.call("RunPodSandbox", number, None)
        self.call("CreateContainer", 0, None)
        self.call("StartContainer", 0, None)
        self.pending.clear()

    def request(self, rpc: str, index: int) -> Any:
        """Return a request of this RPC that is about something that may be there."""
        store, pod = self.cri.host.world.store, "ab"[index % 2]
        sandboxes = [each.id for each in store.sandboxes] or ["gone"]
        containers = [each.id for each in store.containers] or ["gone"]
        sandbox, container = sandboxes[index % len(sandboxes)], containers[index % len(containers)]
        if rpc == "RunPodSandbox":
            return pb.RunPodSandboxRequest(config=sandbox_config(pod, attempt=index // 2))
        if rpc == "CreateContainer":
            return create_request(sandbox, "cat", name="xy"[index % 2], pod="a", stdin=True)
        request: Any = RPCS[rpc].request()
        for field in request.DESCRIPTOR.fields:
            if field.name == "container_id":
                request.container_id = container
            elif field.name == "pod_sandbox_id":
                request.pod_sandbox_id = sandbox
            elif field.name == "cmd":
                request.cmd.extend((_PROGRAMS[index % 4] if rpc == "Exec" else "sleep", str(index)))
            elif field.name in {"stdin", "stdout", "stderr"} and not field.message_type:
                setattr(request, field.name, rpc != "ExecSync")
            elif field.name == "image":
                request.image.image = "busybox"
        if rpc == "StopContainer":
            request.timeout = index
        return request

    def call(self, rpc: str, index: int, timeout: float | None) -> None:
        service = self.cri.runtime if hasattr(self.cri.runtime, rpc) else self.cri.images
        method: Any = getattr(service, rpc)
        request = self.request(rpc, index)
        begin = method if RPCS[rpc].streams else method.future
        self.pending.append(begin(request, timeout=timeout))

    def stream(self, rpc: str, index: int) -> None:
        """Use the URL of an Exec, Attach or PortForward as a transport does."""
        pending = getattr(self.cri.runtime, rpc).future(self.request(rpc, index))
        self.pending.append(pending)
        if not pending.done():
            return
        _, _, _, method, token = pending.result().url.split("/")
        with self.cri.host.turn() as world:
            session = world.sessions.redeem(method, token)
            if session is not None:
                self.streams.append(session)
                session.knock(lambda refusal: None if refusal else self.begin(session))

    def begin(self, session: Any) -> None:
        served = session.troubles.protocols(_SPOKEN, _SPOKEN)
        if not served or session.troubles.transport("websocket") != "websocket":
            return
        session.begin(f"test {served[0]}")
        session.touch()
        if isinstance(session, Forward):
            session.connect(80)
        else:
            session.start()

    def use(self, what: str, index: int) -> None:
        """Do to a session what a transport does."""
        if not self.streams:
            return
        session = self.streams[index % len(self.streams)]
        with self.cri.host.turn():
            if what == "take":
                while session.take(100):
                    pass
            elif what == "hang up":
                session.hang_up()
            elif isinstance(session, Command) and session in self.cri.host.world.sessions:
                getattr(session, what)(*{"feed": (b"hello\n",), "resize": (80, 24)}.get(what, ()))

    def arm(self, text: str) -> None:
        self.scopes.append(self.cri.faults(text))
        self.may_leak = self.may_leak or "leak" in text

    def step(self, what: str, *values: Any) -> None:
        """Do a step. It may be refused as a client or a test is refused, and not otherwise."""
        if what in {"hang up", "take"}:
            if self.pending:
                self.touch(what, self.pending[values[0] % len(self.pending)])
        elif what in {"disarm", "reset"}:
            if self.scopes:
                getattr(self.scopes[values[0] % len(self.scopes)], what)()
        elif what == "release":
            gate, number = values
            self.cri.gates[gate].release(*(() if number is None else (number,)))
        elif what == "advance":
            self.cri.advance(values[0])
        elif what == "strike":
            self.cri.state.strike(values[0])
        else:
            getattr(self, what)(*values)

    def touch(self, what: str, pending: Any) -> None:
        if what == "hang up":
            pending.cancel()
        elif hasattr(pending, "result"):
            if pending.done():
                pending.result()
        else:
            next(pending)

    def go(self, script: Script) -> str:
        """Take the steps, have everybody go, and return the recording."""
        for step in script:
            with suppress(grpc.RpcError, UsageError, Stuck, StopIteration):
                self.step(*step)
        self.cri.faults.disarm()
        for name in ("one", "two"):
            self.cri.gates[name].close()  # work that is to be finished for nobody stays held there
        for pending in self.pending:
            pending.cancel()
        self.cri.advance(5)
        with self.cri.host.turn():
            for session in self.streams:
                while session.take():
                    pass
                session.hang_up()
        self.cri.advance(60)
        world = self.cri.host.world
        assert list(world.sessions) == []
        assert list(world.in_flight) == []
        assert dict(world.late) == {}
        if not self.may_leak:
            check_struck(world)
        self.cri.close()
        return self.record.getvalue()


# What an exception of Python's looks like to a client: see `pipeline.perform`.
_BUG = re.compile(r'"text":"[A-Z]\w*(?:Error|Exception|Iteration|Move): ')


@settings(max_examples=400)
@given(SCRIPTS, st.sampled_from(("manual", "autojump")))
def test_whatever_rules_do_calls_end_and_equal_runs_are_equal(script: Script, pace: str) -> None:
    recorded = Run(pace).go(script)
    assert recorded == Run(pace).go(script)
    assert not _BUG.search(recorded)
    recording = Recording.parse(recorded.splitlines())
    assert all(call.reply is not None for call in recording.calls)
    assert any(call.rpc == "StartContainer" for call in recording.calls)


@settings(max_examples=200)
@given(session_scripts(), st.sampled_from(("manual", "autojump")))
def test_whatever_rules_do_to_sessions_they_end_and_equal_runs_are_equal(
    script: Script, pace: str
) -> None:
    recorded = Run(pace).go(script)
    assert recorded == Run(pace).go(script)
    assert not _BUG.search(recorded)
    Recording.parse(recorded.splitlines())


def test_a_pod_that_dies_while_nobody_is_let_in_is_notready() -> None:
    run = Run("manual")
    for step in (
        ("arm", "Version = refuse(2s)"),
        ("call", "Version", 0, None),
        ("strike", "sandbox a die"),
    ):
        run.step(*step)
    run.cri.advance(2)
    states = [each.state.name for each in run.cri.host.world.store.sandboxes]
    assert states == ["NOTREADY", "READY"]
    run.go(())


def test_a_container_that_ends_while_nobody_is_let_in_has_exited() -> None:
    run = Run("manual")
    run.step("arm", "Version = refuse(2s)")
    run.step("call", "Version", 0, None)
    run.step("strike", "container a/x exit 3")
    run.cri.advance(2)
    (container,) = run.cri.host.world.store.containers
    assert (container.state.name, container.exit_code) == ("EXITED", 3)
    run.go(())


def test_a_restart_while_nobody_is_let_in_opens_again_when_it_is_over() -> None:
    run = Run("manual")
    run.step("arm", "Version = 1* refuse(9s)")
    run.step("call", "Version", 0, None)
    run.step("strike", "runtime restart down=2s")
    run.cri.advance(2)
    run.cri.runtime_service.version()
    run.go(())


@pytest.mark.parametrize(
    ("rpc", "held"),
    [
        ("GetContainerEvents", "off"),
        ("StopContainer", "during:hang"),
        ("StopContainer", "after:gate(closed)"),
        ("StopContainer", "before:gate(closed)"),
        ("StopContainer", "lost"),
    ],
)
def test_what_is_finished_for_nobody_does_not_stay_in_flight(rpc: str, held: str) -> None:
    run = Run("manual")
    run.arm(f"{rpc} = {held}")
    run.arm("* = cancel(finish)")
    run.call(rpc, 0, 1)
    run.cri.advance(1)
    assert list(run.cri.host.world.in_flight) == []
    run.go(())
