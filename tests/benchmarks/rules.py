"""What rules cost that do not match: `python tests/benchmarks/rules.py`.

A pod's life on the object face, from RunPodSandbox to RemovePodSandbox, without rules and with ten
that match none of its calls: a rule for each RPC, and ten rules for all RPCs. They run in one
process, turn by turn, and what is told is ratios, so that what else the machine does weighs on all.
"""

import argparse
import json
import statistics
import time
from contextlib import ExitStack
from itertools import permutations

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb

USUAL = (
    "PullImage{image=*nginx*} = 2* error(UNAVAILABLE)",
    "RunPodSandbox{pod=db-*} = 1* after:error(UNKNOWN)",
    "CreateContainer{container=sidecar} = error(UNKNOWN)",
    "StartContainer{label.app=shop} = 3* error(UNKNOWN)",
    'StopContainer{pod=~"db-[0-9]+"} = error(UNKNOWN)',
    "RemoveContainer{attempt>5} = error(UNKNOWN)",
    "PodSandboxStatus{ns=kube-*} = 30% error(UNKNOWN)",
    "ContainerStatus{state=unknown} = error(UNKNOWN)",
    "lists{n=100000000} = error(UNKNOWN)",
    "StopPodSandbox,RemovePodSandbox{uid=uid-0} = error(UNKNOWN)",
)
"""A rule for each RPC of the cycle: as somebody has them who breaks one thing after another."""

GREEDY = (
    "*{pod=nobody} = error(INTERNAL)",
    "*{ns=kube-*} = error(INTERNAL)",
    '*{pod=~"db-[0-9]+"} = after:error(INTERNAL)',
    "*{container=sidecar} = 3* error(INTERNAL)",
    "*{image=*nginx*} = 30% error(INTERNAL)",
    "*{label.app=shop} = error(INTERNAL)",
    "*{state=unknown} = error(INTERNAL)",
    "*{attempt>5} = error(INTERNAL)",
    "*{req.config.metadata.name=init-*} = error(INTERNAL)",
    "*{uid=uid-0, container=main} = error(INTERNAL)",
)
"""Ten rules that look at every call."""

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


IN_A_ROW = 10


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
    """Return how long a cycle takes among others, in microseconds of this process.

    Pods live one after another on one runtime: where it changes with each pod, it is the change
    that is measured.
    """
    cycle(cri)
    begin_ns = time.process_time_ns()
    for _ in range(IN_A_ROW):
        cycle(cri)
    return (time.process_time_ns() - begin_ns) / 1000 / IN_A_ROW


def compare(rounds: int) -> dict[str, float]:
    """Return how long a cycle takes without rules, and what rules add to it, in percent.

    Each figure is the tenth percentile: what a cycle takes where the machine leaves it alone.
    """
    rules = {"none": (), "none_again": (), "usual": USUAL, "greedy": GREEDY}
    times: dict[str, list[float]] = {name: [] for name in rules}
    with ExitStack() as stack:
        runtimes = {name: stack.enter_context(CRI(keep_calls=1000)) for name in rules}
        for name, cri in runtimes.items():
            if rules[name]:
                cri.faults(*rules[name])
            for _ in range(20):
                cycle(cri)
        orders = list(permutations(runtimes.items()))  # each is behind each other one as often
        for at in range(rounds):
            for name, cri in orders[at % len(orders)]:
                times[name].append(measured_us(cri))
    quick = {name: statistics.quantiles(each, n=10)[0] for name, each in times.items()}
    base = (quick["none"] + quick["none_again"]) / 2
    added = {name: round(100 * (each / base - 1), 2) for name, each in quick.items()}
    return {
        "cycle_us": round(base, 1),
        "noise_percent": abs(added["none_again"]),
        "ten_usual_rules_percent": added["usual"],
        "ten_rules_for_all_percent": added["greedy"],
    }


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=120)
    print(json.dumps(compare(parser.parse_args().rounds)))  # noqa: T201  # it is what was asked


if __name__ == "__main__":
    main()
