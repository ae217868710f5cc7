"""What the trees of the bases have beside their executables, as rows of data.

Source: the root filesystems of busybox, alpine 3 and debian 12 as their registries serve them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fakecri.core.userlands import Userland, find_userland


@dataclass(frozen=True, slots=True)
class Skeleton:
    """Directories, links and files of a base."""

    base: str
    directories: Mapping[str, int] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    applets: str = ""
    """How the applets of busybox are there: `hard`, as symbolic `links`, or not at all."""
    no_applets: frozenset[str] = frozenset()
    """Executables that are no applets."""

    def fits(self, userland: Userland) -> bool:
        """Whether a userland is that of this base."""
        return find_userland(self.base) is userland


def _directories(plain: str, **modes: int) -> dict[str, int]:
    special = {f"/{name.replace('__', '/')}": mode for name, mode in modes.items()}
    return {f"/{each}": 0o755 for each in plain.split()} | special


_SHADOW = "root:*:::::::\nnobody:*:::::::\n"
_BUSYBOX = Skeleton(
    "busybox",
    _directories(
        "bin dev etc etc/network home lib proc sys usr usr/bin usr/sbin var var/spool"
        " var/spool/mail var/www",
        root=0o700,
        tmp=0o1777,
    ),
    {"/lib64": "lib"},
    {
        "/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n",
        "/etc/nsswitch.conf": "passwd:\tdb files\ngroup:\tdb files\n",
        "/etc/shadow": _SHADOW,
    },
    "hard",
)
_ALPINE = Skeleton(
    "alpine",
    _directories(
        "bin dev etc etc/apk etc/conf.d etc/crontabs etc/init.d etc/network etc/opt etc/periodic"
        " etc/profile.d etc/ssl etc/ssl/certs home lib lib/apk media media/cdrom media/floppy"
        " media/usb mnt opt proc run sbin srv sys usr usr/bin usr/lib usr/local usr/local/bin"
        " usr/local/lib usr/local/share usr/sbin usr/share var var/cache var/cache/apk var/lib"
        " var/lib/apk var/local var/log var/mail var/opt var/spool",
        root=0o700,
        tmp=0o1777,
        var__empty=0o555,
        var__tmp=0o1777,
    ),
    {"/var/run": "../run", "/var/lock": "../run/lock", "/etc/mtab": "../proc/mounts"},
    {
        "/etc/alpine-release": "3.20.3\n",
        "/etc/hostname": "localhost\n",
        "/etc/hosts": "127.0.0.1\tlocalhost localhost.localdomain\n::1\t\tlocalhost"
        " localhost.localdomain\n",
        "/etc/issue": "Welcome to Alpine Linux 3.20\nKernel \\r on an \\m (\\l)\n\n",
        "/etc/os-release": 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.20.3\n'
        'PRETTY_NAME="Alpine Linux v3.20"\nHOME_URL="https://alpinelinux.org/"\n'
        'BUG_REPORT_URL="https://gitlab.alpinelinux.org/alpine/aports/-/issues"\n',
        "/etc/shadow": _SHADOW,
        "/etc/shells": "/bin/sh\n/bin/ash\n",
    },
    "links",
    frozenset(["apk", "ldconfig", "getent", "iconv", "ldd", "scanelf", "ssl_client"]),
)
_DEBIAN = Skeleton(
    "debian",
    _directories(
        "boot dev etc etc/apt etc/cron.daily etc/default etc/dpkg etc/opt etc/pam.d etc/profile.d"
        " etc/security etc/skel etc/terminfo home media mnt opt proc run srv sys usr usr/bin"
        " usr/games usr/include usr/lib usr/lib64 usr/libexec usr/local usr/local/bin"
        " usr/local/etc usr/local/games usr/local/include usr/local/lib usr/local/sbin"
        " usr/local/share usr/local/src usr/sbin usr/share usr/src var var/backups var/cache"
        " var/lib var/lib/dpkg var/log var/opt var/spool",
        root=0o700,
        run__lock=0o1777,
        tmp=0o1777,
        var__local=0o2775,
        var__mail=0o2775,
        var__tmp=0o1777,
    ),
    {
        "/bin": "usr/bin",
        "/sbin": "usr/sbin",
        "/lib": "usr/lib",
        "/lib64": "usr/lib64",
        "/var/run": "/run",
        "/var/lock": "/run/lock",
        "/etc/os-release": "../usr/lib/os-release",
    },
    {
        "/etc/debian_version": "12.8\n",
        "/etc/hosts": "127.0.0.1\tlocalhost\n",
        "/etc/issue": "Debian GNU/Linux 12 \\n \\l\n\n",
        "/etc/shadow": _SHADOW,
        "/etc/shells": "# /etc/shells: valid login shells\n/bin/sh\n/usr/bin/sh\n/bin/bash\n"
        "/usr/bin/bash\n/bin/rbash\n/usr/bin/rbash\n/bin/dash\n/usr/bin/dash\n",
        "/usr/lib/os-release": 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n'
        'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\n'
        'VERSION_CODENAME=bookworm\nID=debian\nHOME_URL="https://www.debian.org/"\n'
        'SUPPORT_URL="https://www.debian.org/support"\n'
        'BUG_REPORT_URL="https://bugs.debian.org/"\n',
    },
)
SKELETONS: Mapping[str, Skeleton] = {
    "scratch": Skeleton("scratch"),
    "busybox": _BUSYBOX,
    "alpine": _ALPINE,
    "debian": _DEBIAN,
}
