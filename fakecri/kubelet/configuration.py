"""The configuration of a kubelet that stands alone on a small machine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"

Settings = Mapping[str, Any]
"""Keys of KubeletConfiguration, v1beta1, with their values as in JSON."""

# What a threshold of 0 % means is never; memory wants a quantity.
_NO_EVICTION = {
    "memory.available": "1Mi",
    "nodefs.available": "0%",
    "nodefs.inodesFree": "0%",
    "imagefs.available": "0%",
    "imagefs.inodesFree": "0%",
}

# Without an API server, nor much of a machine: no cgroups, firewall rules or limits of its own, and
# each loop as fast as it goes without doing more.
ALONE: Settings = {
    "apiVersion": "kubelet.config.k8s.io/v1beta1",
    "kind": "KubeletConfiguration",
    "failCgroupV1": False,
    "cgroupsPerQOS": False,
    "enforceNodeAllocatable": [],
    "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
    "authorization": {"mode": "AlwaysAllow"},
    "healthzPort": 0,
    "makeIPTablesUtilChains": False,
    "oomScoreAdj": 0,
    "maxOpenFiles": 65536,
    "failSwapOn": False,
    "fileCheckFrequency": "1s",
    "syncFrequency": "10s",
    "registryPullQPS": 0,  # or what many pods pull at once is put off, ten seconds at least
    "volumeStatsAggPeriod": "10s",
    "evictionHard": _NO_EVICTION,
    "imageGCHighThresholdPercent": 100,
    "imageGCLowThresholdPercent": 99,
    "logging": {"format": "json"},
}


@dataclass(frozen=True)
class Places:
    """Where a kubelet has its files."""

    directory: Path

    @property
    def manifests(self) -> Path:
        """Its static pods."""
        return self.directory / "manifests"

    @property
    def root(self) -> Path:
        """What `/var/lib/kubelet` is elsewhere."""
        return self.directory / "root"

    @property
    def pod_logs(self) -> Path:
        """What `/var/log/pods` is elsewhere."""
        return self.directory / "pods"

    @property
    def configuration(self) -> Path:
        """Its configuration, as JSON, which is YAML."""
        return self.directory / "kubelet.json"

    @property
    def log(self) -> Path:
        """What it says, as JSON Lines; what the Go runtime says is among it."""
        return self.directory / "kubelet.log"

    def make(self) -> None:
        """Make the directories."""
        for each in (self.manifests, self.root, self.pod_logs):
            each.mkdir(parents=True, exist_ok=True)


def configuration(
    places: Places, endpoint: str, ports: Sequence[int], settings: Settings
) -> dict[str, Any]:
    """Return a KubeletConfiguration. `ports`: that of TLS, and the read-only one.

    What `settings` has stands instead of ours, key by key.
    """
    tls_port, read_only_port = ports
    ours = {
        "containerRuntimeEndpoint": endpoint,
        "staticPodPath": str(places.manifests),
        "podLogsDir": str(places.pod_logs),
        "address": LOOPBACK,
        "port": tls_port,
        "readOnlyPort": read_only_port,
    }
    return {**ALONE, **ours, **settings}
