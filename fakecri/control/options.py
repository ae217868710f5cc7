"""What a runtime begins with: all that `serve`, or whoever creates a session, can choose."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO, TypeAlias

from fakecri.core.behaviours.grammar import BehaviourError
from fakecri.core.behaviours.rules import Rule
from fakecri.core.faults.rules import Rule as FaultRule
from fakecri.core.faults.rules import breaks_wires
from fakecri.core.files import Files, MemoryFiles
from fakecri.core.image_registry import Registry
from fakecri.core.levels import chosen_level
from fakecri.core.personalities import profile_of
from fakecri.core.plain import require_fields
from fakecri.core.references import InvalidReference
from fakecri.core.state_faults import StateFault, StateFaultError
from fakecri.cri import CRI
from fakecri.endpoints import ANY_PORT
from fakecri.errors import UsageError
from fakecri.network import choose_subnets, open_network
from fakecri.nri.server import check_nri, timeout_ns
from fakecri.opening import open_host
from fakecri.pace import Pace, parse_pace
from fakecri.scopes import Scope, as_rules, texts_of
from fakecri.streaming.server import Tls, check_streaming

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
    rules: tuple[str | FaultRule, ...] = ()
    strict_images: bool = False
    images: tuple[str, ...] = ()
    registries: tuple[str, ...] = ()
    behaviours: tuple[str, ...] = ()
    annotations: bool = False
    disk_bytes: int | None = None
    network: str = "memory"
    pod_subnets: tuple[str, ...] = ()
    streaming_address: str = ANY_PORT
    """Where the URLs of Exec, Attach and PortForward lead."""
    streaming_tls: Tls | None = None
    nri_socket: str | None = None
    """Where plugins of NRI connect."""
    nri_request_timeout: str = "2s"
    """How long one of them may take for an answer."""
    files: OpenFiles = memory_files
    state: tuple[str, ...] = ()
    """What happens to the node by itself: texts of state faults."""
    mask: tuple[str, ...] = ()
    """Fields that the recording hides, such as `KeyValue.value`."""
    wire_faults: bool = False
    """Whether rules that are armed later can break connections, as those of `rules` can."""
    keep_calls: int | None = None
    """How many calls are remembered (None: all); the recording has them all."""
    api_level: str = ""
    """The Kubernetes minor whose API is spoken, such as 1.30; empty: all that there is."""
    personality: str = ""
    """The runtime that is played; empty: the default."""
    image_fs: str = ""
    """The directory that is told as the place of images; empty: the personality's."""
    prefix: str = ""
    """What stands before the names of options in the texts of errors."""
    on_disk: bool = False
    """Whether the runtime leaves something on this machine."""

    def check(self) -> None:
        """Raise UsageError for what the options get wrong, before anything is opened."""
        prefix = self.prefix
        if self.rate is not None and self.pace != "rate":
            raise UsageError(f"{prefix}rate goes with {prefix}pace rate")
        self.new_pace()
        if self.disk_bytes is not None and self.disk_bytes < 0:
            raise UsageError(f"{prefix}disk-bytes {self.disk_bytes}: a disk has 0 bytes or more")
        registry = Registry()
        _configure(registry, self.registries, prefix)
        for reference in self.images:
            _add_image(registry, reference, prefix)
        for text in self.behaviours:
            _behaviour(text, prefix)
        for text in self.state:
            _state_fault(text, prefix)
        for name, read in (
            ("mask", lambda: require_fields(self.mask)),
            ("api-level", lambda: chosen_level(self.api_level)),
            ("personality", lambda: profile_of(self.personality)),
            ("nri-request-timeout", lambda: timeout_ns(self.nri_request_timeout)),
        ):
            try:
                read()
            except UsageError as error:
                raise UsageError(f"{prefix}{name} {error}") from error
        texts_of(self.rules)
        choose_subnets(self.network, self.pod_subnets)
        check_streaming(self.streaming_address, self.streaming_tls, prefix)
        if self.nri_socket is not None:
            check_nri(self.nri_socket, prefix)

    @property
    def breaks_wires(self) -> bool:
        """Whether a server needs what breaks connections."""
        return self.wire_faults or breaks_wires(as_rules(self.rules))

    def new_pace(self) -> Pace:
        """Return the pace, which begins now."""
        return parse_pace(self.pace, 1.0 if self.rate is None else self.rate)

    def open(
        self, record: TextIO | None, pace: Pace | None = None, *, led: bool = False
    ) -> tuple[CRI, Scope]:
        """Begin a runtime; return it, and its rules. `pace` stands instead of the one chosen.

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
            keep_calls=self.keep_calls,
            pod_subnets=choose_subnets(self.network, self.pod_subnets),
            disk_bytes=self.disk_bytes,
            annotations=self.annotations,
            rules=texts_of(self.rules),
            mask=self.mask,
            api_level=self.api_level,
            personality=self.personality,
            image_fs=self.image_fs,
        )
        host.led = led
        cri = CRI.over(host)
        try:
            return cri, self._furnish(cri)
        except BaseException:
            cri.close()
            raise

    def _furnish(self, cri: CRI) -> Scope:
        open_network(cri.host, self.network)
        cri.open_streams(self.streaming_address, self.streaming_tls)
        if self.nri_socket is not None:
            cri.open_nri(self.nri_socket, request_timeout=self.nri_request_timeout)
        for reference in self.images:
            _add_image(cri.registry, reference)
        _configure(cri.registry, self.registries)
        for text in self.behaviours:
            cri.behave(_behaviour(text))
        for text in self.state:
            _strike(cri, text, self.prefix)
        return cri.faults(*self.rules)


def _add_image(registry: Registry, reference: str, prefix: str = "") -> None:
    try:
        registry.add(reference)
    except InvalidReference as error:
        raise UsageError(f"{prefix}add-image {reference}: {error}") from error


def _configure(registry: Registry, rules: Sequence[str], prefix: str = "") -> None:
    for text in rules:
        try:
            registry.configure(text)
        except UsageError as error:
            raise UsageError(f"{prefix}registry {text}: {error}") from error


def _behaviour(text: str, prefix: str = "") -> Rule:
    try:
        return Rule.parse(text)
    except BehaviourError as error:
        raise UsageError(f"{prefix}behave {text}: {error}") from error


def _state_fault(text: str, prefix: str = "") -> StateFault:
    try:
        return StateFault.parse(text)
    except StateFaultError as error:
        raise UsageError(f"{prefix}state {text}: {error}") from error


def _strike(cri: CRI, text: str, prefix: str) -> None:
    fault = _state_fault(text, prefix)
    try:
        cri.state.strike(text)
    except UsageError as error:
        raise UsageError(f"{prefix}state {fault}: {error}") from error
