"""`ip link add`, `delete` and `set`."""

import errno
from collections.abc import Callable
from typing import NoReturn

from fakecri.core.applets import Refusal
from fakecri.core.net.bridges import require_admin
from fakecri.core.net.links import Link
from fakecri.core.paths import path_error
from fakecri.core.processes import Process
from fakecri.core.tools.words import reason

REFUSED = 2
"""What `ip` exits with when the kernel says no, or when it does not understand."""
_INCOMPLETE = 'command line is not complete, try "help"'


def refuse(process: Process, name: str = "") -> NoReturn:
    """Say that something is not permitted, or of whom it is, that it cannot be done here."""
    code = errno.EOPNOTSUPP if process.can("CAP_NET_ADMIN") else errno.EPERM
    raise _answer(path_error(code, name))


def change_link(process: Process, command: str, words: list[str]) -> int:
    """Do what `ip link COMMAND WORDS` says."""
    change = next((each for each in _CHANGES if each.startswith(command)), None)
    if change is None:
        raise Refusal(f"invalid argument '{command}' to 'ip'", REFUSED)
    return _CHANGES[change](process, words)


def _add(process: Process, words: list[str]) -> int:
    name, kind = "", ""
    while words:
        word = words.pop(0)
        if word in {"type", "name"}:
            if not words:
                raise Refusal(_INCOMPLETE, REFUSED)
            kind, name = (words.pop(0), name) if word == "type" else (kind, words.pop(0))
        else:
            name = word
        if kind:
            break  # what follows is the kind's own
    try:
        require_admin(process, name)
        process.system.network.links.add(kind, name or f"{kind}%d")
    except OSError as error:
        raise _answer(error) from error
    return 0


def _delete(process: Process, words: list[str]) -> int:
    names = [each for each in words if each != "dev"]
    if not names:
        return 1
    link = _found(process, names[0])
    if link.is_given:
        refuse(process, link.name)
    try:
        require_admin(process, link.name)
        process.system.network.links.remove(link)
    except OSError as error:
        raise _answer(error) from error
    return 0


def _set(process: Process, words: list[str]) -> int:
    asked = _asked(process, words)
    name = asked.get("dev", "")
    if not name:
        raise Refusal('"dev" requires an argument', REFUSED)
    if "master" in asked:
        _set_master(process, name, asked["master"])
    if "flags" in asked:
        _set_flags(process, name, is_up=asked["flags"] == "up")
    return 0


def _asked(process: Process, words: list[str]) -> dict[str, str]:
    """Return what is to be set, of what."""
    asked: dict[str, str] = {}
    while words:
        word = words.pop(0)
        if word in {"up", "down"}:
            asked["flags"] = word
        elif word == "nomaster":
            asked["master"] = ""
        elif word in {"dev", "master"}:
            if not words:
                raise Refusal(_INCOMPLETE, REFUSED)
            asked[word] = words.pop(0)
        elif word in _NOT_MODELLED:
            refuse(process)
        elif "dev" in asked:
            raise Refusal(f'either "dev" is duplicate, or "{word}" is garbage', REFUSED)
        else:
            asked["dev"] = word
    return asked


def _set_master(process: Process, name: str, master: str) -> None:
    links = process.system.network.links
    link = _found(process, name)
    bridge = _found(process, master) if master else None
    try:
        require_admin(process, name)
        if link.master is not None:
            links.leave(link.master, link)
        if bridge is not None:
            links.join(bridge, link)
    except OSError as error:
        raise _answer(error) from error


def _set_flags(process: Process, name: str, *, is_up: bool) -> None:
    link = process.system.network.links.find(name)
    if link is None:
        raise Refusal("SIOCGIFFLAGS: No such device", REFUSED)
    try:
        require_admin(process, name)
        if link.is_given and not is_up:
            raise path_error(errno.EOPNOTSUPP, name)  # nobody could be reached any more
    except OSError as error:
        raise Refusal(f"SIOCSIFFLAGS: {reason(error)}", REFUSED) from error
    link.is_up = is_up


def _found(process: Process, name: str) -> Link:
    link = process.system.network.links.find(name)
    if link is None:
        raise Refusal(f"can't find device '{name}'", REFUSED)
    return link


def _answer(error: OSError) -> Refusal:
    return Refusal(f"RTNETLINK answers: {reason(error)}", REFUSED)


_CHANGES: dict[str, Callable[[Process, list[str]], int]] = {
    "add": _add,
    "delete": _delete,
    "set": _set,
}
_NOT_MODELLED = frozenset(
    ("address", "arp", "mtu", "multicast", "name", "netns", "promisc", "qlen", "txqueuelen")
)
