"""Where runtimes differ: traits, which handlers ask `world.profile` for.

`personalities` has the rows. Nobody asks which personality it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from fakecri.api import runtime_pb2 as pb
from fakecri.core.refusals import (
    CONTAINER_CHECKS,
    LOOKUPS,
    SANDBOX_CHECKS,
    Check,
    LookUp,
    Texts,
)


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

    # Images.
    bare_image_ids: bool = False
    """Whether ids of images are 64 hex digits, with no `sha256:` before them (images 1.1)."""
    image_lookup: ImageLookup = ImageLookup.ANY_PREFIX
    """What leads to an image (images 1.3, 1.5, 1.7)."""
    filters_images: bool = False
    """Whether ListImages heeds its filter: one image that it names (images 1.4.2)."""
    tells_image_specs: bool = False
    """Whether ImageStatus has a `spec`, with no annotations (images 1.1)."""
    untags: bool = False
    """Whether RemoveImage of a name takes off that name, while it has others (images 1.7.4)."""
    keeps_used_images: bool = False
    """Whether RemoveImage refuses what a container or a pod is made of (images 1.7.4)."""
    image_fs: str = "/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs"
    """The mountpoint of images (images 1.8)."""
    container_fs: str = ""
    """Where writable layers are, with `{id}` as a place; empty: as images."""
    tells_container_fs: bool = False
    """Whether ImageFsInfo has `container_filesystems` (images 1.8.2)."""

    # Figures.
    stats_of_ended: bool = True
    """Whether ListContainerStats has containers that do not run or are not to (stats 3.1.3)."""
    refuses_idle_stats: bool = True
    """Whether ContainerStats is an error for what does not run, and PodSandboxStats for what is not
    ready; else there are no figures, or but few (stats 3.1.2, 3.2.3)."""
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

    # Keys of the JSON in `info` of verbose answers; none: those of containerd (4, 6.3, 12.4).
    node_info: tuple[str, ...] = ()
    sandbox_info: tuple[str, ...] = ()
    container_info: tuple[str, ...] = ()
    image_info: tuple[str, ...] = ()

    def image_id(self, id_: str) -> str:
        """Return the id of an image as clients see it."""
        return id_.removeprefix("sha256:") if self.bare_image_ids else id_


CONTAINERD = Profile()
