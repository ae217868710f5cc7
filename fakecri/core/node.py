"""What is true of the node itself, beside its sandboxes, containers and images."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fakecri.core.conditions import Conditions
from fakecri.core.disk import Disk

NODE_NAME = "fakecri"
"""The host name of the node."""


@dataclass(slots=True)
class Node:
    """The node's own condition; a test may change it at any time."""

    network_error: str = ""
    """Why the pod network is not ready; empty: it is."""
    teardown_error: str = ""
    """Why the network of pods cannot be taken down: a plugin's text; empty: it can."""
    conditions: Conditions = field(default_factory=Conditions)
    """What Status says, where that is not what is true."""
    deprecations: Mapping[str, str] = field(default_factory=dict)
    """What containerd warns of: id to text."""
    streaming_address: str = "127.0.0.1:10010"
    """Where the URLs of Exec, Attach and PortForward lead."""
    streaming_scheme: str = "http"
    """`https` where that is encrypted."""
    pull_ns: int = 5_000_000
    """How long a pull takes: longer than critest waits before it cancels one (spec: 1.6.14)."""
    cpus: int = 8
    """How many processors it has. What a container may use is bounded by them, but containers do
    not compete for them."""
    memory_bytes: int = 32 * 2**30
    pull_progress_timeout_ns: int = 300_000_000_000
    """How long a pull may go without a byte before it is cancelled, as containerd's
    `image_pull_progress_timeout`; 0: for ever."""
    disk: Disk = field(default_factory=Disk)
    """What images, containers and logs have room on."""

    def streaming_url(self, method: str, token: str) -> str:
        """Return the URL of a token; `method`: `exec`, `attach` or `portforward`."""
        return f"{self.streaming_scheme}://{self.streaming_address}/{method}/{token}"
