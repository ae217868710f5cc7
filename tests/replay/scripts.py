"""What clients do: scripts that Hypothesis makes, and the life of a pod."""

from dataclasses import dataclass

import grpc
import pytest
from hypothesis import strategies as st

from fakecri.api import runtime_pb2 as pb
from tests.support import Node, create_request, sandbox_config

IMAGES = ("busybox", "nginx")
PROGRAMS = (("true",), ("false",), ("sleep", "5"), ("sleep", "1000"), ("nosuch",))


@dataclass(frozen=True)
class Step:
    """Something that a client does; `which` chooses among the pods and containers it knows of."""

    what: str
    which: int = 0
    number: int = 0


STEPS = (
    *("pull", "run", "create", "start", "stop", "remove", "stop_sandbox", "remove_sandbox"),
    *("status", "sandbox_status", "list", "list_sandboxes", "images", "exec", "pass"),
)


def scripts() -> st.SearchStrategy[list[Step]]:
    """Return scripts that mostly begin with something that lives."""
    step = st.builds(Step, st.sampled_from(STEPS), st.integers(0, 3), st.integers(0, 4))
    beginning = [Step("pull"), Step("run"), Step("create", number=3), Step("start")]
    return st.lists(step, max_size=12).map(lambda steps: [*beginning, *steps])


class Client:
    """Plays a script on a node, whatever it is answered; keeps the answers."""

    def __init__(self, node: Node, salt: int = 0) -> None:
        """`salt`: what the uids of its pods are made of."""
        self._node = node
        self._salt = salt
        self._sandboxes: list[tuple[str, str]] = []
        self._containers: list[str] = []
        self.answers: list[str] = []

    def play(self, script: list[Step]) -> list[str]:
        """Return the answers: texts of messages, or code and text of errors."""
        for step in script:
            try:
                answer = str(getattr(self, f"_{step.what}")(step))
            except grpc.RpcError as error:
                answer = f"{error.code()}: {error.details()}"
            self.answers.append(answer)
        return self.answers

    def _container(self, step: Step) -> str:
        known = self._containers
        return known[step.which % len(known)] if known else "none"

    def _sandbox(self, step: Step) -> tuple[str, str]:
        known = self._sandboxes
        return known[step.which % len(known)] if known else ("none", "none")

    def _pull(self, step: Step) -> str:
        return self._node.pull(IMAGES[step.number % len(IMAGES)])

    def _run(self, step: Step) -> object:
        name = f"web-{step.number}"
        uid = f"{self._salt:08x}-0000-4000-8000-{step.number:012x}"
        config = sandbox_config(name, labels={"app": "x", "io.kubernetes.pod.uid": uid})
        config.metadata.uid = uid
        answer = self._node.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=config))
        self._sandboxes.append((answer.pod_sandbox_id, name))
        return answer

    def _create(self, step: Step) -> object:
        sandbox, pod = self._sandbox(step)
        program = PROGRAMS[step.number % len(PROGRAMS)]
        request = create_request(sandbox, *program, name=f"c{step.which}", pod=pod)
        answer = self._node.runtime.CreateContainer(request)
        self._containers.append(answer.container_id)
        return answer

    def _start(self, step: Step) -> None:
        self._node.start(self._container(step))

    def _stop(self, step: Step) -> None:
        self._node.stop(self._container(step), step.number)

    def _remove(self, step: Step) -> None:
        self._node.remove(self._container(step))

    def _stop_sandbox(self, step: Step) -> None:
        self._node.stop_sandbox(self._sandbox(step)[0])

    def _remove_sandbox(self, step: Step) -> None:
        self._node.remove_sandbox(self._sandbox(step)[0])

    def _status(self, step: Step) -> object:
        request = pb.ContainerStatusRequest(
            container_id=self._container(step), verbose=bool(step.number % 2)
        )
        return self._node.runtime.ContainerStatus(request)

    def _sandbox_status(self, step: Step) -> object:
        request = pb.PodSandboxStatusRequest(
            pod_sandbox_id=self._sandbox(step)[0], verbose=bool(step.number % 2)
        )
        return self._node.runtime.PodSandboxStatus(request)

    def _list(self, _: Step) -> object:
        return self._node.runtime.ListContainers(pb.ListContainersRequest())

    def _list_sandboxes(self, _: Step) -> object:
        return self._node.runtime.ListPodSandbox(pb.ListPodSandboxRequest())

    def _images(self, _: Step) -> object:
        return self._node.images.ListImages(pb.ListImagesRequest())

    def _exec(self, step: Step) -> object:
        command = ["echo", "hello"] if step.number % 2 else ["hostname"]
        request = pb.ExecSyncRequest(container_id=self._container(step), cmd=command)
        return self._node.runtime.ExecSync(request)

    def _pass(self, step: Step) -> None:
        self._node.cri.advance(step.number * 3)


def cycle(node: Node) -> list[object]:
    """A pod from its beginning to its end; return what was answered."""
    answers: list[object] = [node.pull()]
    sandbox = node.run_sandbox()
    container = node.run(sandbox, "sleep", "1000")
    answers += [sandbox, container, node.status(container)]
    node.stop(container, 2)
    answers.append(node.status(container))
    node.remove_sandbox(sandbox)
    with pytest.raises(grpc.RpcError) as refusal:
        node.status(container)
    answers.append((refusal.value.code(), refusal.value.details()))
    return answers
