"""What can be known while a scenario is played, as a table; see docs/scenario_files.md.

A fact is a text or a number, or several of them where it is asked for by a glob.
"""

from collections.abc import Mapping
from dataclasses import dataclass

POD, CONTAINER, THING = "POD", "POD/CONTAINER", "POD[/CONTAINER]"
"""Kinds of arguments: a pod by the name of its manifest, a container of it; or a glob."""

NUMBER, TEXT = "number", "text"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to be asked for."""

    arguments: tuple[str, ...]
    kind: str
    meaning: str
    options: tuple[str, ...] = ()
    """What may be asked for more exactly: each as `option=VALUE`."""

    @property
    def form(self) -> str:
        """What follows its name."""
        return " ".join([*self.arguments, *(f"[{option}]" for option in self.options)])


_STATUS = "of its status in /pods"

FACTS: Mapping[str, Fact] = {
    "pods": Fact((POD,), NUMBER, "how many such pods /pods has", ("phase=GLOB", "reason=GLOB")),
    "phase": Fact((POD,), TEXT, "the phase in /pods; empty while the pod is not there"),
    "reason": Fact((POD,), TEXT, f"the `reason` {_STATUS}, such as `Evicted`"),
    "condition": Fact((POD, "TYPE"), TEXT, "`True` or `False`, of a condition in /pods"),
    "waiting": Fact((CONTAINER,), TEXT, "why a container waits, such as `CrashLoopBackOff`"),
    "terminated": Fact((CONTAINER,), TEXT, "the reason of its end, while it is in that state"),
    "last": Fact((CONTAINER,), TEXT, "the reason of the end before this state"),
    "message": Fact((CONTAINER,), TEXT, "the message of its state: why it waits, or how it ended"),
    "exit-code": Fact((CONTAINER,), NUMBER, "its exit code; while it is no end, that of the last"),
    "restarts": Fact((CONTAINER,), NUMBER, "its restart count"),
    "ready": Fact((CONTAINER,), TEXT, "`true` or `false`"),
    "field": Fact((POD, "PATH"), TEXT, "anything of a pod of /pods: `status.podIP`"),
    "lines": Fact(("TEXT",), NUMBER, "how many lines of the kubelet's log have this text"),
    "kubelet-events": Fact(
        ("REASON",), NUMBER, "how many Kubernetes events it has told", ("pod=GLOB", "text=GLOB")
    ),
    "metric": Fact(
        ("NAME{label=value,...}",), NUMBER, "the sum of such samples of /metrics", ("at=PATH",)
    ),
    "http": Fact(
        ("PATH",),
        NUMBER,
        "the status of its answer, 0: there is none; `port=tls` asks that port",
        ("port=tls",),
    ),
    "body": Fact(("PATH",), TEXT, "what it answers", ("port=tls",)),
    "exited": Fact((), TEXT, "the exit status of the kubelet; empty while it runs"),
    "calls": Fact(
        ("CALLS",),
        NUMBER,
        "how many calls came, as `CreateContainer{pod=web-node}`",
        ("error=GLOB",),
    ),
    "in-flight": Fact(("CALLS",), NUMBER, "how many of them have no answer yet"),
    "fired": Fact((), NUMBER, "on how many calls the rules acted that this scenario armed"),
    "gate": Fact(("NAME",), NUMBER, "how many calls a gate holds"),
    "running": Fact((THING,), NUMBER, "how many containers run, as the runtime knows"),
    "containers": Fact((THING,), NUMBER, "how many containers the runtime has, ended ones too"),
    "logged": Fact((CONTAINER,), TEXT, "what its log files on the disk hold, rotated ones too"),
    "log-links": Fact((CONTAINER,), NUMBER, "how many links to its log /var/log/containers has"),
    "sandboxes": Fact((POD,), NUMBER, "how many READY pod sandboxes the runtime has"),
    "images": Fact(("GLOB",), NUMBER, "how many images the runtime has of such a name"),
}
"""By their names."""
