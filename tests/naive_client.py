"""A client that does what it is told, line by line, and writes down what came of it.

    run web timeout=240s          RunPodSandbox, with a deadline
    create web/app attempt=1: sleep 60
    & stop web/app grace=30       begun, and not waited for; `wait` takes its answer
    subscribe                     GetContainerEvents; from here time passes by `advance` alone
    hear 2                        the next two events; `leave` ends the subscription
    move app/0.log app/0.log.1    a log file is renamed, as a client does that rotates it
    advance 90s                   virtual time passes

Pods and containers are called by their names; what the names stand for is what the runtime said
last. `find` looks for them as a client does that has lost the answer: by listing, newest first.
"""

import re
import shlex
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

import grpc

from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import SECOND_NS
from fakecri.rpcs import RPCS
from tests.behaviour.steps import leave, until
from tests.naive_looks import LOOKS
from tests.naive_words import CONTAINER, POD, UID, Words, container_state, pod_state, seconds
from tests.support import LOGS, Node, create_request, own_pid_namespace, sandbox_config

if TYPE_CHECKING:
    from fakecri.clock import UntilStopped

_LONG_ID = re.compile(r"[0-9a-f]{64}")


class NaiveClient:
    """Plays the steps of a scenario on a node; `transcript` is what it saw."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.lines: list[str] = []
        self._began_ns = self._now_ns()
        self._words = Words(self._began_ns)
        self._ids: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._pending: list[tuple[str, Any, Callable[[Any], str], int | None, UntilStopped]] = []
        self._events: Any = None
        self._is_torn = False

    def play(self, steps: str) -> str:
        """Make the calls; return the transcript."""
        for line in steps.splitlines():
            text = line.partition(" #")[0].strip()
            if text:
                self._step(text)
        return "".join(f"{line}\n" for line in self.lines)

    def _step(self, text: str) -> None:
        verb, _, rest = text.removeprefix("& ").partition(" ")
        if verb in _BESIDES:
            _BESIDES[verb](self, rest.strip())
            return
        head, _, command = text.partition(": ")
        background = head.startswith("& ")
        _, *words = shlex.split(head.removeprefix("& "))
        options = dict(word.split("=", 1) for word in words if "=" in word)
        names = [word for word in words if "=" not in word]
        timeout = seconds(options.pop("timeout")) if "timeout" in options else None
        call, request, tell = self._call(verb, names, options, command)
        self._connect()
        deadline_ns = None if timeout is None else self._now_ns() + round(timeout * SECOND_NS)
        if background:
            # Time does not leap for its sake: what comes next happens meanwhile.
            hold = self.node.cri.clock.hold()
            seen = len(self.node.cri.calls)
            pending = call.future(request, timeout=timeout)
            until(lambda: len(self.node.cri.calls) > seen)
            self._pending.append((head.removeprefix("& "), pending, tell, deadline_ns, hold))
        else:
            self._take(head, call.future(request, timeout=timeout), tell, deadline_ns)

    def _call(self, verb: str, names: list[str], options: dict[str, str], command: str) -> Any:
        if verb in LOOKS:
            return LOOKS[verb](self.node, *[self._ids[name] for name in names] or [""])
        if verb in _ABOUT:
            rpc, field = _ABOUT[verb]
            request = RPCS[rpc].request(**{field: self._ids[names[0]]})
            return getattr(self.node.runtime, rpc), request, lambda _: ""
        return self._CALLS[verb](self, *names, command=command, **options)

    def _connect(self) -> None:
        """Wait until the client has a new connection to a runtime that is back."""
        if self._is_torn and not self._is_down():
            until(self._is_reached)
            self._is_torn = False

    def _is_down(self) -> bool:
        with self.node.cri.host.turn() as world:
            return world.absence is not None

    def _is_reached(self) -> bool:
        try:
            self.node.runtime.Version(pb.VersionRequest(), wait_for_ready=True)
        except grpc.RpcError as error:
            return "not initialized" in (error.details() or "")
        return True

    def _take(
        self, head: str, pending: Any, tell: Callable[[Any], str], deadline_ns: int | None
    ) -> None:
        try:
            answer = tell(pending.result())
        except grpc.RpcError as error:
            answer = self._failure(error)
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and deadline_ns is not None:
                # On the wire it is what was left of the time on arrival: less, on a busy machine.
                self.node.cri.advance(max(0, deadline_ns - self._now_ns()) / SECOND_NS)
        self._note(f"{head}: {answer}" if answer else f"{head}: OK")

    def _failure(self, error: grpc.RpcError) -> str:
        code, text = error.code(), error.details()
        # The words are those of the client's own library where nobody listens.
        return f"{code.name} nobody listens" if self._is_down() else f"{code.name} {text}"

    def _now_ns(self) -> int:
        return self.node.cri.host.world.scheduler.now_ns

    def _note(self, text: str) -> None:
        passed_ns = self._now_ns() - self._began_ns
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
        config.labels.update({POD: pod, UID: f"uid-{pod}"})

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
            labels={POD: pod, UID: f"uid-{pod}", CONTAINER: container},
        )

        def tell(answer: Any) -> str:
            self._learn(name, answer.container_id, attempt)
            return answer.container_id or "an empty id"

        return self.node.runtime.CreateContainer, request, tell

    def _stop(self, name: str, grace: str = "0", **_: str) -> Any:
        request = pb.StopContainerRequest(container_id=self._ids[name], timeout=int(grace))
        return self.node.runtime.StopContainer, request, lambda _: ""

    def _remove_image(self, image: str, **_: str) -> Any:
        request = pb.RemoveImageRequest(image=pb.ImageSpec(image=image))
        return self.node.images.RemoveImage, request, lambda _: ""

    def _update(self, name: str, **limits: str) -> Any:
        fields: dict[str, Any] = {
            key: int(value) for key, value in limits.items() if key.startswith("cpu_")
        }
        resources = pb.LinuxContainerResources(**fields, cpuset_cpus=limits.get("cpus", ""))
        request = pb.UpdateContainerResourcesRequest(container_id=self._ids[name], linux=resources)
        return self.node.runtime.UpdateContainerResources, request, lambda _: ""

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
            return container_state(status.state) + ended + self._words.age(status.created_at)

        return self.node.runtime.ContainerStatus, request, tell

    def _pod_status(self, pod: str, **_: str) -> Any:
        request = pb.PodSandboxStatusRequest(pod_sandbox_id=self._ids[pod])

        def tell(answer: Any) -> str:
            if not answer.HasField("status"):
                return "no status"
            status = answer.status
            return f"{pod_state(status.state)} ip {status.network.ip or 'none'}"

        return self.node.runtime.PodSandboxStatus, request, tell

    def _list(self, **_: str) -> Any:
        def tell(answer: Any) -> str:
            return ", ".join(self._words.item(each) for each in answer.containers) or "nothing"

        return self.node.runtime.ListContainers, pb.ListContainersRequest(), tell

    def _list_pods(self, **_: str) -> Any:
        def tell(answer: Any) -> str:
            shown = (
                f"{each.metadata.name}/{each.metadata.attempt} {pod_state(each.state)}"
                + self._words.age(each.created_at)
                for each in answer.items
            )
            return ", ".join(shown) or "nothing"

        return self.node.runtime.ListPodSandbox, pb.ListPodSandboxRequest(), tell

    def _find_pod(self, pod: str, **_: str) -> Any:
        """Take the newest sandbox of a pod, by created_at, for the pod's own."""
        wanted = pb.PodSandboxFilter(label_selector={POD: pod})

        def tell(answer: Any) -> str:
            newest = max(answer.items, key=lambda each: int(each.created_at), default=None)
            if newest is None:
                return "nothing"
            self._learn(pod, newest.id, newest.metadata.attempt)
            return f"{newest.metadata.name}/{newest.metadata.attempt} {pod_state(newest.state)}"

        request = pb.ListPodSandboxRequest(filter=wanted)
        return self.node.runtime.ListPodSandbox, request, tell

    def _find(self, name: str, **_: str) -> Any:
        """Take the newest container of a name, by created_at, for the one that counts."""
        pod, _slash, container = name.partition("/")
        wanted = pb.ContainerFilter(label_selector={POD: pod, CONTAINER: container})

        def tell(answer: Any) -> str:
            newest = max(answer.containers, key=lambda each: int(each.created_at), default=None)
            if newest is None:
                return "nothing"
            self._learn(name, newest.id, newest.metadata.attempt)
            return self._words.item(newest)

        request = pb.ListContainersRequest(filter=wanted)
        return self.node.runtime.ListContainers, request, tell

    _CALLS: ClassVar[dict[str, Callable[..., Any]]] = {
        "pull": _pull,
        "run": _run,
        "create": _create,
        "stop": _stop,
        "remove-image": _remove_image,
        "update": _update,
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

    def _wait(self, begun: str) -> None:
        """Take the answer of the first call that was begun, or of the first that begins so."""
        heads = [each[0] for each in self._pending]
        number = next(number for number, head in enumerate(heads) if head.startswith(begun))
        *call, hold = self._pending.pop(number)
        hold.stop()
        self._take(*call)

    def _arm(self, text: str) -> None:
        self.node.cri.faults(text)
        self._note(f"rule {text}")

    def _disarm(self, _: str) -> None:
        self.node.cri.faults.disarm()
        self._note("no rules any more")

    def _strike(self, text: str) -> None:
        self.node.cri.state.strike(text)
        self._is_torn |= "restart" in text or "reboot" in text
        self._note(f"state {text}")

    def _subscribe(self, _: str) -> None:
        self._connect()
        if self._events is None:
            self.node.cri.clock.hold()
        seen = len(self.node.cri.calls)
        self._events = self.node.runtime.GetContainerEvents(pb.GetEventsRequest())
        until(lambda: self._is_down() or len(self.node.cri.calls) > seen)
        self._note("subscribe")

    def _leave(self, _: str) -> None:
        leave(self.node, self._events)
        self._note("leave")

    def _hear(self, number: str) -> None:
        """Take so many events, or all until the stream ends."""
        for _ in range(int(number)):
            try:
                event = next(self._events)
            except StopIteration:
                self._note("hear: the end, OK")
                return
            except grpc.RpcError as error:
                self._note(f"hear: {self._failure(error)}")
                return
            self._note(f"hear: {self._words.event(event)}")

    def _stream_list(self, _: str) -> None:
        """List containers by a stream; `|` is between two messages."""
        self._connect()
        self._note(f"stream-list: {' | '.join(self._messages())}")

    def _messages(self) -> Iterator[str]:
        try:
            for answer in self.node.runtime.StreamContainers(pb.StreamContainersRequest()):
                yield ", ".join(self._words.item(each) for each in answer.containers)
        except grpc.RpcError as error:
            yield self._failure(error)
        else:
            yield "OK"

    def _move(self, text: str) -> None:
        old, new = text.split()
        self.node.cri.files.rename(f"{LOGS}/{old}", f"{LOGS}/{new}")
        self._note(f"move {text}")

    def _read(self, name: str) -> None:
        content = self.node.cri.files.read(f"{LOGS}/{name}").decode()
        lines = [line.split(" ", 3)[3] for line in content.splitlines()]
        self._note(f"read {name}: {', '.join(lines) or 'nothing'}")

    def _turn(self, text: str) -> None:
        verb, span = text.split()
        getattr(self.node.cri.clock, verb)(span)
        self._note(f"clock {text}")


_ABOUT = {
    "start": ("StartContainer", "container_id"),
    "remove": ("RemoveContainer", "container_id"),
    "reopen": ("ReopenContainerLog", "container_id"),
    "stop-pod": ("StopPodSandbox", "pod_sandbox_id"),
    "remove-pod": ("RemovePodSandbox", "pod_sandbox_id"),
}
"""Calls whose request has an id in it, and whose answer is that it was done."""

_BESIDES: dict[str, Callable[[NaiveClient, str], None]] = {
    "advance": NaiveClient._advance,
    "wait": NaiveClient._wait,
    "rule": NaiveClient._arm,
    "disarm": NaiveClient._disarm,
    "subscribe": NaiveClient._subscribe,
    "hear": NaiveClient._hear,
    "leave": NaiveClient._leave,
    "stream-list": NaiveClient._stream_list,
    "move": NaiveClient._move,
    "read": NaiveClient._read,
    "state": NaiveClient._strike,
    "clock": NaiveClient._turn,
}
