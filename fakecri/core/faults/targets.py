"""Which RPCs a rule is for: names, and words for several of them."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from fakecri.rpcs import RPCS

_READS = ("Version", "Status", "RuntimeConfig", "ImageFsInfo", "ContainerStats", "PodSandboxStats")


def _is_list(name: str) -> bool:
    return name.startswith(("List", "Stream"))


def _is_read(name: str) -> bool:
    return _is_list(name) or name.endswith("Status") or name in (*_READS, "GetContainerEvents")


WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "*": tuple(RPCS),
        "reads": tuple(name for name in RPCS if _is_read(name)),
        "writes": tuple(name for name in RPCS if not _is_read(name)),
        "lists": tuple(name for name in RPCS if _is_list(name)),
        "streams": tuple(name for name, rpc in RPCS.items() if rpc.streams),
        "images": tuple(name for name, rpc in RPCS.items() if rpc.service == "ImageService"),
    }
)
"""What each word stands for. A read changes nothing; a list answers with many things."""


def expanded(targets: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the RPCs, each once, in the order of the contract."""
    chosen = {rpc for target in targets for rpc in WORDS.get(target, (target,))}
    return tuple(name for name in RPCS if name in chosen)
