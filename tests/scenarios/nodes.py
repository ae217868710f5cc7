"""A node whose kubelet says what a test wants; its runtime is a real fake."""

import json
from collections.abc import Mapping
from typing import Any, cast

from fakecri import CRI
from fakecri.kubelet import KubeletError, KubeletEvent, KubeletNode

NAME = "node"


class TellingKubelet:
    """What a kubelet says, as a test has put it down."""

    def __init__(self) -> None:
        self.name = NAME
        self.answers: dict[str, tuple[int, str]] = {}
        self.told: list[KubeletEvent] = []
        self.log: list[str] = []
        self.status: int | None = None
        self.asked: list[str] = []
        self.did: list[str] = []
        self.cannot_start = ""

    def show(self, *pods: Mapping[str, Any]) -> None:
        """Let /pods have these."""
        self.answers["/pods"] = 200, json.dumps({"items": pods or None})

    def get(self, path: str) -> tuple[int, str]:
        self.asked.append(path)
        if path not in self.answers:
            raise ConnectionRefusedError
        return self.answers[path]

    def tls_get(self, path: str) -> tuple[int, str]:
        return self.get(f"tls {path}")

    def lines(self, text: str) -> list[str]:
        return [line for line in self.log if text in line]

    def events(self) -> list[KubeletEvent]:
        return self.told

    def start(self) -> None:
        self.did.append("start")
        if self.cannot_start:
            raise KubeletError(self.cannot_start)

    def stop(self, number: int = 15) -> None:
        self.did.append(f"stop {number}")


class TellingNode:
    """A node of such a kubelet."""

    def __init__(self) -> None:
        self.cri = CRI(pace="manual")
        self.kubelet = TellingKubelet()
        self.manifests: dict[str, Any] = {}

    def put(self, pod: Mapping[str, Any]) -> None:
        self.put_all([pod])

    def put_all(self, pods: list[Mapping[str, Any]]) -> None:
        self.manifests.update({pod["metadata"]["name"]: pod for pod in pods})

    def remove(self, name: str) -> None:
        if name not in self.manifests:
            raise FileNotFoundError
        del self.manifests[name]

    @property
    def as_node(self) -> KubeletNode:
        """It, for what wants a real one."""
        return cast("KubeletNode", self)


def pod(name: str, phase: str = "Running", **status: Any) -> dict[str, Any]:
    """Return a pod as /pods has it."""
    return {"metadata": {"name": f"{name}-{NAME}"}, "status": {"phase": phase, **status}}
