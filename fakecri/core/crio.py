"""CRI-O 1.36, as rows of traits.

Read from the sources of CRI-O 1.36.3 (server/, internal/lib, internal/oci, internal/storage) and
of crun; spec lifecycle 3.4, 8.5, 9.3 and 10.4. None of it was seen on a CRI-O that ran. Configured
as by default, but that all pod metrics are included, as in its own runs of critest.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.profiles import ImageLookup
from fakecri.core.refusals import Check, LookUp, Miss, Texts
from fakecri.core.states import (
    CONTAINER_MOVES,
    SANDBOX_MOVES,
    ContainerEvent,
    ContainerState,
    Row,
    SandboxState,
    Trigger,
)
from fakecri.errors import Code

_C, _S, _T, _E = ContainerState, SandboxState, Trigger, ContainerEvent

# Ids: OI/lib/container.go:GetContainerFromShortID, O/server.go:getPodSandboxFromRequest.

_NO_CONTAINER = "container with ID starting with {raw} not found: "
_NO_POD = "PodSandbox with ID starting with {raw} not found: "
_ABSENT = "ID does not exist"
_SEVERAL = "Multiple IDs found with provided prefix: {other}"


def _of_container(frame: str, code: Code = Code.NOT_FOUND, *, idempotent: bool = False) -> LookUp:
    return LookUp(
        absent=None if idempotent else Miss(f"{frame}{_NO_CONTAINER}{_ABSENT}", code),
        ambiguous=Miss(f"{frame}{_NO_CONTAINER}{_SEVERAL}", code),
        empty=Miss(f"{frame}container ID should not be empty", code),
    )


def _of_pod(frame: str, code: Code, *, empty: Miss | None = None) -> LookUp:
    return LookUp(
        absent=Miss(f"{frame}{_NO_POD}{_ABSENT}", code),
        ambiguous=Miss(f"{frame}{_NO_POD}{_SEVERAL}", code),
        empty=empty or Miss(f"{frame}{_EMPTY.text}", code),
    )


_EMPTY = Miss("PodSandboxId should not be empty")
_FIND = "could not find container {id}: "
_IDEMPOTENT_POD = LookUp(absent=None, ambiguous=None, empty=_EMPTY)
_POD_STATUS = _of_pod("could not find pod {id}: ", Code.NOT_FOUND)

LOOKUPS: Mapping[str, LookUp] = {
    "StopPodSandbox": _IDEMPOTENT_POD,
    "RemovePodSandbox": _IDEMPOTENT_POD,
    "PodSandboxStatus": _POD_STATUS,
    "UpdatePodSandboxResources": _POD_STATUS,
    "PodSandboxStats": _of_pod("", Code.UNKNOWN),
    "CreateContainer": _of_pod("specified sandbox not found: {raw}: ", Code.UNKNOWN, empty=_EMPTY),
    "StartContainer": _of_container(_FIND),
    "StopContainer": _of_container(_FIND, idempotent=True),
    "RemoveContainer": _of_container(_FIND, idempotent=True),
    "ContainerStatus": _of_container(_FIND),
    "ReopenContainerLog": _of_container("could not find container {raw}: ", Code.UNKNOWN),
    "UpdateContainerResources": _of_container("", Code.UNKNOWN),
    "ContainerStats": _of_container("", Code.UNKNOWN),
    "CheckpointContainer": _of_container(_FIND),
    "ExecSync": _of_container(_FIND),
    "Exec": _of_container(_FIND, Code.UNKNOWN),
    "Attach": _of_container(_FIND, Code.UNKNOWN),
    "exec": _of_container(_FIND),
    "attach": _of_container(_FIND),
    "portforward": _of_pod("", Code.UNKNOWN),
}

# Requests: OI/lib/sandbox/builder.go, O/container_create.go, OI/factory/container/container.go.

_SETTING = "setting sandbox config: "
_NAMING = "setting pod sandbox name and id: cannot generate pod name without "

SANDBOX_CHECKS = (
    Check(lambda r: not r.HasField("config"), f"{_SETTING}config is nil"),
    Check(lambda r: not r.config.HasField("metadata"), f"{_SETTING}metadata is nil"),
    Check(lambda r: not r.config.metadata.name, f"{_SETTING}metadata.Name should not be empty"),
    Check(lambda r: not r.config.metadata.namespace, f"{_NAMING}namespace"),
    Check(lambda r: not r.config.metadata.uid, f"{_NAMING}uid in metadata"),
)

REQUEST_CHECKS = (
    Check(lambda r: not r.HasField("config"), "config is nil"),
    Check(lambda r: not r.config.HasField("image"), "config image is nil"),
    Check(lambda r: not r.HasField("sandbox_config"), "sandbox config is nil"),
    Check(lambda r: not r.sandbox_config.HasField("metadata"), "sandbox config metadata is nil"),
)

CONTAINER_CHECKS = (
    Check(lambda r: not r.config.HasField("metadata"), "setting container config: metadata is nil"),
    Check(lambda r: not r.config.metadata.name, "setting container config: name is empty"),
)

# Moves: a pod's first event is STARTED, since it does not count as created when CREATED is made,
# and its last one STOPPED, since it is gone when DELETED is. Nothing is told of what goes with its
# pod, or because it could not be started (18.1).

SANDBOX_MOVES_: Mapping[tuple[SandboxState, Trigger], Row] = {
    **SANDBOX_MOVES,
    (_S.ABSENT, _T.CREATE): Row(_S.READY),
    (_S.ABSENT, _T.CLAIM): Row(_S.READY),
    (_S.READY, _T.REMOVE): Row(_S.ABSENT),
    (_S.NOTREADY, _T.REMOVE): Row(_S.ABSENT),
}
CONTAINER_MOVES_: Mapping[tuple[ContainerState, Trigger], Row] = {
    **CONTAINER_MOVES,
    (_C.ABSENT, _T.CLAIM): Row(_C.CREATED),
    (_C.CREATED, _T.EXIT): Row(_C.EXITED, _E.STOPPED),
    (_C.RUNNING, _T.REMOVE): Row(_C.ABSENT, _E.DELETED),
    (_C.UNKNOWN, _T.REMOVE): Row(_C.ABSENT, _E.DELETED),
    **{(state, _T.SWEEP): Row(_C.ABSENT) for state in (*_C,) if state is not _C.ABSENT},
}

# pkg/annotations/v2: those that the default handler does not allow.

_OWN_ANNOTATIONS = (
    "cgroup2-mount-hierarchy-rw disable-fips link-logs platform-runtime-path pod-linux-overhead "
    "pod-linux-resources seccomp-notifier-action seccomp-profile skip-gomaxprocs shm-size spoofed "
    "try-skip-volume-selinux-label umask unified-cgroup userns-mode cpu-load-balancing cpu-quota "
    "cpu-c-states cpu-freq-governor cpu-shared irq-load-balancing"
)
_OLD_ANNOTATIONS = (
    "userns-mode cgroup2-mount-hierarchy-rw UnifiedCgroup Spoofed ShmSize "
    "TrySkipVolumeSELinuxLabel seccompNotifierAction umask PodLinuxOverhead PodLinuxResources "
    "LinkLogs PlatformRuntimePath DisableFIPS"
)

SANDBOX_IMAGE = "registry.k8s.io/pause:3.10.1"

CRIO: Mapping[str, Any] = MappingProxyType(
    {
        "runtime_name": "cri-o",
        "runtime_version": "1.36.3",
        "runtime_handlers": ("", "crun"),
        "sandbox_image": SANDBOX_IMAGE,
        "stream_batch": 3000,
        "root": "/var/lib/containers/storage",
        "state": "/run/containers/storage",
        "api_level": "1.36",
        # What is refused.
        "lookups": LOOKUPS,
        "sandbox_checks": SANDBOX_CHECKS,
        "request_checks": REQUEST_CHECKS,
        "container_checks": CONTAINER_CHECKS,
        "texts": Texts(
            sandbox_stopped="CreateContainer failed as the sandbox was stopped: {id}",
            sandbox_failed='creating pod sandbox with name "{name}"',
        ),
        # What is done.
        "name_prefix": "k8s_",
        "sandbox_steps": (
            "await network",
            "handler",
            "user namespace",
            "image",
            "log directory",
            "labels",
            "plug in",
        ),
        "returns_duplicates": True,
        "finishes": frozenset(
            {
                "RunPodSandbox",
                "StopPodSandbox",
                "RemovePodSandbox",
                "CreateContainer",
                "StartContainer",
                "StopContainer",
                "RemoveContainer",
                "ExecSync",
            }
        ),
        "adds_pod_labels": True,
        "dropped_annotations": (
            *(f"{each}.crio.io" for each in _OWN_ANNOTATIONS.split()),
            *(f"io.kubernetes.cri-o.{each}" for each in _OLD_ANNOTATIONS.split()),
            "seccomp-profile.kubernetes.cri-o.io",
        ),
        "log_root": "/var/log/crio/pods",
        "plain_creation": True,
        "leaves_residue": False,
        "creates_early": True,
        "living": frozenset({_C.CREATED, _C.RUNNING}),
        "not_alive": Miss(
            "container is not created or running: checking if PID of {id} is running failed: "
            "container process not found",
            Code.NOT_FOUND,
        ),
        "graceful": True,
        "checks_updates": True,
        "exec_timeout": "command timed out",
        "exec_output_shared": True,
        "checks_at_url": True,
        # Restarts: server/server.go:restore and wipeIfAppropriate.
        "socket": "/var/run/crio/crio.sock",
        "listens_late": True,
        "deletes_unloadable": True,
        "wipes_on_boot": True,
        # Events.
        "pod_events": False,
        "event_label": "io.kubernetes.pod.uid",
        "backlog_slots": 1000,
        "sandbox_moves": SANDBOX_MOVES_,
        "container_moves": CONTAINER_MOVES_,
        # What is shown.
        "tells_handlers": False,
        "tells_stop_signals": False,
        "fills_namespaces": True,
        "keeps_ips": True,
        "tells_unasked": False,
        "remembers_images": True,
        "newest_first": True,
        "warns": False,
        "userns_with_host_network": False,
        "cgroup_driver": pb.SYSTEMD,
        "reads_pod_cidrs": False,
        # Images.
        "bare_image_ids": True,
        "image_lookup": ImageLookup.THREE_DIGITS,
        "tells_volume_images": False,
        "plain_pulls": True,
        "filters_images": True,
        "tells_image_specs": True,
        "untags": True,
        "keeps_used_images": True,
        "image_fs": "/var/lib/containers/storage/overlay-images",
        "container_fs": "/var/lib/containers/storage/overlay/{id}/merged",
        "tells_container_fs": True,
        # Figures.
        "stats_of_ended": False,
        "refuses_idle_stats": False,
        "metric_keys": ("id", "name", "image", "namespace", "pod", "container"),
        "pod_labels": ("{id}", "POD", "", "{namespace}", "{pod}", "POD"),
        "container_labels": ("{id}", "{name}", "{image}", "{namespace}", "{pod}", ""),
        "more_metric_labels": {"container_cpu_usage_seconds_total": ("cpu", "total")},
        "hidden_metrics": frozenset(
            {
                "container_memory_total_active_file_bytes",
                "container_memory_total_inactive_file_bytes",
            }
        ),
        "node_config": {
            "crio": {  # RuntimeConfig, which has many more members
                "CgroupManagerName": "systemd",
                "CtrStopTimeout": 30,
                "DefaultRuntime": "crun",
                "DropInfraCtr": True,
                "EnableCriuSupport": True,
                "EnablePodEvents": False,
                "LogLevel": "info",
                "LogSizeMax": -1,
                "PidsLimit": -1,
            },
            "sandboxImage": SANDBOX_IMAGE,
        },
        "node_info": ("config",),
        "sandbox_info": ("runtimeSpec",),
        "container_info": ("sandboxID", "pid", "runtimeSpec", "privileged"),
        "image_info": ("imageSpec",),
    }
)
"""Every trait in which it differs from the default."""

POD_EVENTS: Mapping[str, Any] = MappingProxyType({"pod_events": True, "tells_all_of_pods": True})
"""What `enable_pod_events = true` changes."""
