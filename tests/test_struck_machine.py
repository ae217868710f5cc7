"""Calls and state faults in any order: whatever happens, nothing leaks and all can be removed."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import grpc
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from fakecri import CRI, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.world import World
from tests.behaviour.steps import put_image
from tests.invariants import check_struck
from tests.support import Node, create_request, sandbox_config

PODS = st.sampled_from(["a", "b"])
NAMES = st.sampled_from(["x", "y"])
COMMANDS = st.sampled_from(["cat", "true", "sleep 3", "nosuch"])
VERBS_OF_CONTAINERS = (
    "exit 0",
    "exit 3 reason=Why",
    "signal TERM",
    "oom",
    "oom code=0",
    "oom child",
    "lose",
    "recover",
    "forget",
    "forget silent",
    "unkillable",
    "killable",
)
VERBS_OF_PODS = ("die", "drop-ip", "drop-ip held", "lose", "recover", "forget", "forget silent")
FINDINGS = ("unknown", "unreadable", "dead", "lost", "started")
OTHERS = (
    "ips exhaust leave=1",
    "ips restore",
    "network del-fails broken",
    "network restore",
    "disk fill",
    "disk clear",
)
DUES = st.sampled_from(["", "after 1s ", "after 4s "])


class Struck(RuleBasedStateMachine):
    """Calls that may fail, and faults that may find nothing to happen to."""

    @initialize()
    def open(self) -> None:
        self.cri = CRI(pace="manual")
        self.node = Node(self.cri, self.cri.runtime, self.cri.images, "object")
        put_image(self.node, "busybox")

    @property
    def world(self) -> World:
        return self.cri.host.world

    def call(self, method: Callable[..., Any], *values: Any) -> None:
        """Make a call that may fail. It is given up where nothing ends it."""
        with suppress(grpc.RpcError, grpc.FutureTimeoutError):
            pending = method.future(*values, timeout=5)  # type: ignore[attr-defined]  # of the object face
            if not pending.done():
                self.cri.advance(5)
            pending.result()

    # Calls.

    @rule(pod=PODS, attempt=st.integers(0, 1))
    def run_sandbox(self, pod: str, attempt: int) -> None:
        config = sandbox_config(pod, attempt=attempt)
        self.call(self.node.runtime.RunPodSandbox, pb.RunPodSandboxRequest(config=config))

    @rule(name=NAMES, command=COMMANDS, index=st.integers(0, 3), starts=st.booleans())
    def create(self, name: str, command: str, index: int, starts: bool) -> None:
        sandboxes = list(self.world.store.sandboxes)
        if not sandboxes:
            return
        sandbox = sandboxes[index % len(sandboxes)]
        pod = sandbox.config.metadata.name
        request = create_request(sandbox.id, *command.split(), name=name, pod=pod, stdin=True)
        self.call(self.node.runtime.CreateContainer, request)
        if starts:
            for each in sandbox.containers:
                self.call(
                    self.node.runtime.StartContainer, pb.StartContainerRequest(container_id=each)
                )

    @rule(index=st.integers(0, 5), what=st.sampled_from(["stop", "kill", "remove", "exec"]))
    def touch_container(self, index: int, what: str) -> None:
        containers = list(self.world.store.containers)
        if not containers:
            return
        id_, runtime = containers[index % len(containers)].id, self.node.runtime
        if what == "remove":
            self.call(runtime.RemoveContainer, pb.RemoveContainerRequest(container_id=id_))
        elif what == "exec":
            request = pb.ExecSyncRequest(container_id=id_, cmd=["sleep", "2"])
            self.call(runtime.ExecSync, request)
        else:
            stop = pb.StopContainerRequest(container_id=id_, timeout=2 * (what == "stop"))
            self.call(runtime.StopContainer, stop)

    @rule(index=st.integers(0, 3), removes=st.booleans())
    def end_sandbox(self, index: int, removes: bool) -> None:
        sandboxes = list(self.world.store.sandboxes)
        if not sandboxes:
            return
        id_, runtime = sandboxes[index % len(sandboxes)].id, self.node.runtime
        if removes:
            self.call(runtime.RemovePodSandbox, pb.RemovePodSandboxRequest(pod_sandbox_id=id_))
        else:
            self.call(runtime.StopPodSandbox, pb.StopPodSandboxRequest(pod_sandbox_id=id_))

    # Faults.

    def strike(self, line: str) -> None:
        with suppress(UsageError):  # there may be nothing that it could happen to
            self.cri.state.strike(line)

    @rule(due=DUES, pod=PODS, name=NAMES, verb=st.sampled_from(VERBS_OF_CONTAINERS))
    def strike_container(self, due: str, pod: str, name: str, verb: str) -> None:
        self.strike(f"{due}container {pod}/{name} {verb}")

    @rule(due=DUES, pod=PODS, verb=st.sampled_from(VERBS_OF_PODS))
    def strike_sandbox(self, due: str, pod: str, verb: str) -> None:
        self.strike(f"{due}sandbox {pod} {verb}")

    @rule(due=DUES, line=st.sampled_from(OTHERS))
    def strike_node(self, due: str, line: str) -> None:
        self.strike(due + line)

    @rule(
        due=DUES,
        down=st.integers(0, 3),
        init=st.integers(0, 2),
        keep=st.sampled_from(["all", "all", "unknown", "dead", "none"]),
        found=st.none() | st.sampled_from(FINDINGS),
        names=st.sampled_from(["a", "b", "a/x", "a/x,b/y"]),
    )
    def restart(
        self, due: str, down: int, init: int, keep: str, found: str | None, names: str
    ) -> None:
        found = f" {found}={names}" if found else ""
        self.strike(f"{due}runtime restart down={down}s init={init}s keep={keep}{found}")

    @rule(due=DUES, down=st.integers(0, 3), code=st.sampled_from([255, 137]))
    def reboot(self, due: str, down: int, code: int) -> None:
        self.strike(f"{due}node reboot down={down}s exit={code} clock=-2s clock-for=1s")

    @rule(seconds=st.sampled_from([1, 3]))
    def pass_time(self, seconds: int) -> None:
        self.cri.advance(seconds)

    # What must hold.

    @invariant()
    def the_store_is_in_order(self) -> None:
        if self.world.outage is None:
            check_struck(self.world)

    def teardown(self) -> None:
        """Let all faults be over: then everything can be removed, and nothing is left."""
        self.cri.advance(60)
        for line in ("ips restore", "network restore", "disk clear"):
            self.cri.state.strike(line)
        for container in self.world.store.containers:
            self.strike(f"container {container.id} killable")
            self.node.remove(container.id)
        for sandbox in self.world.store.sandboxes:
            self.node.remove_sandbox(sandbox.id)
        check_struck(self.world)
        room = self.world.disk.accounts
        assert {name for name in room if name in {"pods", "containers", "layers", "pulls"}} == set()
        assert list(self.world.pids) == []
        assert (self.world.in_flight, self.world.debris) == ({}, [])
        self.cri.close()


def test_whatever_happens_nothing_leaks_and_all_can_be_removed() -> None:
    run_state_machine_as_test(
        Struck, settings=settings(max_examples=80, stateful_step_count=30, deadline=None)
    )
