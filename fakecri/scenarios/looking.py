"""What is true of a node at one moment: facts of its kubelet and of its runtime."""

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from fakecri.core.faults.patterns import glob_matcher
from fakecri.core.history import History
from fakecri.core.history.about import PastCall
from fakecri.core.history.choosing import About, Choice
from fakecri.core.records import Container
from fakecri.core.states import ContainerState, SandboxState
from fakecri.kubelet import KubeletError, KubeletNode, Metrics
from fakecri.kubelet.machine import LINKS
from fakecri.scenarios.conditions import Term, Values
from fakecri.scenarios.statuses import ABSENT, Statuses
from fakecri.scopes import Scope

_OK = 200
_TEACHERS = frozenset({"RunPodSandbox", "CreateContainer", "PullImage", "ImageStatus"})
"""Calls that tell what ids stand for."""


class Look:
    """A look at a node. What is asked for twice is read once."""

    def __init__(self, node: KubeletNode, names: Sequence[str], armed: Sequence[Scope]) -> None:
        """`names` are those of all manifests."""
        self._node = node
        self._names = names
        self._armed = armed
        self._answers: dict[tuple[str, str], tuple[int, str]] = {}
        self._facts: Mapping[str, Callable[[Term], Values]] = {
            "lines": lambda term: _count(node.kubelet.lines(term.arguments[0])),
            "kubelet-events": self._kubelet_events,
            "metric": self._metric,
            "http": lambda term: [float(self._asked(term)[0])],
            "body": lambda term: [self._asked(term)[1]],
            "exited": self._exited,
            "calls": lambda term: _count(self._calls(term)),
            "in-flight": lambda term: _count(
                each for each in self._calls(term) if each.ended_n is None
            ),
            "fired": lambda _: [float(sum(scope.fired for scope in armed))],
            "gate": lambda term: [float(node.cri.gates[term.arguments[0]].waiting)],
            "running": lambda term: _count(
                each for each in self._containers(term) if each.state == ContainerState.RUNNING
            ),
            "containers": lambda term: _count(self._containers(term)),
            "logged": lambda term: [_logged(each) for each in self._containers(term)] or [""],
            "log-links": lambda term: _count(
                link for each in self._containers(term) for link in _links(each)
            ),
            "sandboxes": self._sandboxes,
            "images": self._images,
        }

    def values(self, term: Term) -> Values:
        """Return what a fact is."""
        read = self._facts.get(term.fact) or self._statuses.facts[term.fact]
        return read(term)

    # Of the kubelet.

    @cached_property
    def _statuses(self) -> Statuses:
        text = self._answer("/pods")[1]
        try:
            items = json.loads(text).get("items") or []
        except ValueError:
            items = []
        return Statuses(
            {self._own_name(each["metadata"]["name"]): each for each in items}, self._names
        )

    def _own_name(self, pod: str) -> str:
        """Return the name of the manifest of a pod, by what the kubelet calls it."""
        return pod.removesuffix(f"-{self._node.kubelet.name.lower()}")

    def _asked(self, term: Term) -> tuple[int, str]:
        return self._answer(term.arguments[0], term.options.get("port", ""))

    def _answer(self, path: str, port: str = "") -> tuple[int, str]:
        kubelet = self._node.kubelet
        if (path, port) not in self._answers:
            try:
                answer = kubelet.tls_get(path) if port == "tls" else kubelet.get(path)
            except (OSError, KubeletError):
                answer = 0, ""
            self._answers[path, port] = answer
        return self._answers[path, port]

    def _kubelet_events(self, term: Term) -> Values:
        reason, options = glob_matcher(term.arguments[0]), term.options
        pod, text = glob_matcher(options.get("pod", "*")), glob_matcher(options.get("text", "*"))
        return _count(
            each
            for each in self._node.kubelet.events()
            if reason(each.reason) and pod(self._own_name(each.pod)) and text(each.message)
        )

    def _metric(self, term: Term) -> Values:
        name, _, labels = term.arguments[0].partition("{")
        status, text = self._answer(term.options.get("at", "/metrics"))
        pairs = (part.partition("=") for part in labels.rstrip("}").split(",") if part)
        wanted = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
        try:
            return [Metrics(text).total(name, **wanted) if status == _OK else ABSENT]
        except ValueError:  # something else is at this path
            return [ABSENT]

    def _exited(self, _: Term) -> Values:
        try:
            status = self._node.kubelet.status
        except KubeletError:  # it was not started yet
            status = None
        return ["" if status is None else str(status)]

    # Of the runtime.

    def _calls(self, term: Term) -> list[PastCall]:
        about: About = {}
        if "error" in term.options:
            about["error"] = False if term.options["error"] == "none" else term.options["error"]
        choice = Choice(term.arguments[0], about)
        calls = (each for each in self._node.cri.calls if each.rpc in choice.rpcs | _TEACHERS)
        return History(cast("Iterable[PastCall]", calls)).select(term.arguments[0], **about)

    def _containers(self, term: Term) -> list[Container]:
        pod, _, container = term.arguments[0].partition("/")
        fits_pod, fits = glob_matcher(pod), glob_matcher(container or "*")
        with self._node.cri.host.turn() as world:
            held = list(world.store.containers)
        return [
            each
            for each in held
            if fits(each.config.metadata.name)
            and fits_pod(self._own_name(each.sandbox_config.metadata.name))
        ]

    def _sandboxes(self, term: Term) -> Values:
        fits = glob_matcher(term.arguments[0])
        with self._node.cri.host.turn() as world:
            held = list(world.store.sandboxes)
        return _count(
            each
            for each in held
            if each.state == SandboxState.READY and fits(self._own_name(each.config.metadata.name))
        )

    def _images(self, term: Term) -> Values:
        fits = glob_matcher(term.arguments[0])
        with self._node.cri.host.turn() as world:
            names = [(each.id, *each.names) for each in world.images.list()]
        return _count(each for each in names if any(map(fits, each)))


def _log_path(container: Container) -> Path:
    return Path(container.sandbox_config.log_directory, container.config.log_path)


def _links(container: Container) -> Iterator[Path]:
    for link in LINKS.glob(f"*-{container.id}.log"):
        with suppress(OSError):  # it has just gone
            if link.readlink() == _log_path(container):
                yield link


def _logged(container: Container) -> str:
    """Return what stands in the log files of an attempt, the oldest of them first."""
    log = _log_path(container)
    return "".join(map(_content, (*sorted(log.parent.glob(f"{log.name}.*")), log)))


def _content(file: Path) -> str:
    try:
        content = file.read_bytes()
        unpacked = gzip.decompress(content) if file.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error):  # it is being moved, or packed
        return ""
    return unpacked.decode(errors="replace")


def _count(things: Iterable[Any]) -> Values:
    return [float(sum(1 for _ in things))]
