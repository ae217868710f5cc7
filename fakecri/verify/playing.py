"""A sequence played on one runtime: what each call answered, and what there was to see then.

Whatever happens, what was made is removed.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import UsageError
from fakecri.rpcs import RPCS
from fakecri.verify.accounts import Account, Fields, log_lines
from fakecri.verify.requests import LABEL, NOBODY, Run, bound, build, completed
from fakecri.verify.sequences import Sequence, Step
from fakecri.verify.sides import POLL_S, Side

PATIENCE_S = 20.0
"""How long a container may take to do what is waited for."""
_LAG_S = 2.0
_TIMEOUT_S = 60.0
"""Of a call that has no deadline of its own."""

_MADE = {"RunPodSandbox": "pod_sandbox_id", "CreateContainer": "container_id"}


@dataclass
class _Play:
    """What one sequence has made so far."""

    run: Run
    account: Account
    ids: dict[str, str] = field(default_factory=dict)
    pods: dict[str, str] = field(default_factory=dict)
    """All pods, also those whose names stand for another one by now: names by ids."""
    containers: dict[str, str] = field(default_factory=dict)
    configs: dict[str, Any] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    """The paths of logs by the names of containers."""


class Player:
    """Plays sequences on a runtime."""

    def __init__(self, side: Side, run: Run) -> None:
        self._side = side
        self._run = run
        self._played = 0
        self.left: list[str] = []
        """Why something that was made could not be removed."""

    def check(self) -> None:
        """UsageError where the image is not there."""
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=self._run.image))
        try:
            answer = self._side.images.ImageStatus(request)
        except grpc.RpcError as error:
            raise UsageError(f"{self._run.image}: {error.details()}") from error
        if not answer.image.id:
            raise UsageError(f"there is no image {self._run.image}: pull it first")

    def play(self, sequence: Sequence) -> Fields:
        """Return an account of a sequence: `steps`, `state`, `logs` and, if there are, `events`."""
        # A directory of its own: runtimes write behind what a log has.
        self._played += 1
        run = replace(self._run, logs=f"{self._run.logs}/{self._played}")
        replaced = {run.logs: "<logs>", run.name: "<run>", run.image: "<image>"}
        play = _Play(run, Account(replaced))
        self._learn_image(play)
        try:
            steps = [self._step(play, each) for each in sequence.steps]
            account: Fields = {"steps": steps, "state": self._state(play)}
            account["logs"] = {
                name: log_lines(self._side.read(path)) for name, path in play.logs.items()
            }
        finally:
            self.clear()
        return account | self._events(play)

    def clear(self) -> None:
        """Remove what this run has made and is still there."""
        runtime, label = self._side.runtime, {LABEL: self._run.name}
        mine = pb.PodSandboxFilter(label_selector=label)
        for pod in runtime.ListPodSandbox(pb.ListPodSandboxRequest(filter=mine)).items:
            with self._noting():
                runtime.RemovePodSandbox(pb.RemovePodSandboxRequest(pod_sandbox_id=pod.id))
        left = pb.ContainerFilter(label_selector=label)
        for each in runtime.ListContainers(pb.ListContainersRequest(filter=left)).containers:
            with self._noting():
                runtime.RemoveContainer(pb.RemoveContainerRequest(container_id=each.id))

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except grpc.RpcError as error:
            self.left.append(error.details() or "")

    def _learn_image(self, play: _Play) -> None:
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=self._run.image))
        answer = self._side.images.ImageStatus(request)
        play.account.names.learn(request, [answer])
        play.ids |= {
            "image": self._run.image,
            "imageid": answer.image.id,
            "logs": play.run.logs,
            "run": self._run.name,
        }

    # Steps.

    def _step(self, play: _Play, step: Step) -> Fields:
        if step.act in _ACTS:
            fields = bound(step.request, lambda name: play.ids.get(name, NOBODY))
            return {"call": step.act, "found": _ACTS[step.act](self, play, fields)}
        whole = completed(step, play.run, play.configs)
        fields = bound(whole, lambda name: play.ids.get(name, NOBODY))
        code, text, messages = self._call(step, build(step, fields))
        for each in messages:
            self._note_made(play, step, fields, each)
        if step.act == "StopPodSandbox" and code == "OK":
            self._wait_lag(play.ids.get(_pod_name(step), ""))
        return told(
            play.account, step.act, code, text, messages, deadline=step.timeout_s is not None
        )

    def _call(self, step: Step, request: Any) -> tuple[str, str, list[Any]]:
        rpc = RPCS[step.act]
        stub: Any = self._side.runtime if rpc.service == "RuntimeService" else self._side.images
        timeout_s = step.timeout_s or _TIMEOUT_S
        try:
            answer = getattr(stub, step.act)(request, timeout=timeout_s)
            messages = list(answer) if rpc.streams else [answer]
        except grpc.RpcError as error:
            return error.code().name, error.details() or "", []
        return "OK", "", messages

    def _note_made(self, play: _Play, step: Step, fields: Mapping[str, Any], answer: Any) -> None:
        if step.act not in _MADE:
            return
        is_pod = step.act == "RunPodSandbox"
        id_, name = getattr(answer, _MADE[step.act]), step.name or ("p" if is_pod else "c")
        play.ids[name] = id_
        play.account.names.give(id_, name)
        made = play.pods if is_pod else play.containers
        made[id_] = play.account.names.name(id_)
        config = fields.get("config", {})
        if is_pod:
            play.configs[name] = config
            return
        directory = fields.get("sandbox_config", {}).get("log_directory", "")
        path = config.get("log_path", "")
        if directory and path:
            play.logs[name] = f"{directory}/{path}"

    # What is no call.

    def _wait(self, play: _Play, fields: Mapping[str, Any]) -> Any:
        """Wait until a container runs no more, or until its log has a text."""
        id_, text = fields.get("container_id", ""), fields.get("log", "")
        path = next((play.logs.get(name, "") for name, each in play.ids.items() if each == id_), "")
        for _ in range(round(PATIENCE_S / POLL_S)):
            state = self._container_state(id_)
            if text and text.encode() in (self._side.read(path) or b""):
                return "log"
            if state != "CONTAINER_RUNNING":
                return state
            self._side.pause()
        return "nothing in time"

    def _rotate(self, play: _Play, fields: Mapping[str, Any]) -> Any:
        """Move a container's log away, and read that from the end on as well."""
        name = str(fields.get("log", ""))
        path = play.logs.get(name, "")
        self._side.rename(path, f"{path}.1")
        play.logs[f"{name}.1"] = f"{path}.1"
        return self._side.read(f"{path}.1") is not None

    def _container_state(self, id_: str) -> str:
        request = pb.ContainerStatusRequest(container_id=id_)
        try:
            state = self._side.runtime.ContainerStatus(request).status.state
        except grpc.RpcError as error:
            return error.code().name
        return pb.ContainerState.Name(state)

    def _wait_lag(self, id_: str) -> None:
        """Wait until lists say that a pod has stopped, which may come late."""
        ready = pb.PodSandboxStateValue(state=pb.SANDBOX_READY)
        mine = pb.PodSandboxFilter(id=id_ or NOBODY, state=ready)
        for _ in range(round(_LAG_S / POLL_S)):
            if not self._side.runtime.ListPodSandbox(pb.ListPodSandboxRequest(filter=mine)).items:
                return
            self._side.pause()

    # What there is to see at the end.

    def _state(self, play: _Play) -> list[Fields]:
        """Return what status and lists say of all that was made, in the order of creation."""
        steps = [Step("PodSandboxStatus", {"pod_sandbox_id": each}) for each in play.pods] + [
            Step("ContainerStatus", {"container_id": each}) for each in play.containers
        ]
        told_ = []
        for step in steps:
            code, text, messages = self._call(step, build(step, step.request))
            of = next(iter(step.request.values()))
            name = play.account.names.name(of)
            told_.append({"of": name, **told(play.account, step.act, code, text, messages)})
        return [*told_, *self._lists(play)]

    def _lists(self, play: _Play) -> list[Fields]:
        label = {LABEL: self._run.name}
        found = []
        for act, key in (("ListPodSandbox", "items"), ("ListContainers", "containers")):
            step = Step(act, {"filter": {"label_selector": label}})
            code, text, messages = self._call(step, build(step, step.request))
            listed = [item for each in messages for item in getattr(each, key)]
            order = sorted(listed, key=lambda item: item.created_at)
            names = [play.account.names.name(item.id) for item in order]
            answer = told(play.account, act, code, text, messages)
            found.append({"of": "", **answer, "order": names})
        return found

    def _events(self, play: _Play) -> Fields:
        """Return the events of each thing, in their order; the end of a pod is its last."""
        # A runtime without events has said so before it answered all these calls.
        if self._side.events is None or not self._side.events.there:
            return {}
        events: dict[str, list[Fields]] = {name: [] for name in play.pods.values()}
        going = set(play.pods)
        while going:
            event = self._side.events.next()
            if event is None:
                break
            name = {**play.pods, **play.containers}.get(event.container_id)
            if name is None:
                continue
            kind = pb.ContainerEventType.Name(event.container_event_type)
            status = event.pod_sandbox_status
            pod = play.pods.get(status.id, "") if event.HasField("pod_sandbox_status") else None
            events.setdefault(name, []).append(
                {"type": kind, "pod": pod, "timed": event.created_at > 0}
            )
            if kind == "CONTAINER_DELETED_EVENT":
                going.discard(event.container_id)
        return {"events": events}


_ACTS = {"wait": Player._wait, "rotate": Player._rotate}  # noqa: SLF001  # the class's own table


def _pod_name(step: Step) -> str:
    return str(step.request.get("pod_sandbox_id", "")).strip("<>")


def told(
    account: Account, rpc: str, code: str, text: str, messages: list[Any], *, deadline: bool = False
) -> Fields:
    """Return what came of a call."""
    if code == "OK":
        return {"call": rpc, "answer": account.answer(rpc, messages)}
    # Which end of the connection notices a deadline first is a race.
    late = deadline and code == "DEADLINE_EXCEEDED"
    return {"call": rpc, "error": {"code": code, "text": "" if late else account.text(text)}}
