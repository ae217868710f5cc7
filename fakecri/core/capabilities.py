"""Linux capabilities: which ones a container's processes have.

Source: spec conformance, note M-cap.
"""

from collections.abc import Iterable

from fakecri.api import runtime_pb2 as pb

_ALL = "ALL"


def _prefixed(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"CAP_{name}" for name in names)


def _words(text: str) -> tuple[str, ...]:
    return _prefixed(text.split())


KNOWN = _words(
    "CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE "
    "NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO "
    "SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME "
    "SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG "
    "WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE"
)
"""All of them; the place of each is its number in the kernel."""

DEFAULT = _words(
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE "
    "SYS_CHROOT KILL AUDIT_WRITE"
)
"""Those of a container that asks for nothing else."""


def capabilities_of(security: pb.LinuxContainerSecurityContext) -> tuple[str, ...]:
    """Return the bounding set, which is the effective and the permitted one too.

    `ALL` comes first, whether added or dropped; then the others are added, then dropped. Ambient
    capabilities are never given.
    """
    if security.privileged:
        return KNOWN
    added = [name.upper() for name in security.capabilities.add_capabilities]
    dropped = [name.upper() for name in security.capabilities.drop_capabilities]
    given = dict.fromkeys(KNOWN if _ALL in added else DEFAULT)
    if _ALL in dropped:
        given = {}
    given.update(dict.fromkeys(_prefixed(name for name in added if name != _ALL)))
    for name in _prefixed(dropped):
        given.pop(name, None)
    return tuple(given)


def capability_mask(names: Iterable[str]) -> int:
    """Return a set of capabilities as the kernel shows it in /proc: a bit each."""
    return sum(1 << KNOWN.index(name) for name in dict.fromkeys(names) if name in KNOWN)
