"""Exec, Attach and PortForward: the URLs they answer with. Source: lifecycle 17, streaming 2."""

import re
from typing import Any

import pytest

from fakecri.api import runtime_pb2 as pb
from fakecri.core.streaming.commands import Attach
from fakecri.core.tokens import LIMIT, Ticket
from tests.behaviour.steps import (
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
    UNKNOWN,
    crash_sandbox,
    listen,
    lose,
    wait,
)
from tests.support import Node, raises_status

URL = re.compile(r"http://127\.0\.0\.1:\d+/(exec|attach|portforward)/([A-Za-z0-9_-]{8})")


def exec_(node: Node, id_: str, **fields: Any) -> str:
    """Ask for an exec; return the URL."""
    return node.runtime.Exec(pb.ExecRequest(container_id=id_, **fields)).url


def attach(node: Node, id_: str, **fields: Any) -> str:
    """Ask to be attached; return the URL."""
    return node.runtime.Attach(pb.AttachRequest(container_id=id_, **fields)).url


def forward(node: Node, pod: str, *ports: int) -> str:
    """Ask for ports; return the URL."""
    request = pb.PortForwardRequest(pod_sandbox_id=pod, port=ports)
    return node.runtime.PortForward(request).url


def consume(node: Node, url: str) -> Any:
    """Come back with the token of a URL; return the request behind it."""
    with node.cri.host.turn() as world:
        ticket = world.tokens.consume(url.rpartition("/")[2])
        return ticket and ticket.request


@pytest.fixture
def pod(ready: Node) -> str:
    """Return the sandbox on the node."""
    return ready.run_sandbox()


@pytest.fixture
def running(ready: Node, pod: str) -> str:
    """Return the container that runs in it."""
    return ready.run(pod, "sleep", "999")


def test_a_url_names_the_host_the_method_and_a_token(ready: Node, pod: str, running: str) -> None:
    events = listen(ready)
    urls = [
        exec_(ready, running, cmd=["true"], stdout=True),
        attach(ready, running, stdin=True),
        forward(ready, pod, 80),
    ]
    matches = [URL.fullmatch(url) for url in urls]
    assert [match and match[1] for match in matches] == ["exec", "attach", "portforward"]
    assert len({match[2] for match in matches if match}) == 3
    # Nothing has happened.
    assert events.drain() == []


def test_nothing_but_the_flags_is_checked(ready: Node, pod: str, running: str) -> None:
    exec_(ready, running, stdout=True)
    exec_(ready, running, cmd=["/no/such/program"], stdout=True)
    attach(ready, running, tty=True, stdout=True)
    for ports in ((), (-1, 0, 2**31 - 1)):
        forward(ready, pod, *ports)


def test_a_token_stands_for_the_request_as_it_was_given_once(
    ready: Node, pod: str, running: str
) -> None:
    request = pb.ExecRequest(container_id=running[:9], cmd=["id", "-u"], stdin=True, tty=True)
    url = ready.runtime.Exec(request).url
    assert consume(ready, url) == request
    assert consume(ready, url) is None
    assert consume(ready, f"{url}x") is None
    assert consume(ready, forward(ready, pod, -5)).port == [-5]


def test_a_token_lives_for_a_minute(ready: Node, running: str) -> None:
    urls = [attach(ready, running, stdout=True) for _ in range(2)]
    wait(ready, 59.999)
    assert consume(ready, urls[0]) is not None
    wait(ready, 0.001)
    assert consume(ready, urls[1]) is None


NONE_OF_EXEC = "one of stdin, stdout, or stderr must be set"
NONE_OF_ATTACH = "one of stdin, stdout, and stderr must be set"
BOTH = "tty and stderr cannot both be true"


@pytest.mark.parametrize(
    ("flags", "text_of_exec", "text_of_attach"),
    [
        ({}, NONE_OF_EXEC, NONE_OF_ATTACH),
        ({"tty": True}, NONE_OF_EXEC, NONE_OF_ATTACH),
        ({"tty": True, "stderr": True}, BOTH, BOTH),
        ({"tty": True, "stdout": True, "stderr": True}, BOTH, BOTH),
    ],
)
def test_flags_have_to_make_sense(
    ready: Node, running: str, flags: dict[str, bool], text_of_exec: str, text_of_attach: str
) -> None:
    with raises_status(INVALID_ARGUMENT, text_of_exec):
        exec_(ready, running, cmd=["true"], **flags)
    with raises_status(INVALID_ARGUMENT, text_of_attach):
        attach(ready, running, **flags)


@pytest.mark.parametrize("state", ["CREATED", "EXITED", "UNKNOWN"])
def test_the_state_is_checked_before_the_flags(ready: Node, pod: str, state: str) -> None:
    made = ready.create(pod, "true")
    if state == "EXITED":
        ready.start(made)
    if state == "UNKNOWN":
        lose(ready, made)
    for ask in (exec_, attach):
        with raises_status(UNKNOWN, f"container is in CONTAINER_{state} state"):
            ask(ready, made)


def test_ports_are_those_of_a_ready_sandbox(ready: Node) -> None:
    for name, spoil in (("a", ready.stop_sandbox), ("b", lambda pod: crash_sandbox(ready, pod))):
        pod = ready.run_sandbox(name)
        spoil(pod)
        with raises_status(UNKNOWN, "sandbox container is not running"):
            forward(ready, pod, 80)


def test_a_thousand_tokens_may_wait_until_they_are_used_or_too_old(
    ready: Node, pod: str, running: str
) -> None:
    url = forward(ready, pod)
    with ready.cri.host.turn() as world:
        for _ in range(LIMIT - 1):
            world.tokens.insert(Ticket(Attach, pb.AttachRequest()), world.new_token)
    full = "maximum number of in-flight requests exceeded"
    for ask in (exec_, attach):
        with raises_status(RESOURCE_EXHAUSTED, full):
            ask(ready, running, stdout=True)
    with raises_status(RESOURCE_EXHAUSTED, full):
        forward(ready, pod)
    assert consume(ready, url) is not None
    exec_(ready, running, stdout=True)
    with raises_status(RESOURCE_EXHAUSTED, full):
        exec_(ready, running, stdout=True)
    wait(ready, 60)
    exec_(ready, running, stdout=True)
