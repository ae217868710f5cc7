"""The interfaces of a network namespace: what it began with, and the bridges made in it since."""

import errno
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from fakecri.core.paths import path_error

_NAME_MAX = 15
_SPACES = " \t\n\v\f\r"
_KINDS = ("bridge", "dummy")
"""What can be made: for others this node has no module."""


@dataclass(slots=True, eq=False)
class Link:
    """One interface."""

    index: int
    name: str
    kind: str
    """`loopback`, `ether`, or of what kind it was made."""
    hardware: str
    """Its address."""
    is_up: bool = False
    master: "Link | None" = None
    """The bridge that it is a port of."""
    is_given: bool = False
    """Whether it was there from the beginning: what addresses and routes there are hang on it."""


class Links:
    """The interfaces of one namespace, and the kernel's rules for changing them.

    Errors are OSError, with the kernel's codes; who may do it is for the caller to know.
    """

    __slots__ = ("_all", "_last", "_seed")

    def __init__(self, name: str, hardware: str, kind: str = "ether") -> None:
        """`name`: of the interface that CNI made, if there is one, beside the loopback."""
        self._seed = hardware
        self._all = {
            "lo": Link(1, "lo", "loopback", "00:00:00:00:00:00", is_up=True, is_given=True)
        }
        if name:
            self._all[name] = Link(2, name, kind, hardware, is_up=True, is_given=True)
        self._last = len(self._all)

    def __iter__(self) -> Iterator[Link]:
        """All of them, in the order in which they were made."""
        return iter(self._all.values())

    def find(self, name: str) -> Link | None:
        """Return the interface of a name."""
        return self._all.get(name)

    def get(self, name: str) -> Link:
        """Return the interface of a name. ENODEV."""
        link = self._all.get(name)
        if link is None:
            raise path_error(errno.ENODEV, name)
        return link

    def add(self, kind: str, name: str) -> Link:
        """Make an interface; `%d` in its name is the first free number.

        EOPNOTSUPP, EINVAL, EEXIST.
        """
        if kind not in _KINDS:
            raise path_error(errno.EOPNOTSUPP, kind)
        name = self._free(name)
        if name in self._all:
            raise path_error(errno.EEXIST, name)
        self._last += 1
        link = Link(self._last, name, kind, self._hardware(name))
        self._all[name] = link
        return link

    def remove(self, link: Link) -> None:
        """Take an interface away; its ports stay. EOPNOTSUPP."""
        if link.kind == "loopback":
            raise path_error(errno.EOPNOTSUPP, link.name)
        del self._all[link.name]
        for each in self:
            if each.master is link:
                each.master = None

    def ports(self, bridge: Link) -> list[Link]:
        """Return the ports of a bridge."""
        return [each for each in self if each.master is bridge]

    def join(self, bridge: Link, port: Link) -> None:
        """Make an interface a port. EOPNOTSUPP: of no bridge; EINVAL, ELOOP, EBUSY."""
        _require_bridge(bridge)
        if port.kind == "loopback":
            raise path_error(errno.EINVAL, port.name)
        if port.kind == "bridge":
            raise path_error(errno.ELOOP, port.name)
        if port.master is not None:
            raise path_error(errno.EBUSY, port.name)
        port.master = bridge

    def leave(self, bridge: Link, port: Link) -> None:
        """Let an interface be a port no more. EOPNOTSUPP, EINVAL."""
        _require_bridge(bridge)
        if port.master is not bridge:
            raise path_error(errno.EINVAL, port.name)
        port.master = None

    def _free(self, name: str) -> str:
        """Return the name that an interface gets. EINVAL."""
        name = name.encode(errors="surrogateescape")[:_NAME_MAX].decode(errors="surrogateescape")
        if name in {"", ".", ".."} or set(name) & {"/", ":", *_SPACES}:
            raise path_error(errno.EINVAL, name)
        before, percent, after = name.partition("%")
        if not percent:
            return name
        if not after.startswith("d") or "%" in after:
            raise path_error(errno.EINVAL, name)
        number = 0
        while f"{before}{number}{after[1:]}" in self._all:
            number += 1
        return f"{before}{number}{after[1:]}"

    def _hardware(self, name: str) -> str:
        """Return an address that nobody else has, as a kernel makes it up: a local one."""
        made = hashlib.sha256(f"{self._seed} {self._last} {name}".encode("utf-8", "replace"))
        first, *others = made.digest()[:6]
        return ":".join(f"{byte:02x}" for byte in ((first | 2) & 0xFE, *others))


def _require_bridge(link: Link) -> None:
    if link.kind != "bridge":
        raise path_error(errno.EOPNOTSUPP, link.name)
