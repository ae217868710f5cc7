"""How much room and time crowds of containers take: `python tests/benchmarks/crowds.py`.

Two crowds, each in a process of its own: 10,000 containers that sleep, by the memory of the
process; and 100 shells that print the date once a second through a virtual hour, by the real time
it takes, against a floor: as many timers that only re-arm themselves.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.scheduler import SECOND_NS, Scheduler

TICK = "while true; do date; sleep 1; done"
POD_SIZE = 10


def fill(cri: CRI, count: int, command: list[str]) -> None:
    """Start containers, ten in a pod."""
    cri.image_service.pull_image(pb.ImageSpec(image="busybox"))
    service = cri.runtime_service
    for number in range(count):
        if number % POD_SIZE == 0:
            pod = _pod(number)
            pod_id = service.run_pod_sandbox(pod)
        container = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name=f"c{number}"),
            image=pb.ImageSpec(image="busybox"),
            command=command,
            log_path=f"c{number}.log",
        )
        service.start_container(service.create_container(pod_id, container, pod))


def _pod(number: int) -> pb.PodSandboxConfig:
    name = f"pod-{number}"
    return pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(name=name, namespace="default", uid=f"uid-{name}"),
        log_directory=f"/var/log/pods/default_{name}_uid-{name}",
    )


def resident_mib() -> float:
    """Return the most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def sleepers(count: int) -> dict[str, float]:
    """Measure a crowd that sleeps."""
    before_mib, begin_s = resident_mib(), time.perf_counter()
    with CRI(keep_calls=0) as cri:
        fill(cri, count, ["sleep", "1d"])
        return {
            "containers": count,
            "seconds_to_start": round(time.perf_counter() - begin_s, 2),
            "resident_mib": round(resident_mib(), 1),
            "kib_each": round((resident_mib() - before_mib) * 1024 / count, 2),
        }


def shells(count: int, virtual_s: int) -> dict[str, float]:
    """Measure a crowd of shells that tick."""
    with CRI(keep_calls=0) as cri:
        fill(cri, count, ["sh", "-c", TICK])
        spent_s = _timed(lambda: cri.advance(virtual_s))
        lines = sum(cri.log(each.id).count(b"\n") for each in cri.runtime_service.list_containers())
    floor_s = _timed(lambda: _bare_timers(count, virtual_s))
    return {
        "shells": count,
        "virtual_s": virtual_s,
        "lines_logged": lines,
        "seconds": round(spent_s, 2),
        "us_per_tick": round(spent_s * 1e6 / (count * virtual_s), 1),
        "ratio_to_bare_timers": round(spent_s / floor_s, 1),
        "resident_mib": round(resident_mib(), 1),
    }


def _timed(work: Callable[[], None]) -> float:
    begin_s = time.perf_counter()
    work()
    return time.perf_counter() - begin_s


def _bare_timers(count: int, virtual_s: int) -> None:
    scheduler = Scheduler(SECOND_NS)

    def again() -> None:
        scheduler.after(SECOND_NS, again)

    for _ in range(count):
        again()
    scheduler.advance_to(scheduler.now_ns + virtual_s * SECOND_NS)


def main() -> None:
    """Measure what is asked for, each in a process of its own."""
    parser = argparse.ArgumentParser(description="Measure crowds of containers.")
    parser.add_argument("--sleepers", type=int, default=10_000)
    parser.add_argument("--shells", type=int, default=100)
    parser.add_argument("--virtual-s", type=int, default=3600)
    parser.add_argument("--only", choices=("sleepers", "shells"))
    options = parser.parse_args()
    if options.only == "sleepers":
        print(json.dumps(sleepers(options.sleepers)))  # noqa: T201  # this is its output
    elif options.only == "shells":
        print(json.dumps(shells(options.shells, options.virtual_s)))  # noqa: T201  # likewise
    else:
        for each in ("sleepers", "shells"):
            subprocess.run([sys.executable, __file__, *sys.argv[1:], "--only", each], check=True)


if __name__ == "__main__":
    main()
