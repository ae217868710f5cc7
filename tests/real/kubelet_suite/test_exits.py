"""How containers end is shown as the runtime tells it: codes, reasons, messages."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from fakecri import Ramp
from tests.real.kubelet_suite.manifests import box_named, pod
from tests.real.kubelet_suite.seen import calls, hear, state, while_waiting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.core.processes import Process
    from fakecri.core.scheduler import Waits
    from fakecri.kubelet import KubeletNode

pytestmark = pytest.mark.real

MIB = 2**20
EXITS = {0: "Completed", 1: "Error", 137: "Error", 143: "Error"}
"""Reasons, by exit codes."""
NOT_FOUND = (
    "failed to create containerd task: failed to create shim task: OCI runtime create failed: "
    "runc create failed: unable to start container process: "
    'exec: "nonsense": executable file not found in $PATH: unknown'
)
LOG = "/dev/termination-log"
ELSEWHERE = "/run/last-words"
FROM_LOGS: dict[str, Any] = {"terminationMessagePolicy": "FallbackToLogsOnError"}


def shell(name: str, script: str, **fields: Any) -> dict[str, Any]:
    return box_named(name, "sh", "-c", script, **fields)


MESSAGES = {
    "file": (shell("file", f"echo -n out of beans >{LOG}; exit 3"), "out of beans"),
    "elsewhere": (
        shell("elsewhere", f"echo -n gone >{ELSEWHERE}; exit 3", terminationMessagePath=ELSEWHERE),
        "gone",
    ),
    "well": (shell("well", f"echo -n all done >{LOG}", **FROM_LOGS), "all done"),
    "log": (shell("log", "echo one; echo two >&2; exit 4", **FROM_LOGS), "one\ntwo\n"),
    "both": (shell("both", f"echo log; echo -n file >{LOG}; exit 4", **FROM_LOGS), "file"),
    "quiet": (shell("quiet", "echo hello", **FROM_LOGS), ""),
    "plain": (shell("plain", "echo hello; exit 1"), ""),
    # What is shown is the end: 4096 bytes of a file, 80 lines or 2048 bytes of a log.
    "long": (
        shell("long", f"yes 0123456 | head -n 1000 >{LOG}; exit 1"),
        "0123456\n" * (4096 // 8),
    ),
    "many": (
        shell("many", "seq 100; exit 1", **FROM_LOGS),
        "".join(f"{number}\n" for number in range(21, 101)),
    ),
}
"""Containers, by their names, and what is shown as their last words."""

PODS = [
    pod(
        "exits",
        *[shell(f"exit-{code}", f"exit {code}") for code in EXITS],
        box_named("nonsense", "nonsense"),
        box_named("killed"),
        restartPolicy="Never",
    ),
    pod(
        "memory",
        box_named("struck"),
        box_named("hungry", "hungry", resources={"limits": {"memory": "32Mi"}}),
        restartPolicy="Never",
    ),
    pod("again", box_named("main")),
    pod("nonsense", box_named("main", "nonsense")),
    # The containers of a pod share the room for what is shown of them.
    *[pod(f"says-{name}", main, restartPolicy="Never") for name, (main, _) in MESSAGES.items()],
]


def hungry(process: Process) -> Waits[int]:
    """A program that leaks 32 MiB a second."""
    process.use(memory_bytes=Ramp(0, 320 * MIB, 10))
    yield from process.forever()
    return 0


@pytest.fixture(scope="module")
def node(kubelet_node: KubeletNode) -> Iterator[KubeletNode]:
    """The node, with all pods of this module."""
    cri = kubelet_node.cri
    with ExitStack() as stack:
        stack.callback(cri.register(hungry, command="hungry"))
        # In its first attempt alone it crashes.
        stack.callback(cri.behave(pod="again-*", run="crashloop/1s/5/1x").stop)
        stack.enter_context(kubelet_node.placed(*PODS))
        yield kubelet_node


def end(node: KubeletNode, pod_name: str, container: str) -> tuple[int, str]:
    """Wait until a container has ended; return its exit code and the reason."""
    said = state(node, pod_name, container, "terminated")
    return said["exitCode"], said["reason"]


def test_exit_codes_have_their_reasons(node: KubeletNode) -> None:
    for code, reason in EXITS.items():
        assert end(node, "exits", f"exit-{code}") == (code, reason)


def test_a_container_that_is_killed_has_128_and_the_signal(node: KubeletNode) -> None:
    state(node, "exits", "killed", "running")
    node.cri.state.container(f"exits-{node.kubelet.name}/killed").signal("SIGKILL")
    assert end(node, "exits", "killed") == (137, "Error")
    node.until(lambda: node.kubelet.phase("exits") == "Failed", "the pod to fail")


def test_a_command_that_is_not_found_is_an_error_of_the_start(node: KubeletNode) -> None:
    said = state(node, "exits", "nonsense", "terminated")
    assert (said["exitCode"], said["reason"]) == (128, "StartError")
    assert said["message"] == NOT_FOUND
    # It never started.
    assert said["startedAt"] == "1970-01-01T00:00:00Z"
    assert hear(node, "Failed", "exits", "nonsense") == [f"Error: {NOT_FOUND}"]


def test_a_start_that_fails_is_tried_again(node: KubeletNode) -> None:
    # The first two attempts follow each other at once, and each is a new container.
    node.until(lambda: len(calls(node, "CreateContainer", "nonsense")) > 1, "a second attempt")
    said = while_waiting(node, "nonsense", "main", "CrashLoopBackOff")
    assert node.kubelet.lines('\\"StartContainer\\" for \\"main\\" with RunContainerError')
    last = said["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (128, "StartError")
    assert not calls(node, "StartContainer", "nonsense")


def test_who_is_killed_for_memory_is_told_apart(node: KubeletNode) -> None:
    state(node, "memory", "struck", "running")
    node.cri.state.container(f"memory-{node.kubelet.name}/struck").oom()
    assert end(node, "memory", "struck") == (137, "OOMKilled")


def test_who_eats_more_memory_than_its_limit_is_killed_for_it(node: KubeletNode) -> None:
    assert end(node, "memory", "hungry") == (137, "OOMKilled")
    (creation,) = calls(node, "CreateContainer", "memory", "hungry")
    assert creation.request.config.linux.resources.memory_limit_in_bytes == 32 * MIB


def test_how_it_ended_before_is_shown_after_a_restart(node: KubeletNode) -> None:
    node.until(lambda: node.kubelet.container("again", "main").get("restartCount"), "a restart")
    state(node, "again", "main", "running")
    said = node.kubelet.container("again", "main")
    assert said["restartCount"] == 1
    assert said["lastState"]["terminated"]["exitCode"] == 5
    assert said["lastState"]["terminated"]["containerID"] != said["containerID"]


@pytest.mark.parametrize("name", MESSAGES)
def test_last_words_are_shown(node: KubeletNode, name: str) -> None:
    said = state(node, f"says-{name}", name, "terminated")
    assert said.get("message", "") == MESSAGES[name][1]
