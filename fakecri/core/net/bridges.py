"""`brctl` as busybox has it: bridges by the ioctls of old."""

import errno
from collections.abc import Sequence

from fakecri.core.applets import Refusal, Surroundings, complain
from fakecri.core.net.links import Link, Links
from fakecri.core.options import UsageError
from fakecri.core.paths import path_error
from fakecri.core.processes import Process
from fakecri.core.tools.words import reason, say

_WORDS = ("addbr", "delbr", "addif", "delif", "show")


def require_admin(process: Process, name: str) -> None:
    """Raise EPERM unless a process may change the network namespace that it is in."""
    if not process.can("CAP_NET_ADMIN"):
        raise path_error(errno.EPERM, name)


def treat_bridges(process: Process, _: Surroundings) -> int:
    """`brctl`."""
    words = list(process.spec.argv[1:])
    if not words:
        raise UsageError
    while words:
        word = words.pop(0)
        if word not in _WORDS:
            raise Refusal(f"invalid argument '{word}' to 'brctl'")
        if word == "show":
            return _show(process, words)
        if len(words) < (1 if word.endswith("br") else 2):
            raise UsageError
        bridge = words.pop(0)
        if word.endswith("br"):
            _require(process, bridge, word)
            return 0  # what comes after is ignored
        _attach(process, bridge, words.pop(0), word)
    return 0


def _require(process: Process, name: str, word: str) -> None:
    try:
        require_admin(process, name)
        links = process.system.network.links
        if word == "addbr":
            links.add("bridge", name)
        else:
            links.remove(_removable(links, name))
    except OSError as error:
        raise Refusal(f"bridge {name}: {reason(error)}") from error


def _attach(process: Process, bridge: str, port: str, word: str) -> None:
    links = process.system.network.links
    link = links.find(port)
    if link is None:
        raise Refusal(f"iface {port}: No such device")
    try:
        require_admin(process, bridge)
        change = links.join if word == "addif" else links.leave
        change(links.get(bridge), link)
    except OSError as error:
        raise Refusal(f"bridge {bridge}: {reason(error)}") from error


def _removable(links: Links, name: str) -> Link:
    link = links.find(name)
    if link is None:
        raise path_error(errno.ENXIO, name)
    if link.kind != "bridge":
        raise path_error(errno.EPERM, name)
    if link.is_up:
        raise path_error(errno.EBUSY, name)
    return link


def _show(process: Process, names: Sequence[str]) -> int:
    links = process.system.network.links
    bridges = {each.name: each for each in links if each.kind == "bridge"}
    wanted = names or list(bridges)
    if bridges.keys() & set(wanted):
        say(process, "bridge name\tbridge id\t\tSTP enabled\tinterfaces")
    status = 0
    for name in wanted:
        if name in bridges:
            _show_bridge(process, bridges[name], [port.name for port in links.ports(bridges[name])])
        else:
            status = complain(process, "brctl", f"bridge {name} does not exist")
    return status


def _show_bridge(process: Process, bridge: Link, ports: Sequence[str]) -> None:
    first = f"\t\t{ports[0]}" if ports else ""
    say(process, f"{bridge.name}\t\t8000.{bridge.hardware.replace(':', '')}\tno{first}")
    for name in ports[1:]:
        say(process, f"\t\t\t\t\t\t\t{name}")
