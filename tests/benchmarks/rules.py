"""What rules cost that do not match: `python tests/benchmarks/rules.py`.

A pod's life on the object face, from RunPodSandbox to RemovePodSandbox, without rules and with ten
that look at every call of it and match none. Both run in one process, turn by turn, and the ratio
of their medians is what is told; so that what else the machine does weighs on both.
"""

import argparse
import gc
import json
import statistics
import time

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb

RULES = (
    "*{pod=nobody} = error(INTERNAL)",
    "*{ns=kube-*} = error(INTERNAL)",
    'writes{pod=~"db-[0-9]+"} = after:error(INTERNAL)',
    "*{container=sidecar} = 3* error(INTERNAL)",
    "*{image=*nginx*} = 30% error(INTERNAL)",
    "*{label.app=shop} = error(INTERNAL)",
    "*{state=unknown} = error(INTERNAL)",
    "*{attempt>5} = error(INTERNAL)",
    "CreateContainer{req.config.metadata.name=init-*} = error(INTERNAL)",
    "reads{uid=uid-0, container=main} = error(INTERNAL)",
)
POD = pb.PodSandboxConfig(
    metadata=pb.PodSandboxMetadata(name="web", namespace="default", uid="uid-web"),
    log_directory="/var/log/pods/default_web_uid-web",
)
BUSYBOX = pb.ImageSpec(image="busybox")
CONTAINER = pb.ContainerConfig(
    metadata=pb.ContainerMetadata(name="main"),
    image=BUSYBOX,
    command=["sleep", "1d"],
    log_path="main.log",
)


def cycle(cri: CRI) -> None:
    """Let a pod live as a kubelet does: made, looked at, and removed."""
    service = cri.runtime_service
    cri.image_service.pull_image(BUSYBOX)
    pod_id = service.run_pod_sandbox(POD)
    container_id = service.create_container(pod_id, CONTAINER, POD)
    service.start_container(container_id)
    for _ in range(2):
        service.pod_sandbox_status(pod_id)
        service.container_status(container_id)
        service.list_containers()
        service.list_pod_sandbox()
    service.stop_container(container_id, 0)
    service.remove_container(container_id)
    service.stop_pod_sandbox(pod_id)
    service.remove_pod_sandbox(pod_id)


def measured_us(cri: CRI) -> float:
    """Return how long one cycle takes, in microseconds of this process."""
    begin_ns = time.process_time_ns()
    cycle(cri)
    return (time.process_time_ns() - begin_ns) / 1000


def compare(rounds: int) -> dict[str, float]:
    """Return the medians without and with rules, and what the rules add, in percent."""
    with CRI(keep_calls=0) as plain, CRI(keep_calls=0) as again, CRI(keep_calls=0) as ruled:
        ruled.faults(*RULES)
        runtimes = {"without_us": plain, "without_again_us": again, "with_us": ruled}
        times: dict[str, list[float]] = {name: [] for name in runtimes}
        for cri in runtimes.values():
            for _ in range(20):
                cycle(cri)
        gc.disable()
        for _ in range(rounds):
            for name, cri in runtimes.items():
                times[name].append(measured_us(cri))
            gc.collect(0)
    medians = {name: statistics.median(each) for name, each in times.items()}
    without = medians["without_us"]
    return {
        **{name: round(each, 1) for name, each in medians.items()},
        "noise_percent": round(100 * (medians["without_again_us"] / without - 1), 2),
        "rules_percent": round(100 * (medians["with_us"] / without - 1), 2),
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=300)
    print(json.dumps(compare(parser.parse_args().rounds)))  # noqa: T201  # it is what was asked


if __name__ == "__main__":
    main()
