"""containerd's older releases: the traits in which they differ from 2.x.

Source: pkg/cri of the tags v1.6.20, which Debian 12 has, and v1.7.34; a real 1.6.20.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fakecri.core.pull_texts import TEXTS_1_6, TEXTS_1_7
from fakecri.core.refusals import CONTAINER_CHECKS, LOOKUPS, Miss, Texts
from fakecri.errors import Code

_NO_SANDBOX = Miss("an error occurred when try to find sandbox {id}: not found", Code.NOT_FOUND)

_EITHER: dict[str, Any] = {
    "v1alpha2": True,
    "tells_unasked": False,
    "tells_volume_images": False,
    "pod_stats_need_cgroup": True,
    "first_rate": True,
    "lists_interfaces": False,
    "kills_execs": False,
    "whole_statuses": True,
    "version_missing": "{header} is required",
    "answers_twice": True,
    "newest_subprotocols": False,
    "container_checks": CONTAINER_CHECKS[:1],
    "conflict": Code.UNKNOWN,
    "texts": Texts(
        sandbox_stopped="failed to get sandbox container task: no running task found: task {id} "
        "not found: not found",
        sandbox_stopped_code=Code.NOT_FOUND,
        container_name_taken="failed to reserve container name {name}",
    ),
}

CONTAINERD_1_7: Mapping[str, Any] = _EITHER | {
    "runtime_version": "1.7.34",
    "sandbox_image": "registry.k8s.io/pause:3.8",
    "api_level": "1.27",
    "unimplemented": ("CheckpointContainer", "ListMetricDescriptors", "ListPodSandboxMetrics"),
    "pull_texts": TEXTS_1_7,
    "nri_version": "v0.8.0",
    "nri_last_event": 11,
    "nri_state_changes": True,
    "rated": frozenset({"containers"}),
}

CONTAINERD_1_6: Mapping[str, Any] = _EITHER | {
    "runtime_version": "1.6.20",
    "sandbox_image": "registry.k8s.io/pause:3.6",
    "api_level": "1.25",
    "unimplemented": ("CheckpointContainer", "GetContainerEvents"),
    "warns": False,
    "pins_images": False,
    "nri_version": "",
    "idle_pods_fail_lists": True,
    "rated": frozenset({"containers", "one", "pods"}),
    "knows_directories": False,
    "dates_upgrades": False,
    "resets_forwards": False,
    "copied_by": "",
    "fills_namespaces": True,
    "lookups": {
        **LOOKUPS,
        "StopContainer": LOOKUPS["ContainerStatus"],
        "StopPodSandbox": replace(LOOKUPS["StopPodSandbox"], absent=_NO_SANDBOX),
    },
    "pull_texts": TEXTS_1_6,
}
