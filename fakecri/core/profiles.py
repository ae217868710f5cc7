"""Where runtimes differ: traits, which handlers ask `world.profile` for.

`personalities` has the rows. Nobody asks which personality it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from fakecri.api import runtime_pb2 as pb
from fakecri.core.pull_texts import PullTexts
from fakecri.core.refusals import (
    CONTAINER_CHECKS,
    LOOKUPS,
    SANDBOX_CHECKS,
    Check,
    LookUp,
    Miss,
    Texts,
)
from fakecri.core.states import CONTAINER_MOVES, SANDBOX_MOVES, ContainerState, Moves, SandboxState
from fakecri.errors import Code


class ImageLookup(Enum):
    """What leads to an image."""

    ANY_PREFIX = "any prefix"
    """A name, or an id, or any beginning of one; what is no name is not there (containerd)."""
    THREE_DIGITS = "three digits"
    """An id, or three digits of its beginning and more, or a name; anything else is an error, and
    most of all nothing (CRI-O)."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One runtime's habits. The defaults are containerd's, from whose sources the spec was read."""

    name: str = "containerd"
    """What the header of a recording says; the default's is what it was when it was alone."""
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
    api_level: str = ""
    """The Kubernetes minor whose API it speaks; empty: all that there is (docs/levels.md)."""
    v1alpha2: bool | None = None
    """Whether that is spoken as well; None: where the API of its level had it."""
    unimplemented: tuple[str, ...] = ()
    """RPCs that its API has, and it does not: UNIMPLEMENTED, under both names of the API."""
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
    """Sentences here and there."""
    conflict: Code = Code.FAILED_PRECONDITION
    """The code of what is said of a name that is taken; containerd 1.x has none for it."""
    knows_directories: bool = True
    """Whether what cannot be executed as it is a directory is called one: by a runc that was built
    with Go 1.20 or newer. Else it is a permission that is denied."""

    # What is done.
    name_prefix: str = ""
    """Of the names that pods and containers reserve (1.4)."""
    sandbox_steps: tuple[str, ...] = ("runtime", "network", "image", "spec")
    """What RunPodSandbox does: keys of `building.STEPS` (3.1, 3.4)."""
    returns_duplicates: bool = False
    """Whether a request for a name that is taken gets what has it, or waits for it; and whether
    what was made for a client that has gone is kept for the next such request (3.4, 8.5)."""
    finishes: frozenset[str] = frozenset()
    """The RPCs that go on to their end when their client has gone."""
    adds_pod_labels: bool = False
    """Whether pods get the labels that a kubelet gives them, where they have none (3.4)."""
    dropped_annotations: tuple[str, ...] = ()
    """Beginnings of annotations that are not kept."""
    log_root: str = ""
    """Where logs go whose requests name no place; empty: nowhere (3.4, 8.5)."""
    plain_creation: bool = False
    """Whether CreateContainer tells what is wrong without saying at which stage (8.1, 8.5)."""
    leaves_residue: bool = True
    """Whether a pod whose network cannot be taken down after a failure stays to be seen (3.3)."""
    creates_early: bool = False
    """Whether a container's process is made by CreateContainer, with all that can go wrong, and
    StartContainer removes what it cannot start (8.5, 9.3)."""
    living: frozenset[ContainerState] = frozenset({ContainerState.RUNNING})
    """The states of containers that Exec, ReopenContainerLog and updates find alive (16, 17)."""
    not_alive: Miss = field(default_factory=lambda: Miss("container is in {state} state"))
    """What Exec and its kin say of others; `{id}` and `{state}` are places (17)."""
    graceful: bool = False
    """Whether whatever stops or removes something sends the stop signal first (4, 5, 10.4, 11)."""
    checks_updates: bool = False
    """Whether UpdateContainerResources looks at the state, and at memory in use (14)."""
    exec_timeout: str = ""
    """What ExecSync writes to stderr, with exit code -1, where its time is up; empty: that is an
    error (17)."""
    exec_output_shared: bool = False
    """Whether `exec_output_limit` is for both streams together."""
    checks_at_url: bool = False
    """Whether Exec, Attach and PortForward leave it to their URLs to look at states (17)."""

    # Restarts (21).
    socket: str = "/run/containerd/containerd.sock"
    """Where it listens, as is told while it does not."""
    listens_late: bool = False
    """Whether it listens when all is loaded; else it says before that it is not initialized."""
    deletes_unloadable: bool = False
    """Whether it deletes what it cannot load; else that is there, and its state unknown."""
    wipes_on_boot: bool = False
    """Whether it has no pods and containers any more after the node was down."""

    # Events.
    pod_events: bool = True
    """Whether there are container events at all; else GetContainerEvents ends at once (18)."""
    tells_all_of_pods: bool = False
    """Whether PodSandboxStatus has `containers_statuses` and a `timestamp` (6.2)."""
    event_label: str = ""
    """The label with a pod's uid by which events find its containers; empty: they are those of the
    sandbox (18.2)."""
    backlog_slots: int = 0
    """How many events are kept for the first who listens, and none for who comes later; 0: see
    `backlog_s` (18.4)."""
    sandbox_moves: Moves[SandboxState] = field(default_factory=lambda: SANDBOX_MOVES)
    container_moves: Moves[ContainerState] = field(default_factory=lambda: CONTAINER_MOVES)
    """The legal moves, and the events that they publish (2, 18.1)."""

    # Plugins of NRI.
    nri_version: str = "v0.12.2"
    """The version of github.com/containerd/nri in it (its go.mod); empty: no plugin can connect."""
    nri_last_event: int = 14
    """The last of the events that a plugin of that version can subscribe to (its pkg/api)."""
    nri_state_changes: bool = False
    """Whether what needs no answer goes as StateChange, and not by methods of their own."""

    # What is shown.
    tells_handlers: bool = True
    """Whether pods show their `runtime_handler` (6.2, 7)."""
    tells_stop_signals: bool = True
    """Whether ContainerStatus has `stop_signal` (12.2)."""
    tells_volume_images: bool = True
    """Whether the mounts in ContainerStatus have the id of an image that is mounted, as `image_ref`
    (KEP-5365, containerd#14173)."""
    fills_namespaces: bool = False
    """Whether pods show namespace options where their config had none (6.2)."""
    keeps_ips: bool = False
    """Whether pods show their addresses after they were stopped (6.2)."""
    tells_unasked: bool = True
    """Whether PodSandboxStatus has `info` where nobody asked for it (6.3)."""
    remembers_images: bool = False
    """Whether a container shows the names that its image had when it was made; else those that it
    has, and in lists the ImageSpec of its config and the image's id (12.2, 13)."""
    newest_first: bool = False
    """Whether lists of pods and containers are sorted by creation, newest first. containerd's are
    in no order; here they are in that of creation (7, 13)."""
    warns: bool = True
    """Whether Status has a condition about what is deprecated (20)."""
    userns_with_host_network: bool = True
    """What Status says of that feature (20)."""
    cgroup_driver: int = pb.CGROUPFS
    """What RuntimeConfig says: a CgroupDriver (20)."""
    reads_pod_cidrs: bool = True
    """Whether UpdateRuntimeConfig looks at what it is given (20)."""

    ready_lag_ns: int = 0
    """How long lists still show a pod ready that has ended. Those of containerd do for an instant,
    since they read another copy of the state than PodSandboxStatus (2.3)."""
    rules: tuple[str, ...] = ()
    """Rules that stand before all others, as docs/faults.md has them."""

    # Images.
    bare_image_ids: bool = False
    """Whether ids of images are 64 hex digits, with no `sha256:` before them (images 1.1)."""
    image_lookup: ImageLookup = ImageLookup.ANY_PREFIX
    """What leads to an image (images 1.3, 1.5, 1.7)."""
    plain_pulls: bool = False
    """Whether errors of PullImage have no code of their own, and `RegistryUnavailable: ` before
    what is said where nobody listens (images 1.6.8)."""
    filters_images: bool = False
    """Whether ListImages heeds its filter: one image that it names (images 1.4.2)."""
    tells_image_specs: bool = False
    """Whether ImageStatus has a `spec`, with no annotations (images 1.1)."""
    untags: bool = False
    """Whether RemoveImage of a name takes off that name, while it has others (images 1.7.4)."""
    pins_images: bool = True
    """Whether the image of pause is `pinned` (images 1.1)."""
    keeps_used_images: bool = False
    """Whether RemoveImage refuses what a container or a pod is made of (images 1.7.4)."""
    image_fs: str = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"
    """The mountpoint of images (images 1.8)."""
    container_fs: str = ""
    """Where writable layers are, with `{id}` as a place; empty: as images."""
    tells_container_fs: bool = False
    """Whether ImageFsInfo has `container_filesystems` (images 1.8.2)."""

    pull_texts: PullTexts = field(default_factory=PullTexts)
    """What is said of registries that fail (images 1.6.7)."""

    # Streams.
    kills_execs: bool = True
    """Whether the command of an exec is killed when its client is gone (streaming 2.10)."""
    whole_statuses: bool = False
    """Whether the status of an exec is one of apimachinery's: it has `metadata`, and what has gone
    wrong in its details, too (streaming 2.4)."""
    version_missing: str = "header {header} does not exist in request with {count} headers"
    """What is said of an upgrade to SPDY that names no subprotocol."""
    answers_twice: bool = False
    """Whether two layers answer an upgrade that is refused: those of exec and attach say the text
    twice, and that of port-forward says nothing, with a 200, where no subprotocol is named."""
    dates_upgrades: bool = True
    """Whether a 101 has a Date: since Go 1.20 or so."""
    newest_subprotocols: bool = True
    """Whether WebSockets of `v5.channel.k8s.io` are spoken, and tunnels of port-forwards. No
    containerd does yet."""
    resets_forwards: bool = True
    """Whether the streams of a connection that went wrong are reset; else they end."""
    copied_by: str = "writeto {flow}: "
    """What stands before the error of reading what a pod sends: since Go 1.22."""

    # Figures.
    stats_of_ended: bool = True
    """Whether ListContainerStats has containers that do not run or are not to (stats 3.1.3)."""
    refuses_idle_stats: bool = True
    """Whether ContainerStats is an error for what does not run, and PodSandboxStats for what is not
    ready; else there are no figures, or but few (stats 3.1.2, 3.2.3)."""
    pod_stats_need_cgroup: bool = False
    """Whether PodSandboxStats fails where a pod's config has no `cgroup_parent`. All of containerd
    does; 2.x as it is played here does not, as critest gives none where cgroups are cgroupfs's."""
    idle_pods_fail_lists: bool = False
    """Whether ListPodSandboxStats without a filter fails where a pod is not ready."""
    rated: frozenset[str] = frozenset({"containers", "pods"})
    """What has `usage_nano_cores`: `containers` in lists, `one` container, `pods` (stats 3.1.5)."""
    first_rate: bool = False
    """Whether there is one, of 0, before there are two samples to compute it from."""
    lists_interfaces: bool = True
    """Whether the network of a pod has a timestamp and a list of interfaces (stats 3.2.1)."""
    metric_keys: tuple[str, ...] = ("pod", "namespace", "container", "id", "image")
    """The labels that all metrics have, in their order (stats 3.4.4)."""
    pod_labels: tuple[str, ...] = ("{pod}", "{namespace}", "", "{id}", "")
    """Their values for what is counted of a pod, with places."""
    container_labels: tuple[str, ...] = ("{pod}", "{namespace}", "{container}", "{id}", "{asked}")
    """For what is counted of a container. `{asked}` is `user_specified_image`, `{image}` a name
    that its image had when it was made, and `{name}` the name that it has reserved."""
    more_metric_labels: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """By metric: one more label, and its value."""
    hidden_metrics: frozenset[str] = frozenset()
    """Those that it does not have."""

    go_version: str = "go1.27.3"
    """What Status says that it was built with (images 4.1.4)."""
    # Keys of the JSON in `info` of verbose answers; none: those of containerd (4, 6.3, 12.4).
    node_config: Mapping[str, Any] = field(default_factory=dict)
    """What Status says as `config`; nothing: what containerd does (images 4.1.4)."""
    node_info: tuple[str, ...] = ()
    sandbox_info: tuple[str, ...] = ()
    container_info: tuple[str, ...] = ()
    image_info: tuple[str, ...] = ()

    @property
    def pinned_images(self) -> tuple[str, ...]:
        """The names of images that are pinned when they are pulled."""
        return (self.sandbox_image,) if self.pins_images else ()

    def image_id(self, id_: str) -> str:
        """Return the id of an image as clients see it."""
        return id_.removeprefix("sha256:") if self.bare_image_ids else id_


CONTAINERD = Profile()
