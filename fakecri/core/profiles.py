"""Where runtimes differ, as rows of data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fakecri.core.refusals import (
    CONTAINER_CHECKS,
    LOOKUPS,
    SANDBOX_CHECKS,
    Check,
    LookUp,
    Texts,
)


@dataclass(frozen=True, slots=True)
class Profile:
    """One runtime's habits. The default is containerd's, from whose sources the spec was read."""

    runtime_name: str = "containerd"
    runtime_version: str = "2.4.0"
    runtime_handlers: tuple[str, ...] = ("", "runc")
    """Sorted; the empty one is the default."""
    sandbox_image: str = "registry.k8s.io/pause:3.10.2"
    stream_batch: int = 5000
    """How many items one message of a Stream* list holds at most."""
    exec_output_limit: int = 16 * 1024 * 1024
    """Bytes of each stream that ExecSync keeps; the rest is dropped in silence."""
    backlog_s: int = 300
    """How long events are kept while nobody listens."""
    root: str = "/var/lib/containerd"
    state: str = "/run/containerd"

    lookups: Mapping[str, LookUp] = field(default_factory=lambda: LOOKUPS)
    """By RPC: what is said of an id that leads nowhere (spec: lifecycle 1.3)."""
    sandbox_checks: tuple[Check, ...] = SANDBOX_CHECKS
    """Of RunPodSandboxRequest, before all else (3.1, 3.4)."""
    request_checks: tuple[Check, ...] = ()
    """Of CreateContainerRequest, before its sandbox is looked up (8.5)."""
    container_checks: tuple[Check, ...] = CONTAINER_CHECKS
    """Of CreateContainerRequest, when its sandbox was found ready (8.1)."""
    texts: Texts = field(default_factory=Texts)


CONTAINERD = Profile()
