"""Pods that come and go without end on a real kubelet, to see whether anything grows.

    python -m tests.real.churn --kubelet PATH --minutes 60 --pods 100

keeps so many static pods of mixed kinds in being, and replaces some each second; others crash, are
killed for memory, are probed, have commands run in them and logs read and rotated. The runtime is a
process of its own. Every 30 s a line of JSON says what it and the kubelet have in use. At the end
all pods go, and the medians of the second and the last quarter are compared: what has grown by more
than a tenth is told, and the exit status is 1. It needs root; it is not a test, as it takes long:
the memory of a runtime grows to what it needs for some thirteen minutes, and then no more.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import grpc

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub
from fakecri.control.client import Control, ControlError
from fakecri.kubelet import Kubelet, NotSeen
from fakecri.kubelet.machine import process_stat
from fakecri.kubelet.node import own_subnet
from tests.control.processes import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.control.processes import ServedProcess

SAMPLE_S = 30
SHORTEST_MIN = 40
EMPTY_S = 240
"""How long the kubelet may take to clear away all pods: it does so once a minute."""
SLACK = {"rss_kib": 8_192, "fds": 10, "sockets": 10, "threads": 2}
"""What may grow by so much, besides a tenth: what is measured goes up and down with the pods."""
SETTINGS = {
    "containerLogMaxSize": "20Ki",
    "containerLogMaxFiles": 2,
    "containerLogMonitorInterval": "3s",
    "maxPods": 500,
}

Spec = dict[str, Any]


def box(*command: str, **fields: Any) -> Spec:
    """Return a container."""
    return {"name": "main", "image": "busybox", "command": list(command), **fields}


def shell(text: str, **fields: Any) -> Spec:
    """Return a container that runs a script."""
    return box("sh", "-c", text, **fields)


def execs(*command: str) -> Spec:
    """Return what runs a command in the container, for a probe or a hook."""
    return {"exec": {"command": list(command)}}


SLEEPS = ("sleep", "infinity")
LINES = (
    "while true; do for i in 1 2 3 4 5 6 7 8; do"
    " echo 'a line of some fifty bytes, or somewhat more'; done; sleep 0.5; done"
)
KINDS: dict[str, Spec] = {
    "sleeps": {"containers": [box(*SLEEPS)]},
    "crashes": {"containers": [shell("sleep 2; exit 1")]},
    "logs": {"containers": [shell(LINES)]},
    "web": {
        "containers": [
            {
                "name": "main",
                "image": "nginx",
                "readinessProbe": {"httpGet": {"port": 80}, "periodSeconds": 1},
                "livenessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 2},
            }
        ]
    },
    "probed": {
        "containers": [box(*SLEEPS, readinessProbe={**execs("true"), "periodSeconds": 1})],
    },
    "inits": {
        "initContainers": [
            shell("echo first", name="first"),
            box(*SLEEPS, name="beside", restartPolicy="Always"),
        ],
        "containers": [box(*SLEEPS), box(*SLEEPS, name="other")],
    },
    "volumes": {
        "volumes": [
            {"name": "disk", "emptyDir": {}},
            {"name": "memory", "emptyDir": {"medium": "Memory"}},
        ],
        "containers": [
            shell(
                "while true; do date >> /disk/x; cat /disk/x > /memory/x; sleep 1; done",
                volumeMounts=[
                    {"name": "disk", "mountPath": "/disk"},
                    {"name": "memory", "mountPath": "/memory"},
                ],
            )
        ],
    },
    "hooks": {
        "containers": [
            box(
                *SLEEPS,
                lifecycle={"postStart": execs("touch", "/up"), "preStop": execs("sleep", "0.2")},
            )
        ]
    },
    "job": {"restartPolicy": "Never", "containers": [shell("echo done; sleep 1")]},
    "absent": {"containers": [box(*SLEEPS, image="x.test/absent", imagePullPolicy="Never")]},
    "host": {"hostNetwork": True, "containers": [box(*SLEEPS)]},
}


@dataclass
class Usage:
    """What a process has in use."""

    rss_kib: int
    threads: int
    fds: int
    sockets: int
    cpu_s: float

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Read it from /proc."""
        home = Path(f"/proc/{pid}")
        status = dict(each.split(":", 1) for each in (home / "status").read_text().splitlines())
        open_files = list(_links(home / "fd"))
        times = process_stat(pid)
        ticks = int(times[11]) + int(times[12])
        return cls(
            rss_kib=int(status["VmRSS"].split()[0]),
            threads=int(status["Threads"]),
            fds=len(open_files),
            sockets=sum(each.startswith("socket:") for each in open_files),
            cpu_s=ticks / os.sysconf("SC_CLK_TCK"),
        )


def _links(directory: Path) -> Iterator[str]:
    for each in directory.iterdir():
        with suppress(OSError):  # it was closed meanwhile
            yield str(each.readlink())


@dataclass
class Churn:
    """Pods on a kubelet, some of which go and others come."""

    server: ServedProcess
    kubelet: Kubelet
    runtime: Any
    control: Control
    chance: random.Random
    made: int = 0
    live: list[str] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)

    def add(self) -> None:
        """Write the manifest of a pod of any kind."""
        self.made += 1
        name = f"{self.chance.choice(list(KINDS))}-{self.made}"
        spec = {**KINDS[name.partition("-")[0]], "dnsPolicy": "Default"}
        grace_s = self.chance.choice([1, 2])
        pod = {
            "metadata": {"name": name},
            "spec": {**spec, "terminationGracePeriodSeconds": grace_s},
        }
        self.kubelet.manifests.put(pod)
        self.live.append(name)

    def remove(self, name: str) -> None:
        """Remove a pod's manifest."""
        self.kubelet.manifests.remove(name)
        self.live.remove(name)

    def step(self) -> None:
        """Replace a pod, and do something with another."""
        self.remove(self.chance.choice(self.live))
        self.add()
        act = self.chance.choice([self.oom, self.run, self.read_log, self.read_stats])
        try:
            act(self.chance.choice(self.live))
        except (ControlError, grpc.RpcError, OSError) as error:
            # Most often the pod is not there yet, or does not run.
            self.acts[f"{act.__name__}: {type(error).__name__}"] += 1
        else:
            self.acts[act.__name__] += 1

    def oom(self, pod: str) -> None:
        """Let a container run out of memory."""
        self.control.state.strike(fault=f"container {pod}-{self.kubelet.name}/main oom")

    def run(self, pod: str) -> None:
        """Run a command in a container."""
        labels = {"io.kubernetes.pod.name": f"{pod}-{self.kubelet.name}"}
        which = pb.ContainerFilter(label_selector=labels)
        found = self.runtime.ListContainers(pb.ListContainersRequest(filter=which)).containers
        for each in found:
            self.runtime.ExecSync(pb.ExecSyncRequest(container_id=each.id, cmd=["echo", "x"]))

    def read_log(self, pod: str) -> None:
        """Read a log through the kubelet."""
        name = f"{pod}-{self.kubelet.name}"
        self.kubelet.tls_get(f"/containerLogs/default/{name}/main?tailLines=5")

    def read_stats(self, _: str) -> None:
        """Read the summary of the kubelet."""
        self.kubelet.get("/stats/summary")

    def left(self) -> dict[str, int]:
        """Return how much there is of what comes and goes."""
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        places = self.kubelet.places
        return {
            "sandboxes": len(self.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items),
            "containers": len(self.runtime.ListContainers(pb.ListContainersRequest()).containers),
            "log_files": sum(len(files) for _, _, files in os.walk(places.pod_logs)),
            "mounts": sum(f"{places.root}/pods/" in each for each in mounts),
        }

    def sample(self, t_s: float) -> dict[str, Any]:
        """Return what is in use, as a line has it."""
        return {
            "t_s": round(t_s),
            "fakecri": asdict(Usage.of(self.server.pid)),
            "kubelet": asdict(Usage.of(self.kubelet.pid)),
            "made": self.made,
            **self.left(),
            "acts": dict(self.acts),
        }


@contextmanager
def churning(program: Path, seed: int) -> Iterator[Churn]:
    """Start a runtime in a process of its own, and a kubelet on it."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fcri-churn-")))
        places = ("--host-mounts", str(home), "--image-fs", str(home))
        network = ("--network", "loopback", "--pod-subnet", own_subnet(wide=True))
        server = stack.enter_context(serving(*network, *places))
        kubelet = stack.enter_context(
            Kubelet(program, server.endpoint, home / "kubelet", settings=SETTINGS, flags=("--v=1",))
        )
        yield Churn(
            server,
            kubelet,
            runtime_stub(stack.enter_context(connect(server.endpoint))),
            stack.enter_context(Control(server.control)),
            random.Random(seed),  # noqa: S311  # it keeps no secrets
        )


def last(churn: Churn, minutes: float, rate: float, tell: Callable[[Any], None]) -> list[Any]:
    """Let pods come and go; return the samples."""
    samples: list[Any] = []
    begin_s = time.monotonic()
    end_s, sample_s, step_s = begin_s + 60 * minutes, begin_s + SAMPLE_S, begin_s
    while (now_s := time.monotonic()) < end_s:
        if now_s >= sample_s:
            samples.append(churn.sample(now_s - begin_s))
            tell(samples[-1])
            sample_s += SAMPLE_S
        churn.step()
        step_s += 1 / rate
        time.sleep(max(0.0, step_s - time.monotonic()))
    return samples


def growth(samples: Sequence[Any]) -> list[str]:
    """Return a line for what the runtime has more of in the last quarter than in the second."""
    quarter = len(samples) // 4
    second, fourth = samples[quarter : 2 * quarter], samples[3 * quarter :]
    lines = []
    for each, slack in SLACK.items():
        before, after = (
            median(sample["fakecri"][each] for sample in part) for part in (second, fourth)
        )
        if after > 1.1 * before + slack:
            lines.append(f"{each} grew from {before:g} to {after:g}")
    return lines


def empty(churn: Churn) -> list[str]:
    """Let all pods go; return a line for what is left of them."""
    for name in list(churn.live):
        churn.remove(name)
    with suppress(NotSeen):
        churn.kubelet.until(lambda: not any(churn.left().values()), "nothing", EMPTY_S, every_s=2)
    return [f"{number} {each} are left" for each, number in churn.left().items() if number]


def main() -> int:
    """Run it; return 1 where something grew or was left."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kubelet", type=Path, required=True, metavar="PATH")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--pods", type=int, default=100)
    parser.add_argument(
        "--rate", type=float, default=2.0, help="pods that are replaced each second"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if options.minutes < SHORTEST_MIN:
        parser.error(f"--minutes {options.minutes:g}: it takes {SHORTEST_MIN} until nothing grows")
    if options.pods < 1 or options.rate <= 0:
        parser.error("--pods and --rate: there are some, and some are replaced")

    def tell(sample: Any) -> None:
        sys.stdout.write(json.dumps(sample) + "\n")
        sys.stdout.flush()

    with churning(options.kubelet, options.seed) as churn:
        for _ in range(options.pods):
            churn.add()
        samples = last(churn, options.minutes, options.rate, tell)
        complaints = [*growth(samples), *empty(churn)]
        tell(churn.sample(60 * options.minutes))
    sys.stdout.write("\n".join(complaints or ["nothing grew, and nothing is left"]) + "\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
