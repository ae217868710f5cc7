"""A kubelet in a hundred lines: it plays a pod on a runtime and writes down what happened.

It looks at its pods once a virtual second, as the real one relists. It starts init containers in
order, restarts with back-off, asks probes, and ends pods in good order.
"""

from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message

from fakecri.api import runtime_pb2 as pb
from fakecri.core.net import http
from fakecri.core.scheduler import SECOND_NS, Task, Waits
from fakecri.core.timestamps import parse_rfc3339_ns
from tests.behaviour.steps import all_ended, begin, begin_stop
from tests.pods import Manifest, Pod, container_config, sandbox_config, termination_log
from tests.support import Node

FIRST_BACK_OFF_S = 10
LAST_BACK_OFF_S = 300
SHOWN_RECORDS = 12


@dataclass
class Running:
    """A container of a pod, through all its attempts."""

    manifest: Manifest
    is_init: bool
    attempt: int = -1
    id: str = ""
    state: int = -1
    exit_code: int = 0
    restart_at_s: float = 0
    back_off_s: float = 0
    started_s: float = 0
    log_lines: int = 0
    ready: bool | None = None
    failures: dict[str, int] = field(default_factory=dict)
    started_up: bool = False

    @property
    def name(self) -> str:
        return str(self.manifest["name"])

    @property
    def restartable(self) -> bool:
        """Whether it is a sidecar among the init containers."""
        return self.is_init and self.manifest.get("restartPolicy") == "Always"

    @property
    def exited(self) -> bool:
        return self.state == pb.CONTAINER_EXITED


class Kubelet:
    """Plays pods on a node; `transcript` is what happened, by virtual time."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.began_ns = node.cri.now_ns
        self._events: list[tuple[int, int, str]] = []

    def now_s(self) -> float:
        return (self.node.cri.now_ns - self.began_ns) / SECOND_NS

    def note(self, text: str, at_ns: int | None = None) -> None:
        when = self.node.cri.now_ns if at_ns is None else at_ns
        self._events.append((when, len(self._events), text))

    def transcript(self) -> str:
        """All events in the order of time, one line each."""
        return "".join(
            f"{(when - self.began_ns) / SECOND_NS:9.3f} {text}\n"
            # Stamps of one instant differ by nanoseconds.
            for when, _, text in sorted(
                self._events, key=lambda event: (event[0] // 1000, event[1])
            )
        )

    def call(self, rpc: str, request: Message) -> Any:
        """Make a call that may wait; time passes until it has ended. RpcError, as ever."""
        pending = begin(self.node, rpc, request)
        self.wait()
        return pending.result()

    def wait(self) -> None:
        """Let time pass until no call is in flight."""
        while not all_ended(self.node):
            self.node.cri.advance(0.01)

    def play(self, pods: list[Pod], seconds: int, stop_after: int | None) -> str:
        """Run pods for some time, and stop them; return the transcript."""
        workers = []
        for pod in pods:
            workers.append(Worker(self, pod))
            workers[-1].begin()
            for service in pod.services:
                if pod.matches(service["spec"]["selector"]):
                    service.setdefault("address", pod.ip)
        for second in range(1, seconds + 1):
            self.node.cri.advance(max(0.0, second - self.now_s()))
            for worker in workers:
                worker.sync()
            if second == stop_after:
                for worker in reversed(workers):
                    worker.end()
        for worker in workers:
            worker.end()
        return self.transcript()


class Worker:
    """What looks after one pod."""

    def __init__(self, kubelet: Kubelet, pod: Pod) -> None:
        self.kubelet = kubelet
        self.pod = pod
        self.node = kubelet.node
        self.sandbox_id = ""
        self.ended = False
        self.inits = [Running(each, is_init=True) for each in pod.spec.get("initContainers", ())]
        self.mains = [Running(each, is_init=False) for each in pod.spec["containers"]]

    def note(self, text: str, at_ns: int | None = None) -> None:
        self.kubelet.note(f"{self.pod.name} {text}", at_ns)

    def begin(self) -> None:
        """Make the sandbox."""
        for each in (*self.inits, *self.mains):
            self.node.pull(each.manifest["image"])
        request = pb.RunPodSandboxRequest(config=sandbox_config(self.pod))
        self.sandbox_id = self.node.runtime.RunPodSandbox(request).pod_sandbox_id
        self.pod.ip = self.node.sandbox_status(self.sandbox_id).network.ip
        self.note(f"sandbox READY {self.pod.ip}")
        self.sync()

    def sync(self) -> None:
        """Look at the containers, and do what is due."""
        if self.ended:
            return
        for each in (*self.inits, *self.mains):
            self.observe(each)
        if self.advance_inits():
            for each in self.mains:
                if each.attempt < 0:
                    self.start(each)
        if self.finished():
            self.end()
            return
        for each in (*self.inits, *self.mains):
            self.restart(each)
            self.probe(each)

    def advance_inits(self) -> bool:
        """Start the next init container; return whether all are through."""
        for each in self.inits:
            if each.attempt < 0:
                self.start(each)
            self.observe(each)
            through = each.state == pb.CONTAINER_RUNNING and (
                each.restartable and (each.started_up or "startupProbe" not in each.manifest)
            )
            if not through and not (each.exited and each.exit_code == 0):
                return False
        return True

    # Containers.

    def start(self, each: Running) -> None:
        """Create and start the next attempt."""
        each.attempt += 1
        each.log_lines, each.state, each.started_up = 0, -1, False
        each.ready = None if "readinessProbe" in each.manifest else True
        each.failures.clear()
        config = container_config(self.pod, each.manifest, each.attempt, self.node.cri.files)
        request = pb.CreateContainerRequest(
            pod_sandbox_id=self.sandbox_id, config=config, sandbox_config=sandbox_config(self.pod)
        )
        each.id = self.node.runtime.CreateContainer(request).container_id
        each.started_s = self.kubelet.now_s()
        self.note(f"start {each.name}/{each.attempt}")
        try:
            self.node.start(each.id)
        except grpc.RpcError as error:
            self.note(f"{each.name}/{each.attempt} StartContainer: {error.details()}")
        else:
            hook = each.manifest.get("lifecycle", {}).get("postStart")
            if hook:
                self.run_hook(each, "postStart", hook)

    def observe(self, each: Running) -> None:
        """Write down what has changed, and what was logged."""
        if not each.id:
            return
        status = self.node.status(each.id)
        if each.state == -1 and status.started_at:
            self.note(f"{each.name}/{each.attempt} RUNNING", status.started_at)
        self.read_log(each)
        if status.state == each.state:
            return
        each.state = status.state
        if each.exited:
            each.exit_code = status.exit_code
            self.note_exit(each, status)

    def note_exit(self, each: Running, status: pb.ContainerStatus) -> None:
        path = termination_log(self.pod, each.name, each.attempt)
        said = self.node.cri.files.read(path).decode(errors="replace")
        message = f" message={said!r}" if said else ""
        text = f"{each.name}/{each.attempt} EXITED {status.exit_code} {status.reason}{message}"
        self.note(text, status.finished_at)
        finished_s = (status.finished_at - self.kubelet.began_ns) / SECOND_NS
        if finished_s - each.started_s > 2 * LAST_BACK_OFF_S:
            each.back_off_s = 0
        # The first restart is at once; each start doubles what the next restart has to wait.
        each.restart_at_s = finished_s + each.back_off_s
        each.back_off_s = min(max(FIRST_BACK_OFF_S, 2 * each.back_off_s), LAST_BACK_OFF_S)

    def read_log(self, each: Running) -> None:
        """Write down new records; of many in one second the first and the last."""
        records = self.node.cri.log(each.id).split(b"\n")[:-1]
        new, each.log_lines = records[each.log_lines :], len(records)
        for place, record in enumerate(new):
            if len(new) > SHOWN_RECORDS and 2 <= place < len(new) - 3:
                continue
            stamp, stream, tag, content = record.decode(errors="replace").split(" ", 3)
            text = content if len(content) <= 100 else f"{content[:60]}... ({len(content)} chars)"
            self.note(f"{each.name}/{each.attempt} {stream} {tag} {text}", parse_rfc3339_ns(stamp))
            if len(new) > SHOWN_RECORDS and place == 1:
                text = f"{each.name}/{each.attempt} ... {len(new) - 5} more records"
                self.note(text, parse_rfc3339_ns(stamp))

    def wanted(self, each: Running) -> bool:
        """Whether it is to run again after the exit that it had."""
        return {
            "Always": not each.is_init or each.restartable or each.exit_code != 0,
            "OnFailure": each.restartable or each.exit_code != 0,
            "Never": each.restartable,
        }[str(self.pod.spec.get("restartPolicy", "Always"))]

    def finished(self) -> bool:
        """Whether nothing is left to run but sidecars, which end with the pod."""
        failed = (e for e in self.inits if e.exited and e.exit_code and not self.wanted(e))
        return any(failed) or all(e.exited and not self.wanted(e) for e in self.mains)

    def restart(self, each: Running) -> None:
        """Start it anew if it has exited, its policy says so, and its back-off is over."""
        if each.exited and self.wanted(each) and self.kubelet.now_s() >= each.restart_at_s:
            self.start(each)

    # Probes and hooks.

    def probe(self, each: Running) -> None:
        """Ask the probes that are due."""
        if each.state != pb.CONTAINER_RUNNING:
            return
        age_s = round(self.kubelet.now_s() - each.started_s)
        kinds = ["startupProbe"] if not each.started_up and "startupProbe" in each.manifest else []
        for kind in kinds or ["livenessProbe", "readinessProbe"]:
            probe = each.manifest.get(kind)
            if probe is None or age_s < max(1, probe.get("initialDelaySeconds", 0)):
                continue
            if (age_s - probe.get("initialDelaySeconds", 0)) % probe.get("periodSeconds", 10) == 0:
                self.judge(each, kind, probe, self.ask(each, probe))

    def judge(self, each: Running, kind: str, probe: Manifest, good: bool) -> None:
        """Draw the consequences of a probe."""
        failures = each.failures[kind] = 0 if good else each.failures.get(kind, 0) + 1
        failed = failures >= probe.get("failureThreshold", 3)
        if kind == "readinessProbe" and (good or failed or each.ready is None):
            if each.ready is not good:
                self.note(f"{each.name}/{each.attempt} {'ready' if good else 'not ready'}")
            each.ready = good
        elif kind == "startupProbe" and good:
            each.started_up = True
            self.note(f"{each.name}/{each.attempt} has started up")
        elif failed and kind != "readinessProbe":
            self.note(f"{each.name}/{each.attempt} {kind} failed")
            self.stop(self.pod.spec.get("terminationGracePeriodSeconds", 30), each)
            # The back-off looks at earlier exits only, which are long ago.
            each.restart_at_s = self.kubelet.now_s()

    def ask(self, each: Running, probe: Manifest) -> bool:
        if "httpGet" in probe:
            return 200 <= self.get(each, probe["httpGet"]) < 400
        timeout_s = probe.get("timeoutSeconds", 1)
        request = pb.ExecSyncRequest(
            container_id=each.id, cmd=probe["exec"]["command"], timeout=timeout_s
        )
        try:
            return bool(self.kubelet.call("ExecSync", request).exit_code == 0)
        except grpc.RpcError:
            return False

    def get(self, each: Running, probe: Manifest) -> int:
        """Ask over the pod's network; return the status, 0 for none within a second."""
        ports: dict[Any, Any] = {
            port.get("name", ""): port["containerPort"] for port in each.manifest.get("ports", ())
        }
        port = int(ports.get(probe["port"]) or probe["port"])
        with self.node.cri.host.turn() as world:
            task = Task(world.scheduler, self.request(world, port, probe.get("path", "/")))
            world.scheduler.soon(task.step)
        for _ in range(10):
            if not task.done:
                self.node.cri.advance(0.1)
        return task.result() if task.done else 0

    def request(self, world: Any, port: int, path: str) -> Waits[int]:
        try:
            connection = yield from world.network.connect(world.network.node, self.pod.ip, port)
        except OSError:
            return 0
        headers = (("Host", self.pod.ip), ("User-Agent", "kube-probe/1.36"))
        received = yield from http.ask(connection, "GET", path, headers)
        connection.close()
        return received.status

    def run_hook(self, each: Running, name: str, hook: Manifest) -> None:
        if "sleep" in hook:
            self.node.cri.advance(hook["sleep"]["seconds"])
            return
        request = pb.ExecSyncRequest(container_id=each.id, cmd=hook["exec"]["command"])
        code = self.kubelet.call("ExecSync", request).exit_code
        self.note(f"{each.name}/{each.attempt} {name} exited with {code}")

    # The end.

    def stop(self, grace_s: int, *running: Running) -> None:
        """Run the hooks, and stop all at once with what is left of the grace period."""
        began_s = self.kubelet.now_s()
        for each in running:
            hook = each.manifest.get("lifecycle", {}).get("preStop")
            if hook:
                self.run_hook(each, "preStop", hook)
        pending = []
        for each in running:
            self.note(f"stop {each.name}/{each.attempt}")
            left_s = max(2, round(grace_s - (self.kubelet.now_s() - began_s)))
            pending.append(begin_stop(self.node, each.id, left_s))
        self.kubelet.wait()
        for each, stopped in zip(running, pending, strict=True):
            stopped.result()
            self.observe(each)

    def end(self) -> None:
        """End the pod: its containers, its sidecars in reverse order, its sandbox."""
        if self.ended:
            return
        grace_s = self.pod.spec.get("terminationGracePeriodSeconds", 30)
        for each in (*self.mains, *self.inits):
            self.observe(each)
        self.stop(grace_s, *(e for e in self.mains if e.state == pb.CONTAINER_RUNNING))
        for each in reversed(self.inits):
            if each.state == pb.CONTAINER_RUNNING:
                self.stop(grace_s, each)
        self.node.stop_sandbox(self.sandbox_id)
        self.note("sandbox NOTREADY")
        for each in (*self.mains, *self.inits):
            self.observe(each)
        self.node.remove_sandbox(self.sandbox_id)
        self.ended = True
