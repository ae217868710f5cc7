"""Where runtimes differ, as rows of data."""

from dataclasses import dataclass


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


CONTAINERD = Profile()
