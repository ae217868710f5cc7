"""`mount`, `umount`, `mountpoint`: what hangs where in the tree."""

import errno
from collections.abc import Sequence

from fakecri.core.applets import Applet, Refusal, Surroundings, complain
from fakecri.core.options import Options, UsageError, read_options
from fakecri.core.processes import Process
from fakecri.core.rootfs.memory import Directory
from fakecri.core.rootfs.nodes import Filesystem
from fakecri.core.rootfs.places import Mount
from fakecri.core.tools.spaces import mount_lines
from fakecri.core.tools.words import reason, say

_FLAGS = frozenset(
    "ro nosuid nodev noexec sync noatime nodiratime relatime strictatime".split()  # noqa: SIM905
)
_UNDONE = {"rw": "ro", "suid": "nosuid", "dev": "nodev", "exec": "noexec", "async": "sync"}
_SHARING = ("shared", "slave", "private", "unbindable")
_MAKE = {f"make-{each}": chr(0xE0 + n) for n, each in enumerate(_SHARING)}
_MAKE |= {f"make-r{each}": _MAKE[f"make-{each}"] for each in _SHARING}
_LONG = {**_MAKE, "bind": "\xf0", "rbind": "\xf1", "move": "\xf2", "types": "t", "options": "o"}


def mount_filesystem(process: Process, _: Surroundings) -> int:
    """`mount`: without operands it shows what is mounted."""
    short = "aio:rt:wvnfO:T:\xf0\xf1\xf2\xe0\xe1\xe2\xe3"
    options = read_options(process.spec.argv, short, _LONG)
    words = options.operands
    if not words and not options.letters & {"a"}:
        return _show_mounts(process, options.values("t"))
    if options.letters & {"a"}:
        return 0  # there is no /etc/fstab in a container
    settings = [each for text in options.values("o") for each in text.split(",")]
    settings += ["ro"] if "r" in options.letters else []
    settings += ["bind"] if options.letters & {"\xf0", "\xf1"} else []
    kind = (options.values("t") or ["bind" if {"bind", "rbind"} & set(settings) else ""])[-1]
    shares = options.letters & set(_MAKE.values())
    if len(words) == 1 and not ({"remount"} & set(settings) or shares):
        raise Refusal(f"can't find {words[0]} in /etc/fstab")
    if len(words) > 2:  # noqa: PLR2004  # a source and a place
        raise UsageError
    source, place = words[0], words[-1]
    if not may_mount(process):
        raise Refusal("permission denied (are you root?)")
    if shares:
        return _share(process, place, _SHARING[ord(max(shares)) - 0xE0])
    try:
        path = process.files.realpath(place)
        process.files.stat(place)
        if "remount" in settings:
            return _remount(process, path, settings)
        process.system.rootfs.attach(_made(process, kind, source, path, settings))
    except OSError as error:
        return _refuse(source, place, error)
    return 0


def may_mount(process: Process) -> bool:
    """Whether a process has the capability SYS_ADMIN, and no seccomp filter in the way."""
    return process.can("CAP_SYS_ADMIN") and not process.denied("mount")


def _refuse(source: str, place: str, error: OSError) -> int:
    raise Refusal(f"mounting {source} on {place} failed: {reason(error)}", 255)


def _share(process: Process, place: str, how: str) -> int:
    """Change with whom a mount is shared: a slave that is to be shared tells nobody new."""
    rootfs = process.system.rootfs
    try:
        process.files.stat(place)
        mount = rootfs.mounts.find(process.files.realpath(place))
    except OSError as error:
        raise Refusal(f"{place}: {reason(error)}") from error
    if mount is None:
        raise Refusal(f"{place}: Invalid argument")
    rootfs.share(mount, how)
    return 0


def _show_mounts(process: Process, kinds: Sequence[str]) -> int:
    try:
        for line in mount_lines(process):
            if not kinds or line.kind in kinds[-1].split(","):
                text = f"{line.source} on {line.path} type {line.kind} ({line.options})"
                say(process, text)
    except OSError as error:
        raise Refusal(f"can't open '/proc/mounts': {reason(error)}") from error
    return 0


def _flags(settings: Sequence[str], present: Sequence[str] = ()) -> list[str]:
    flags = dict.fromkeys(present)
    for each in settings:
        if each in _FLAGS:
            flags[each] = None
        flags.pop(_UNDONE.get(each, ""), None)
    return list(flags)


def _made(process: Process, kind: str, source: str, path: str, settings: Sequence[str]) -> Mount:
    flags = _flags(settings)
    is_read_only = "ro" in flags
    options = tuple(each for each in flags if each != "ro")
    if kind == "bind":
        origin = process.files.place(source)
        node = origin.held
        return Mount(
            path,
            lambda _: node,
            kind=origin.mount.kind,
            source=origin.mount.source,
            read_only=is_read_only or origin.mount.read_only,
            options=options,
            device=origin.mount.device,
            upper=origin.mount.upper,
        )
    if kind != "tmpfs":
        raise OSError(errno.ENODEV, "No such device")
    device = max((each.device for each in process.system.rootfs.mounts.all), default=0) + 1
    filesystem = Filesystem(device, process.wall_ns)
    root = Directory(filesystem, 0o1777, 0, 0)
    sizes = [each for each in settings if each.startswith(("size=", "mode="))]
    return Mount(
        path,
        lambda _: root,
        kind="tmpfs",
        source=source,
        read_only=is_read_only,
        options=options,
        super_options=",".join(sizes),
        device=device,
        is_new=True,
    )


def _remount(process: Process, path: str, settings: Sequence[str]) -> int:
    mount = process.system.rootfs.mounts.find(path)
    if mount is None:
        raise OSError(errno.EINVAL, "Invalid argument")
    present = [*mount.options, *(["ro"] if mount.read_only else [])]
    flags = _flags(settings, present)
    mount.read_only = "ro" in flags
    mount.options = tuple(each for each in flags if each != "ro")
    return 0


def unmount_filesystem(process: Process, _: Surroundings) -> int:
    """`umount`."""
    options: Options = read_options(process.spec.argv, "fldnrat:")
    words = options.operands
    if not words and "a" not in options.letters:
        raise UsageError
    status = 0
    for word in words:
        try:
            path = process.files.realpath(word)
            process.files.stat(word)
        except OSError as error:
            status = complain(process, "umount", f"can't unmount {word}: {reason(error)}")
            continue
        text = _unmount(process, path)
        if text:
            status = complain(process, "umount", f"can't unmount {path}: {text}")
    return status


def _unmount(process: Process, path: str) -> str:
    mounts = process.system.rootfs.mounts
    if not may_mount(process):
        return "Operation not permitted"
    if path == "/" or (mounts.find(path) is not None and _is_busy(process, path)):
        return "Device or resource busy"
    return "" if process.system.rootfs.detach(path) else "Invalid argument"


def _is_busy(process: Process, path: str) -> bool:
    mounts = process.system.rootfs.mounts.all
    return any(each.path.startswith(f"{path}/") for each in mounts)


def is_mount_point(process: Process, _: Surroundings) -> int:
    """`mountpoint`."""
    options = read_options(process.spec.argv, "qdxn")
    if len(options.operands) != 1:
        raise UsageError
    path = options.operands[0]
    quiet = "q" in options.letters
    try:
        stat = process.files.stat(path)
        place = process.files.realpath(path)
    except OSError as error:
        return 1 if quiet else complain(process, "mountpoint", f"{path}: {reason(error)}")
    if stat.kind != "dir" and "x" not in options.letters:
        return 1 if quiet else complain(process, "mountpoint", f"{path}: Not a directory")
    is_mounted = process.system.rootfs.mounts.find(place) is not None
    if options.letters & {"d"}:
        say(process, f"{stat.device >> 8}:{stat.device & 255}")
    elif not quiet:
        say(process, f"{path} is {'' if is_mounted else 'not '}a mountpoint")
    return 0 if is_mounted else 1


COMMANDS = {
    "mount": Applet(mount_filesystem, "[OPTIONS] [-o OPT] DEVICE NODE"),
    "mountpoint": Applet(is_mount_point, "[-q] { [-dn] DIR | -x DEVICE }"),
    "umount": Applet(unmount_filesystem, "[-rlfda] [-t FSTYPE] FILESYSTEM|DIRECTORY"),
}
