"""A mount table as /proc shows it."""

import re

from fakecri.core.rootfs.places import Mount, Mounts

_FIRST_ID = 600
_PEERS = {"rshared": "shared:1", "rslave": "master:1"}


def mounts(table: Mounts) -> str:
    """Return /proc/PID/mounts."""
    return "".join(
        f"{_escaped(each.source)} {_escaped(each.path)} {each.kind} {_options(each)} 0 0\n"
        for each in table.all
    )


def mountinfo(table: Mounts) -> str:
    """Return /proc/PID/mountinfo."""
    numbers = {id(each): _FIRST_ID + index for index, each in enumerate(table.all)}
    return "".join(_row(table, each, numbers) for each in table.all)


def _row(table: Mounts, mount: Mount, numbers: dict[int, int]) -> str:
    above = _above(table, mount)
    parent = numbers[id(above)] if above is not None else _FIRST_ID - 1
    device = f"{mount.device >> 8 & 0xFFF}:{mount.device & 0xFF}"
    peers = _PEERS.get(mount.propagation, "")
    words = [
        str(numbers[id(mount)]),
        str(parent),
        device,
        _escaped(mount.inner),
        _escaped(mount.path),
        _mount_options(mount),
        *([peers] if peers else []),
        "-",
        mount.kind,
        _escaped(mount.source),
        mount.super_options or "rw",
    ]
    return " ".join(words) + "\n"


def _above(table: Mounts, mount: Mount) -> Mount | None:
    path = mount.path
    before = table.all[: table.all.index(mount)]
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        found = [each for each in before if each.path == path]
        if found:
            return found[-1]
    return None


def _mount_options(mount: Mount) -> str:
    return ",".join(["ro" if mount.read_only else "rw", *mount.options])


def _options(mount: Mount) -> str:
    extra = [each for each in mount.super_options.split(",") if each not in {"", "rw", "ro"}]
    return ",".join([_mount_options(mount), *extra])


def _escaped(text: str) -> str:
    return re.sub(r"[ \t\n\\]", lambda match: f"\\{ord(match[0]):03o}", text)
