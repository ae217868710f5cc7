"""What hollow nodes cost: `python tests/benchmarks/hollow.py KUBELET`, as root.

`fakecri node` runs so many kubelets, without pods, then with 5 and with 20 each. For each crowd:
the memory of a kubelet, and a node's share of the process that has the runtimes; the CPU time of
both per minute; and how many times as much as the kubelet its runtime takes, in the same run.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from fakecri.kubelet.machine import process_stat

CROWDS = (0, 5, 20)
PATIENCE_S = 300
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class Nodes:
    """A process of `fakecri node`, and what it says of its nodes."""

    def __init__(self, pid: int, roster: Path) -> None:
        self.pid = pid
        told = json.loads(roster.read_text())
        self.kubelets = [int(each["pid"]) for each in told]
        self._ports = [int(each["read_only_port"]) for each in told]

    def running(self) -> int:
        """Return how many pods run, on all of them."""
        return sum(map(_running, self._ports))


@contextmanager
def hollow_nodes(kubelet: str, count: int, manifests: Path) -> Iterator[Nodes]:
    """Run nodes, until the context is left."""
    words = ["--kubelet", kubelet, "--count", str(count), "--manifests", str(manifests)]
    command = [sys.executable, "-m", "fakecri", "node", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready = [process.stdout.readline() for _ in range(count + 2)][-1]
            yield Nodes(process.pid, Path(ready.rpartition(" ")[2].strip()))
        finally:
            process.terminate()


def measured(nodes: Nodes, settle_s: float, seconds: float) -> dict[str, float]:
    """Return what a node costs."""
    count = len(nodes.kubelets)
    time.sleep(settle_s)
    before = _cpu_s(nodes.pid), sum(map(_cpu_s, nodes.kubelets))
    time.sleep(seconds)
    after = _cpu_s(nodes.pid), sum(map(_cpu_s, nodes.kubelets))
    runtime_s, kubelet_s = (
        (late - early) * 60 / seconds / count for early, late in zip(before, after, strict=True)
    )
    memory = {
        "kubelet_rss_mib": sum(_mib(pid, "Rss") for pid in nodes.kubelets) / count,
        "kubelet_pss_mib": sum(_mib(pid, "Pss") for pid in nodes.kubelets) / count,
        "runtimes_rss_mib": _mib(nodes.pid, "Rss"),
        "runtime_pss_mib": _mib(nodes.pid, "Pss") / count,
    }
    return {
        **memory,
        "runtime_per_kubelet_memory": memory["runtime_pss_mib"] / memory["kubelet_pss_mib"],
        "kubelet_cpu_s_per_min": kubelet_s,
        "runtime_cpu_s_per_min": runtime_s,
        "runtime_per_kubelet_cpu": runtime_s / kubelet_s,
    }


def _running(port: int) -> int:
    with urlopen(f"http://127.0.0.1:{port}/pods") as answer:  # our own kubelet
        pods = json.load(answer)["items"] or []
    return sum(each["status"].get("phase") == "Running" for each in pods)


def _mib(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise LookupError(name)


def _cpu_s(pid: int) -> float:
    fields = process_stat(pid)
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _write_pod(directory: Path, name: str) -> None:
    container = {"name": "main", "image": "busybox", "command": ["sleep", "infinity"]}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0},
    }
    # A kubelet that finds half a manifest looks again much later.
    written = directory / f".{name}.json"
    written.write_text(json.dumps(pod))
    written.rename(directory / f"{name}.json")


def _until(condition: Callable[[], bool]) -> float:
    """Wait until a condition is true; return how many seconds that was."""
    begin_s = time.monotonic()
    while not condition():
        if time.monotonic() > begin_s + PATIENCE_S:
            raise TimeoutError
        time.sleep(0.2)
    return time.monotonic() - begin_s


def main() -> int:
    """Print a line of JSON for each crowd."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("kubelet")
    parser.add_argument("--count", type=int, default=10, help="nodes (10)")
    parser.add_argument("--settle", type=float, default=20.0, help="seconds before each (20)")
    parser.add_argument("--seconds", type=float, default=60.0, help="seconds of each (60)")
    given = parser.parse_args()
    with (
        TemporaryDirectory(prefix="fakecri-") as name,
        hollow_nodes(given.kubelet, given.count, Path(name)) as nodes,
    ):
        for crowd in CROWDS:
            for number in range(crowd):
                _write_pod(Path(name), f"pod-{number}")
            ran_s = _until(lambda crowd=crowd: nodes.running() == crowd * given.count)  # type: ignore[misc]  # its type is that of the loop
            row = {"nodes": given.count, "pods": crowd, "running_s": ran_s}
            row |= measured(nodes, given.settle, given.seconds)
            rounded = {key: round(value, 2) for key, value in row.items()}
            sys.stdout.write(json.dumps(rounded) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
