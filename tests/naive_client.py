"""A client that does what it is told, line by line, and writes down what came of it.

    run web timeout=240s          RunPodSandbox, with a deadline
    create web/app attempt=1: sleep 60
    & stop web/app grace=30       begun, and not waited for; `wait` takes its answer
    advance 90s                   virtual time passes

Pods and containers are called by their names; what the names stand for is what the runtime said
last. `find` looks for them as a client does that has lost the answer: by listing, newest first.
"""

import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import grpc

from fakecri.api import runtime_pb2 as pb
from fakecri.core.durations import parse_duration
from fakecri.core.scheduler import SECOND_NS
from tests.behaviour.steps import until
from tests.support import Node, create_request, own_pid_namespace, sandbox_config

if TYPE_CHECKING:
    from fakecri.clock import UntilStopped

_POD, _UID = "io.kubernetes.pod.name", "io.kubernetes.pod.uid"
_CONTAINER = "io.kubernetes.container.name"
_LONG_ID = re.compile(r"[0-9a-f]{64}")


class NaiveClient:
    """Plays the steps of a scenario on a node; `transcript` is what it saw."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.lines: list[str] = []
        self._began_ns = node.cri.host.world.scheduler.now_ns
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._pending: list[tuple[str, Any, Callable[[Any], str], UntilStopped]] = []
        self._events: Any = None

    def play(self, steps: str) -> str:
        """Make the calls; return the transcript."""
        for line in steps.splitlines():
            text = line.partition(" #")[0].strip()
            if text:
                self._step(text)
        return "".join(f"{line}\n" for line in self.lines)

    def _step(self, text: str) -> None:
        head, colon, command = text.partition(": ")
        background = head.startswith("& ")
        verb, *words = shlex.split(head.removeprefix("& "))
        if verb in _BESIDES:
            _BESIDES[verb](self, head.removeprefix(verb).strip() + (colon + command))
            return
        options = dict(word.split("=", 1) for word in words if "=" in word)
        names = [word for word in words if "=" not in word]
        timeout = _seconds(options.pop("timeout")) if "timeout" in options else None
        call, request, tell = self._CALLS[verb](self, *names, command=command, **options)
        if background:
            # Time does not leap for its sake: what comes next happens meanwhile.
            hold = self.node.cri.clock.hold()
            seen = len(self.node.cri.calls)
            pending = call.future(request, timeout=timeout)
            until(lambda: len(self.node.cri.calls) > seen)
            self._pending.append((head.removeprefix("& "), pending, tell, hold))
        else:
            self._take(head, call.future(request, timeout=timeout), tell)

    def _take(self, head: str, pending: Any, tell: Callable[[Any], str]) -> None:
        try:
            answer = tell(pending.result())
        except grpc.RpcError as error:
            code, text = error.code(), error.details()
            answer = f"{code.name} {text}"
        self._note(f"{head}: {answer}" if answer else f"{head}: OK")

    def _note(self, text: str) -> None:
        passed_ns = self.node.cri.host.world.scheduler.now_ns - self._began_ns
        for id_, name in self._names.items():
            text = text.replace(id_, f"<{name}>")
        self.lines.append(f"{passed_ns / SECOND_NS:10.3f} {_LONG_ID.sub('<id>', text)}")

    def _learn(self, name: str, id_: str, attempt: object) -> None:
        self._ids[name] = id_
        serial = sum(known.split("#")[0] == f"{name}/{attempt}" for known in self._names.values())
        shown = f"{name}/{attempt}" + (f"#{serial + 1}" if serial else "")
        self._names.setdefault(id_, shown)

    # Calls. Each returns the method, the request, and what tells of the answer.

    def _pull(self, image: str, **_: str) -> Any:
        request = pb.PullImageRequest(image=pb.ImageSpec(image=image))
        return self.node.images.PullImage, request, lambda _: ""

    def _run(self, pod: str, attempt: str = "0", **_: str) -> Any:
        config = sandbox_config(pod, attempt=int(attempt))
        config.labels.update({_POD: pod, _UID: f"uid-{pod}"})

        def tell(answer: Any) -> str:
            self._learn(pod, answer.pod_sandbox_id, attempt)
            return answer.pod_sandbox_id or "an empty id"

        request = pb.RunPodSandboxRequest(config=config)
        return self.node.runtime.RunPodSandbox, request, tell

    def _create(self, name: str, attempt: str = "0", command: str = "", **options: str) -> Any:
        pod, _, container = name.partition("/")
        request = create_request(
            self._ids[pod],
            *shlex.split(command or "sleep infinity"),
            name=container,
            pod=pod,
            attempt=int(attempt),
            linux=own_pid_namespace(),
            image=options.get("image", "busybox"),
            labels={_POD: pod, _UID: f"uid-{pod}", _CONTAINER: container},
        )

        def tell(answer: Any) -> str:
            self._learn(name, answer.container_id, attempt)
            return answer.container_id or "an empty id"

        return self.node.runtime.CreateContainer, request, tell

    def _start(self, name: str, **_: str) -> Any:
        request = pb.StartContainerRequest(container_id=self._ids[name])
        return self.node.runtime.StartContainer, request, lambda _: ""

    def _stop(self, name: str, grace: str = "0", **_: str) -> Any:
        request = pb.StopContainerRequest(container_id=self._ids[name], timeout=int(grace))
        return self.node.runtime.StopContainer, request, lambda _: ""

    def _remove(self, name: str, **_: str) -> Any:
        request = pb.RemoveContainerRequest(container_id=self._ids[name])
        return self.node.runtime.RemoveContainer, request, lambda _: ""

    def _stop_pod(self, pod: str, **_: str) -> Any:
        request = pb.StopPodSandboxRequest(pod_sandbox_id=self._ids[pod])
        return self.node.runtime.StopPodSandbox, request, lambda _: ""

    def _remove_pod(self, pod: str, **_: str) -> Any:
        request = pb.RemovePodSandboxRequest(pod_sandbox_id=self._ids[pod])
        return self.node.runtime.RemovePodSandbox, request, lambda _: ""

    def _exec(self, name: str, command: str = "", timeout_s: str = "0", **_: str) -> Any:
        request = pb.ExecSyncRequest(
            container_id=self._ids[name], cmd=shlex.split(command), timeout=int(timeout_s)
        )

        def tell(answer: Any) -> str:
            return f"exit code {answer.exit_code}, {answer.stdout.decode()!r}"

        return self.node.runtime.ExecSync, request, tell

    def _status(self, name: str, **_: str) -> Any:
        request = pb.ContainerStatusRequest(container_id=self._ids[name])

        def tell(answer: Any) -> str:
            if not answer.HasField("status"):
                return "no status"
            status = answer.status
            ended = f" {status.exit_code} {status.reason}" if status.finished_at else ""
            return _state(status.state) + ended + self._age(status.created_at)

        return self.node.runtime.ContainerStatus, request, tell

    def _pod_status(self, pod: str, **_: str) -> Any:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=self._ids[pod])

        def tell(answer: Any) -> str:
            if not answer.HasField("status"):
                return "no status"
            status = answer.status
            return f"{_pod_state(status.state)} ip {status.network.ip or 'none'}"

        return self.node.runtime.PodSandboxStatus, request, tell

    def _list(self, **_: str) -> Any:
        def tell(answer: Any) -> str:
            return ", ".join(self._item(each) for each in answer.containers) or "nothing"

        return self.node.runtime.ListContainers, pb.ListContainersRequest(), tell

    def _list_pods(self, **_: str) -> Any:
        def tell(answer: Any) -> str:
            shown = (
                f"{each.metadata.name}/{each.metadata.attempt} {_pod_state(each.state)}"
                + self._age(each.created_at)
                for each in answer.items
            )
            return ", ".join(shown) or "nothing"

        return self.node.runtime.ListPodSandbox, pb.ListPodSandboxRequest(), tell

    def _find_pod(self, pod: str, **_: str) -> Any:
        """Take the newest sandbox of a pod, by created_at, for the pod's own."""
        wanted = pb.PodSandboxFilter(label_selector={_POD: pod})

        def tell(answer: Any) -> str:
            newest = max(answer.items, key=lambda each: int(each.created_at), default=None)
            if newest is None:
                return "nothing"
            self._learn(pod, newest.id, newest.metadata.attempt)
            return f"{newest.metadata.name}/{newest.metadata.attempt} {_pod_state(newest.state)}"

        request = pb.ListPodSandboxRequest(filter=wanted)
        return self.node.runtime.ListPodSandbox, request, tell

    def _find(self, name: str, **_: str) -> Any:
        """Take the newest container of a name, by created_at, for the one that counts."""
        pod, _slash, container = name.partition("/")
        wanted = pb.ContainerFilter(label_selector={_POD: pod, _CONTAINER: container})

        def tell(answer: Any) -> str:
            newest = max(answer.containers, key=lambda each: int(each.created_at), default=None)
            if newest is None:
                return "nothing"
            self._learn(name, newest.id, newest.metadata.attempt)
            return self._item(newest)

        request = pb.ListContainersRequest(filter=wanted)
        return self.node.runtime.ListContainers, request, tell

    def _item(self, item: Any) -> str:
        name = f"{item.labels[_POD]}/{item.metadata.name}/{item.metadata.attempt}"
        shown = f"{name} {_state(item.state)}"
        return shown + self._age(item.created_at)

    def _age(self, created_at: int) -> str:
        if created_at == 0:
            return " created never"
        passed_s = (int(created_at) - self._began_ns) / SECOND_NS
        return f" created {passed_s:.3f}"

    _CALLS: ClassVar[dict[str, Callable[..., Any]]] = {
        "pull": _pull,
        "run": _run,
        "create": _create,
        "start": _start,
        "stop": _stop,
        "remove": _remove,
        "stop-pod": _stop_pod,
        "remove-pod": _remove_pod,
        "exec": _exec,
        "status": _status,
        "pod-status": _pod_status,
        "list": _list,
        "list-pods": _list_pods,
        "find-pod": _find_pod,
        "find": _find,
    }

    # What is no call.

    def _advance(self, text: str) -> None:
        self.node.cri.clock.advance(text)

    def _wait(self, _: str) -> None:
        head, pending, tell, hold = self._pending.pop(0)
        hold.stop()
        self._take(head, pending, tell)

    def _arm(self, text: str) -> None:
        self.node.cri.faults(text)
        self._note(f"rule {text}")

    def _strike(self, text: str) -> None:
        self.node.cri.state.strike(text)
        self._note(f"state {text}")

    def _turn(self, text: str) -> None:
        verb, span = text.split()
        getattr(self.node.cri.clock, verb)(span)
        self._note(f"clock {text}")


_BESIDES: dict[str, Callable[[NaiveClient, str], None]] = {
    "advance": NaiveClient._advance,
    "wait": NaiveClient._wait,
    "rule": NaiveClient._arm,
    "state": NaiveClient._strike,
    "clock": NaiveClient._turn,
}


def _state(number: Any) -> str:
    known = pb.ContainerState.values()
    return pb.ContainerState.Name(number).removeprefix("CONTAINER_") if number in known else "?"


def _pod_state(number: Any) -> str:
    return pb.PodSandboxState.Name(number).removeprefix("SANDBOX_")


def _seconds(span: str) -> float:
    span_ns = parse_duration(span)
    assert span_ns is not None, f"{span!r} is no span of time"
    return span_ns / SECOND_NS
