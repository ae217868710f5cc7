"""containerd's older releases: the traits in which they differ from 2.x.

Source: pkg/cri of the tags v1.6.20, which Debian 12 has, and v1.7.34; a real 1.6.20.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from fakecri.core.older_configs import older_config
from fakecri.core.pull_texts import TEXTS_1_6, TEXTS_1_7
from fakecri.core.refusals import LOOKUPS, LookUp, Miss, Texts
from fakecri.errors import Code

_NO_SANDBOX = Miss("an error occurred when try to find sandbox {id}: not found", Code.NOT_FOUND)

_SANDBOX_INFO = (
    "pid",
    "processStatus",
    "netNamespaceClosed",
    "image",
    "snapshotKey",
    "snapshotter",
    "runtimeHandler",
    "runtimeType",
    "runtimeOptions",
    "config",
    "runtimeSpec",
    "cniResult",
)
_EITHER: dict[str, Any] = {
    "v1alpha2": True,
    "tells_unasked": False,
    "pod_stats_need_cgroup": True,
    "first_rate": True,
    "lists_interfaces": False,
    "kills_execs": False,
    "whole_statuses": True,
    "version_missing": "{header} is required",
    "answers_twice": True,
    "newest_subprotocols": False,
    "sandbox_steps": ("image", "runtime", "network", "spec"),
    "sandbox_info": _SANDBOX_INFO,
    "conflict": Code.UNKNOWN,
}


def _texts(sandbox_image: str) -> Texts:
    return Texts(
        sandbox_stopped="failed to get sandbox container task: no running task found: task {id} "
        "not found: not found",
        sandbox_stopped_code=Code.NOT_FOUND,
        container_name_taken="failed to reserve container name {name}",
        runtime_missing="failed to get sandbox runtime",
        sandbox_started="",
        spec_options="",
        sandbox_failed=f'failed to get sandbox image "{sandbox_image}"',
    )


def _capital(row: LookUp) -> LookUp:
    """Return a row as 1.6 has it, whose look-up of an empty prefix says so in another way."""
    if row.empty is None:
        return row
    text = row.empty.text.replace("prefix can't be", "Prefix can't be")
    return replace(row, empty=replace(row.empty, text=text))


_PAUSE_1_7, _PAUSE_1_6 = "registry.k8s.io/pause:3.8", "registry.k8s.io/pause:3.6"

CONTAINERD_1_7: Mapping[str, Any] = _EITHER | {
    "runtime_version": "1.7.34",
    "go_version": "go1.25.12",
    "sandbox_image": _PAUSE_1_7,
    "texts": _texts(_PAUSE_1_7),
    "node_config": older_config(_PAUSE_1_7, is_1_7=True),
    "api_level": "1.27",
    "unimplemented": ("CheckpointContainer", "ListMetricDescriptors", "ListPodSandboxMetrics"),
    "pull_texts": TEXTS_1_7,
    "nri_version": "v0.8.0",
    "nri_last_event": 11,
    "nri_state_changes": True,
    "rated": frozenset({"containers"}),
}

CONTAINERD_1_6: Mapping[str, Any] = _EITHER | {
    "runtime_version": "1.6.20~ds1",
    "go_version": "go1.19.8",
    "sandbox_image": _PAUSE_1_6,
    "texts": replace(
        _texts(_PAUSE_1_6),
        sandbox_options="failed to generate sanbdox container spec options",
        label_too_long="label key and value",
    ),
    "node_config": older_config(_PAUSE_1_6, is_1_7=False),
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
        **{rpc: _capital(row) for rpc, row in LOOKUPS.items()},
        "StopContainer": _capital(LOOKUPS["ContainerStatus"]),
        "StopPodSandbox": _capital(replace(LOOKUPS["StopPodSandbox"], absent=_NO_SANDBOX)),
    },
    "pull_texts": TEXTS_1_6,
}
