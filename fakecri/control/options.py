"""What a runtime begins with: all that `serve`, or whoever creates a session, can choose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO, TypeAlias

from fakecri.core.behaviours.grammar import BehaviourError
from fakecri.core.behaviours.rules import Rule
from fakecri.core.files import Files, MemoryFiles
from fakecri.core.image_registry import Registry
from fakecri.core.references import InvalidReference
from fakecri.cri import CRI
from fakecri.errors import UsageError
from fakecri.host import open_host
from fakecri.network import choose_subnets, open_network
from fakecri.pace import Pace, parse_pace
from fakecri.scopes import texts_of

KEPT_CALLS = 1000
"""How many calls a server remembers; the recording has them all."""

OpenFiles: TypeAlias = Callable[[], tuple[Files, Files | None]]
"""Where logs and checkpoints go, and what mounts of host paths lead to (None: the same)."""


def memory_files() -> tuple[Files, None]:
    """Everything is kept in memory."""
    return MemoryFiles(), None


@dataclass(frozen=True, slots=True)
class Options:
    """What a runtime begins with."""

    seed: int = 0
    pace: str = "rate"
    rate: float | None = None
    rules: tuple[str, ...] = ()
    strict_images: bool = False
    images: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    behaviours: tuple[str, ...] = ()
    annotations: bool = False
    disk_bytes: int | None = None
    network: str = "memory"
    pod_subnets: tuple[str, ...] = ()
    files: OpenFiles = memory_files
    on_disk: bool = False
    """Whether the runtime leaves something on this machine."""

    def check(self) -> None:
        """Raise UsageError for what the options get wrong, before anything is opened."""
        if self.rate is not None and self.pace != "rate":
            raise UsageError("a rate goes with the pace rate")
        self.new_pace()
        if self.disk_bytes is not None and self.disk_bytes < 0:
            raise UsageError(f"{self.disk_bytes} bytes: a disk has 0 bytes or more")
        registry = Registry()
        _configure(registry, self.registries)
        for reference in self.images:
            _add_image(registry, reference)
        self._behaviours()
        texts_of(self.rules)
        choose_subnets(self.network, self.pod_subnets)

    def new_pace(self) -> Pace:
        """Return the pace, which begins now."""
        return parse_pace(self.pace, 1.0 if self.rate is None else self.rate)

    def open(self, record: TextIO | None, pace: Pace | None = None, *, led: bool = False) -> CRI:
        """Begin a runtime. `pace` takes the place of the one that was chosen.

        Where it is `led`, no time passes until the host is told so.
        """
        files, mounted = self.files()
        host = open_host(
            seed=self.seed,
            pace=pace or self.new_pace(),
            files=files,
            mounted=mounted,
            record=record,
            strict_images=self.strict_images,
            keep_calls=KEPT_CALLS,
            pod_subnets=choose_subnets(self.network, self.pod_subnets),
            disk_bytes=self.disk_bytes,
            annotations=self.annotations,
            rules=texts_of(self.rules),
        )
        host.led = led
        cri = CRI.over(host)
        try:
            self._furnish(cri)
        except BaseException:
            cri.close()
            raise
        return cri

    def _furnish(self, cri: CRI) -> None:
        open_network(cri.host, self.network)
        for reference in self.images:
            _add_image(cri.registry, reference)
        _configure(cri.registry, self.registries)
        for rule in self._behaviours():
            cri.behave(rule)
        if self.rules:
            cri.faults(self.rules)

    def _behaviours(self) -> list[Rule]:
        return [_behaviour(text) for text in self.behaviours]


def _add_image(registry: Registry, reference: str) -> None:
    try:
        registry.add(reference)
    except InvalidReference as error:
        raise UsageError(f"image {reference}: {error}") from error


def _configure(registry: Registry, rules: Sequence[str]) -> None:
    for text in rules:
        try:
            registry.configure(text)
        except UsageError as error:
            raise UsageError(f"registry {text}: {error}") from error


def _behaviour(text: str) -> Rule:
    try:
        return Rule.parse(text)
    except BehaviourError as error:
        raise UsageError(f"behaviour {text}: {error}") from error
