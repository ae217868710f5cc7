"""The lifecycle against a model, in any order that Hypothesis can think of, on both faces.

A failure prints the steps as a program; `pytest tests/test_machine.py --hypothesis-seed=N` with
the seed that is printed brings it back.
"""

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import SECOND_NS
from tests.invariants import check_store
from tests.support import FACES, Node, create_request, node, raises_status, sandbox_config

if TYPE_CHECKING:
    from fakecri.core.events import Subscriber

CREATED, RUNNING, EXITED = pb.CONTAINER_CREATED, pb.CONTAINER_RUNNING, pb.CONTAINER_EXITED
FOREVER_S = 10**6


@dataclass(frozen=True)
class Program:
    """A command line, and what comes of it when nobody interferes."""

    argv: tuple[str, ...]
    seconds: int = 0
    exit_code: int = 0
    exists: bool = True


PROGRAMS = (
    Program(("true",)),
    Program(("false",), exit_code=1),
    Program(("echo", "hello")),
    Program(("sleep", "5"), seconds=5),
    Program(("sleep", "1000"), seconds=1000),
    Program(("cat",), seconds=FOREVER_S),
    Program(("nosuch",), exists=False),
)


@dataclass
class Container:
    """What the model knows of a container."""

    sandbox: "Sandbox"
    name: str
    program: Program
    state: int = CREATED
    exit_code: int = 0
    ends_ns: int = 0

    def end(self, code: int) -> None:
        if self.state == RUNNING:
            self.state, self.exit_code = EXITED, code


@dataclass
class Sandbox:
    """What the model knows of a sandbox."""

    name: str
    ready: bool = True
    containers: list[str] = field(default_factory=list)


class Lifecycle(RuleBasedStateMachine):
    """Rules for every call that changes something."""

    face: str

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.sandboxes: dict[str, Sandbox] = {}
        self.containers: dict[str, Container] = {}
        self.seen: dict[str, list[pb.ContainerEventResponse]] = {}
        self.node: Node
        self.events: Subscriber

    @initialize()
    def open(self) -> None:
        self.node = self.stack.enter_context(node(self.face))
        with self.node.cri.host.turn() as world:
            self.events = world.events.subscribe()
        self.node.pull()

    def teardown(self) -> None:
        self.stack.close()

    # Sandboxes.

    @rule(name=st.sampled_from(["a", "b", "c"]), attempt=st.integers(0, 1))
    def run_sandbox(self, name: str, attempt: int) -> None:
        request = pb.RunPodSandboxRequest(config=sandbox_config(name, attempt=attempt))
        held = f"{name}/{attempt}" in {each.name for each in self.sandboxes.values()}
        if held:
            with raises_status(grpc.StatusCode.FAILED_PRECONDITION):
                self.node.runtime.RunPodSandbox(request)
            return
        id_ = self.node.runtime.RunPodSandbox(request).pod_sandbox_id
        self.sandboxes[id_] = Sandbox(f"{name}/{attempt}")

    @precondition(lambda self: self.sandboxes)
    @rule(data=st.data())
    def stop_sandbox(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(list(self.sandboxes)))
        self.node.stop_sandbox(id_)
        self.end_all(id_)
        self.sandboxes[id_].ready = False

    @precondition(lambda self: self.sandboxes)
    @rule(data=st.data())
    def remove_sandbox(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(list(self.sandboxes)))
        self.node.remove_sandbox(id_)
        for container_id in self.sandboxes.pop(id_).containers:
            del self.containers[container_id]
        with raises_status(grpc.StatusCode.NOT_FOUND):
            self.node.sandbox_status(id_)

    def end_all(self, id_: str) -> None:
        for container_id in self.sandboxes[id_].containers:
            self.containers[container_id].end(137)

    # Containers.

    @precondition(lambda self: self.sandboxes)
    @rule(data=st.data(), name=st.sampled_from(["x", "y"]), program=st.sampled_from(PROGRAMS))
    def create(self, data: st.DataObject, name: str, program: Program) -> None:
        id_ = data.draw(st.sampled_from(list(self.sandboxes)))
        sandbox = self.sandboxes[id_]
        pod = sandbox.name.partition("/")[0]
        request = create_request(id_, *program.argv, name=name, pod=pod, stdin=True)
        create = self.node.runtime.CreateContainer
        if not sandbox.ready:
            with raises_status(
                grpc.StatusCode.UNKNOWN, f'sandbox container "{id_}" is not running'
            ):
                create(request)
        elif f"{name}/{pod}" in {each.name for each in self.containers.values()}:
            with raises_status(grpc.StatusCode.FAILED_PRECONDITION):
                create(request)
        else:
            container_id = create(request).container_id
            self.containers[container_id] = Container(sandbox, f"{name}/{pod}", program)
            sandbox.containers.append(container_id)

    @precondition(lambda self: self.containers)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(list(self.containers)))
        container = self.containers[id_]
        can_start = container.state == CREATED
        if can_start and container.sandbox.ready and container.program.exists:
            self.node.start(id_)
            container.state = RUNNING
            container.ends_ns = self.now_ns() + container.program.seconds * SECOND_NS
            return
        with raises_status(grpc.StatusCode.UNKNOWN):
            self.node.start(id_)
        if can_start:
            container.state, container.exit_code = EXITED, 128

    @precondition(lambda self: self.containers)
    @rule(data=st.data(), grace_s=st.sampled_from([-1, 0, 2, 10]))
    def stop(self, data: st.DataObject, grace_s: int) -> None:
        id_ = data.draw(st.sampled_from(list(self.containers)))
        container = self.containers[id_]
        before_ns = self.now_ns()
        self.node.stop(id_, grace_s)
        self.settle()
        if container.state == RUNNING:
            # Nothing here handles SIGTERM as PID 1, so the grace period passes to the end.
            assert self.now_ns() == before_ns + max(0, grace_s) * SECOND_NS
            container.end(137)

    @precondition(lambda self: self.containers)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(list(self.containers)))
        self.node.remove(id_)
        self.containers.pop(id_).sandbox.containers.remove(id_)
        with raises_status(grpc.StatusCode.NOT_FOUND):
            self.node.status(id_)

    @precondition(lambda self: self.containers)
    @rule(data=st.data())
    def exec(self, data: st.DataObject) -> None:
        id_ = data.draw(st.sampled_from(list(self.containers)))
        request = pb.ExecSyncRequest(container_id=id_, cmd=["echo", "hello"])
        if self.containers[id_].state != RUNNING:
            with raises_status(grpc.StatusCode.UNKNOWN):
                self.node.runtime.ExecSync(request)
        else:
            assert self.node.runtime.ExecSync(request).stdout == b"hello\n"

    @precondition(lambda self: any(each.state == RUNNING for each in self.containers.values()))
    @rule(data=st.data())
    def oom_kill(self, data: st.DataObject) -> None:
        running = [id_ for id_, each in self.containers.items() if each.state == RUNNING]
        id_ = data.draw(st.sampled_from(running))
        self.node.cri.oom_kill(id_)
        self.containers[id_].end(137)
        assert self.node.status(id_).reason == "OOMKilled"

    @rule(seconds=st.sampled_from([1, 4, 60]))
    def pass_time(self, seconds: int) -> None:
        self.node.cri.advance(seconds)

    @rule(id_=st.sampled_from(["gone", "0123456789"]))
    def touch_what_is_gone(self, id_: str) -> None:
        self.node.stop(id_)
        self.node.remove(id_)
        self.node.stop_sandbox(id_)
        self.node.remove_sandbox(id_)

    # What must hold after every step.

    def now_ns(self) -> int:
        return self.node.cri.now_ns

    def settle(self) -> None:
        """Let what has run its time in the model end there, too."""
        for container in self.containers.values():
            if container.state == RUNNING and container.ends_ns <= self.now_ns():
                container.end(container.program.exit_code)

    @invariant()
    def the_store_is_in_order(self) -> None:
        check_store(self.node.cri.host.world)

    @invariant()
    def lists_are_the_models(self) -> None:
        self.settle()
        listed = self.node.runtime.ListContainers(pb.ListContainersRequest()).containers
        assert {each.id: each.state for each in listed} == {
            id_: each.state for id_, each in self.containers.items()
        }
        items = self.node.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
        assert {each.id: each.state == pb.SANDBOX_READY for each in items} == {
            id_: each.ready for id_, each in self.sandboxes.items()
        }

    @invariant()
    def exit_codes_are_the_models(self) -> None:
        self.settle()
        for id_, container in self.containers.items():
            status = self.node.status(id_)
            assert status.exit_code == container.exit_code
            assert (status.finished_at > 0) == (container.state == EXITED)

    @invariant()
    def no_container_runs_in_a_sandbox_that_is_not_ready(self) -> None:
        ready = pb.PodSandboxFilter(state=pb.PodSandboxStateValue(state=pb.SANDBOX_READY))
        running = pb.ContainerFilter(state=pb.ContainerStateValue(state=RUNNING))
        sandboxes = self.node.runtime.ListPodSandbox(pb.ListPodSandboxRequest(filter=ready)).items
        containers = self.node.runtime.ListContainers(
            pb.ListContainersRequest(filter=running)
        ).containers
        assert {each.pod_sandbox_id for each in containers} <= {each.id for each in sandboxes}

    @invariant()
    def events_match_transitions(self) -> None:
        self.settle()
        self.collect_events()
        for id_ in self.containers:
            kinds = [event.container_event_type for event in self.seen[id_]]
            assert kinds == self.expected_events(id_)
        for id_, sandbox in self.sandboxes.items():
            kinds = [event.container_event_type for event in self.seen[id_]]
            stopped = [] if sandbox.ready else [pb.CONTAINER_STOPPED_EVENT]
            assert kinds == [pb.CONTAINER_CREATED_EVENT, pb.CONTAINER_STARTED_EVENT, *stopped]
        for id_, events in self.seen.items():
            if id_ not in self.containers and id_ not in self.sandboxes:
                assert events[-1].container_event_type == pb.CONTAINER_DELETED_EVENT

    def collect_events(self) -> None:
        with self.node.cri.host.turn():
            for event in self.events.drain():
                self.seen.setdefault(event.container_id, []).append(event)

    def expected_events(self, id_: str) -> list[Any]:
        container = self.containers[id_]
        expected: list[Any] = [pb.CONTAINER_CREATED_EVENT]
        if container.state == RUNNING or (container.state == EXITED and container.exit_code != 128):
            expected.append(pb.CONTAINER_STARTED_EVENT)
        if container.state == EXITED and container.exit_code != 128:
            expected.append(pb.CONTAINER_STOPPED_EVENT)
        return expected


def machine(face: str) -> type[Lifecycle]:
    """Return the machine for a face."""
    return type(f"Lifecycle_{face}", (Lifecycle,), {"face": face})


@pytest.mark.parametrize(("face", "examples"), [(FACES[0], 60), (FACES[1], 12)])
def test_the_lifecycle_is_that_of_the_model(face: str, examples: int) -> None:
    run_state_machine_as_test(
        machine(face),
        settings=settings(max_examples=examples, stateful_step_count=30, deadline=None),
    )
