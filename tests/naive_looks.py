"""What a naive client can look at besides pods and containers: images, stats, the node.

Each takes the stubs' node and the id of what it looks at, and returns the method, the request, and
what tells of the answer.
"""

from collections.abc import Callable, Mapping
from typing import Any

from fakecri.api import runtime_pb2 as pb
from tests.support import Node


def _images(node: Node, _: str) -> Any:
    return node.images.ListImages, pb.ListImagesRequest(), _each("images", _tags)


def _tags(image: Any) -> str:
    return ", ".join(image.repo_tags) or str(image.id)


def _image_fs(node: Node, _: str) -> Any:
    """Where images are and how much they take; `-` is what the runtime does not tell."""
    tell = _each("image_filesystems", _filesystem)
    return node.images.ImageFsInfo, pb.ImageFsInfoRequest(), tell


def _filesystem(told: Any) -> str:
    return f"{told.fs_id.mountpoint} used {_value(told, 'used_bytes')}"


def _used_images(node: Node, _: str) -> Any:
    tell = _each("containers", _image_of)
    return node.runtime.ListContainers, pb.ListContainersRequest(), tell


def _image_of(item: Any) -> str:
    ref, id_ = item.image_ref or "-", item.image_id or "-"
    return f"{item.metadata.name} image_ref {ref} image_id {id_}"


def _stats(node: Node, id_: str) -> Any:
    request = pb.ContainerStatsRequest(container_id=id_)
    return node.runtime.ContainerStats, request, lambda answer: _usage(answer.stats)


def _list_stats(node: Node, _: str) -> Any:
    tell = _each("stats", _usage)
    return node.runtime.ListContainerStats, pb.ListContainerStatsRequest(), tell


def _usage(stats: Any) -> str:
    whose = stats.attributes.metadata.name if stats.HasField("attributes") else "-"
    cpu = _value(stats.cpu, "usage_core_nano_seconds")
    return f"{whose} cpu {cpu} memory {_value(stats.memory, 'working_set_bytes')}"


def _conditions(node: Node, _: str) -> Any:
    def tell(answer: Any) -> str:
        if not answer.HasField("status"):
            return "no status"
        return _each("conditions", _condition)(answer.status)

    return node.runtime.Status, pb.StatusRequest(), tell


def _condition(told: Any) -> str:
    is_so = "true" if told.status else "false"
    return f"{told.type} {is_so} {told.reason} {told.message}".rstrip()


def _handlers(node: Node, _: str) -> Any:
    return node.runtime.Status, pb.StatusRequest(), _each("runtime_handlers", _handler)


def _handler(told: Any) -> str:
    has = "yes" if told.features.user_namespaces else "no"
    return f"{told.name or 'default'} user namespaces {has}"


def _version(node: Node, _: str) -> Any:
    return node.runtime.Version, pb.VersionRequest(), lambda answer: answer.runtime_name


def _config(node: Node, _: str) -> Any:
    def tell(answer: Any) -> str:
        return pb.CgroupDriver.Name(answer.linux.cgroup_driver)

    return node.runtime.RuntimeConfig, pb.RuntimeConfigRequest(), tell


def _network(node: Node, id_: str) -> Any:
    """Whose network a pod has, as its status tells."""

    def tell(answer: Any) -> str:
        if not answer.status.HasField("linux"):
            return "-"
        return pb.NamespaceMode.Name(answer.status.linux.namespaces.options.network)

    request = pb.PodSandboxStatusRequest(pod_sandbox_id=id_)
    return node.runtime.PodSandboxStatus, request, tell


def _limits(node: Node, id_: str) -> Any:
    def tell(answer: Any) -> str:
        if not answer.status.HasField("resources"):
            return "-"
        linux = answer.status.resources.linux
        return f"cpu {linux.cpu_quota}/{linux.cpu_period} on {linux.cpuset_cpus or 'all'}"

    return node.runtime.ContainerStatus, pb.ContainerStatusRequest(container_id=id_), tell


LOOKS: Mapping[str, Callable[[Node, str], Any]] = {
    "images": _images,
    "image-fs": _image_fs,
    "used-images": _used_images,
    "stats": _stats,
    "list-stats": _list_stats,
    "conditions": _conditions,
    "handlers": _handlers,
    "version": _version,
    "config": _config,
    "network": _network,
    "limits": _limits,
}


def _each(field: str, text: Callable[[Any], str]) -> Callable[[Any], str]:
    """Tell of each thing in a field of an answer."""
    return lambda answer: ", ".join(map(text, getattr(answer, field))) or "nothing"


def _value(message: Any, field: str) -> str:
    return str(getattr(message, field).value) if message.HasField(field) else "-"
