"""What is inside an image: which programs there are, and who its users and groups are.

A userland is a base (busybox, alpine, debian, or nothing at all) and what an image adds to it.
The lists are those of the real images, without what no test is likely to run.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

_PASSWD_FIELDS = 7
_GROUP_FIELDS = 4


class User(NamedTuple):
    """A line of /etc/passwd."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


class Group(NamedTuple):
    """A line of /etc/group."""

    name: str
    gid: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Userland:
    """The programs, users and groups of an image."""

    own: frozenset[str]
    """Absolute paths of the executables that those below do not have."""
    passwd: str
    """The text of /etc/passwd; empty where there is no such file."""
    group: str
    """The text of /etc/group."""
    setuid: frozenset[str] = frozenset()
    """Those executables that run as their owner, root."""
    below: "Userland | None" = None
    """The base, whose executables are here too: shared, because images are many."""

    def has(self, path: str) -> bool:
        """Whether an executable of this absolute path exists."""
        return path in self.own or (self.below is not None and self.below.has(path))

    @property
    def executables(self) -> list[str]:
        """The absolute paths of all executables, sorted."""
        return sorted(self.own.union(self.below.executables if self.below else ()))

    def find_program(self, name: str, search_path: Iterable[str]) -> str | None:
        """The path of a program, as execvp looks: a name with a slash is a path already."""
        candidates = (name,) if "/" in name else (f"{each}/{name}" for each in search_path)
        return next((each for each in candidates if self.has(each)), None)

    @property
    def users(self) -> tuple[User, ...]:
        """All users, in the order of the file."""
        return _users(self.passwd)

    @property
    def groups(self) -> tuple[Group, ...]:
        """All groups, in the order of the file."""
        return _groups(self.group)

    def find_user(self, name: str) -> User | None:
        """The user of that name."""
        return next((each for each in self.users if each.name == name), None)

    def find_uid(self, uid: int) -> User | None:
        """The first user with that id."""
        return next((each for each in self.users if each.uid == uid), None)

    def find_group(self, name: str) -> Group | None:
        """The group of that name."""
        return next((each for each in self.groups if each.name == name), None)

    def group_ids_of(self, user_name: str) -> tuple[int, ...]:
        """The ids of the groups that list the user, in the order of the file."""
        return tuple(each.gid for each in self.groups if user_name in each.members)


@cache
def find_userland(base: str) -> Userland:
    """One of the bases: ``busybox``, ``alpine``, ``debian`` or ``scratch``; else KeyError."""
    return _BASES[base]()


def extended(
    base: str,
    executables: Iterable[str],
    *,
    user_lines: str = "",
    group_lines: str = "",
    setuid: Iterable[str] = (),
) -> Userland:
    """A base with more programs, and more lines in its /etc/passwd and /etc/group.

    A group line replaces the base's line of the same name.
    """
    below = find_userland(base)
    setuid = frozenset(setuid)
    return Userland(
        own=setuid.union(executables),
        passwd=below.passwd + user_lines,
        group=_merged(below.group, group_lines),
        setuid=below.setuid | setuid,
        below=below,
    )


def _merged(below: str, above: str) -> str:
    if not above:
        return below
    lines = {each.partition(":")[0]: each for each in below.splitlines(keepends=True)}
    lines |= {each.partition(":")[0]: each for each in above.splitlines(keepends=True)}
    return "".join(lines.values())


@cache
def _users(passwd: str) -> tuple[User, ...]:
    rows = [each.split(":") for each in passwd.splitlines()]
    return tuple(
        User(row[0], int(row[2]), int(row[3]), home=row[5], shell=row[6])
        for row in rows
        if len(row) == _PASSWD_FIELDS
    )


@cache
def _groups(group: str) -> tuple[Group, ...]:
    rows = [each.split(":") for each in group.splitlines()]
    return tuple(
        Group(row[0], int(row[2]), tuple(each for each in row[3].split(",") if each))
        for row in rows
        if len(row) == _GROUP_FIELDS
    )


def _under(directory: str, names: str) -> frozenset[str]:
    return frozenset(f"{directory}/{each}" for each in names.split())


def _scratch() -> Userland:
    return Userland(frozenset(), "", "")


def _busybox() -> Userland:
    everything = f"{_COMMON} {_APPLETS_BIN} {_APPLETS_SBIN} {_APPLETS_USR} {_APPLETS_USR_SBIN}"
    executables = _under("/bin", f"{everything} logname") | {"/usr/bin/env"}
    return Userland(executables, _BUSYBOX_USERS, _BUSYBOX_GROUPS)


def _alpine() -> Userland:
    executables = (
        _under("/bin", f"{_COMMON} {_APPLETS_BIN}")
        | _under("/sbin", f"{_APPLETS_SBIN} apk ldconfig")
        | _under("/usr/bin", f"{_APPLETS_USR} getent iconv ldd scanelf ssl_client")
        | _under("/usr/sbin", _APPLETS_USR_SBIN)
    )
    return Userland(executables, _ALPINE_USERS, _ALPINE_GROUPS)


def _debian() -> Userland:
    """Merged /usr: what is in /usr/bin is in /bin as well."""
    executables = (
        _under("/usr/bin", f"{_COMMON} {_DEBIAN_BIN}")
        | _under("/bin", f"{_COMMON} {_DEBIAN_BIN}")
        | _under("/usr/sbin", _DEBIAN_SBIN)
        | _under("/sbin", _DEBIAN_SBIN)
    )
    setuid = _under("/usr/bin", "chsh gpasswd mount newgrp passwd su umount")
    return Userland(executables, _DEBIAN_USERS, _DEBIAN_GROUPS, setuid)


_BASES = {"scratch": _scratch, "busybox": _busybox, "alpine": _alpine, "debian": _debian}

# In /bin everywhere.
_COMMON = (
    "cat chgrp chmod chown cp date dd df dmesg dnsdomainname echo egrep false fgrep grep gunzip"
    " gzip hostname ln login ls mkdir mknod mktemp more mount mountpoint mv nice pidof printenv"
    " pwd rm rmdir run-parts sed setpriv sh sleep stat stty su sync tar touch true umount uname"
    " zcat"
)
# Busybox applets, by the directory where Alpine has them.
_APPLETS_BIN = (
    "arch ash base64 busybox chattr dumpkmap ed fatattr fdflush fsync getopt ionice iostat ipcalc"
    " kbd_mode kill link linux32 linux64 lsattr lzop makemime mpstat netstat ping ping6"
    " pipe_progress ps reformime rev setserial usleep watch"
)
_APPLETS_SBIN = (
    "acpid adjtimex arp blkid blockdev depmod fbsplash fdisk findfs fsck fstrim getty halt hwclock"
    " ifconfig ifdown ifenslave ifup init inotifyd insmod ip ipaddr iplink ipneigh iproute iprule"
    " iptunnel klogd loadkmap logread losetup lsmod mdev mkdosfs mkfs.vfat mkswap modinfo modprobe"
    " nameif nologin pivot_root poweroff raidautorun reboot rmmod route setconsole slattach swapoff"
    " swapon switch_root sysctl syslogd tunctl udhcpc vconfig watchdog zcip"
)
_APPLETS_USR = (
    "[ [[ awk basename bc beep bunzip2 bzcat bzip2 cal chvt cksum clear cmp comm cpio crontab"
    " cryptpw cut dc deallocvt diff dirname dos2unix du eject env expand expr factor fallocate find"
    " flock fold free fuser groups hd head hexdump hostid id install ipcrm ipcs killall last less"
    " logger lsof lsusb lzcat lzma lzopcat md5sum mesg microcom mkfifo mkpasswd nc nl nmeter nohup"
    " nproc nsenter nslookup od openvt passwd paste pgrep pkill pmap printf pscan pstree pwdx"
    " readlink realpath renice reset resize seq setkeycodes setsid sha1sum sha256sum sha3sum"
    " sha512sum showkey shred shuf sort split strings sum tac tail tee test time timeout top tr"
    " traceroute traceroute6 truncate tty ttysize udhcpc6 unexpand uniq unix2dos unlink unlzma"
    " unlzop unshare unxz unzip uptime uudecode uuencode vi vlock volname wc wget which who whoami"
    " whois xargs xxd xzcat yes"
)
_APPLETS_USR_SBIN = (
    "addgroup adduser arping brctl chpasswd chroot crond delgroup deluser ether-wake fbset"
    " fdformat httpd killall5 loadfont nanddump nandwrite nbd-client ntpd partprobe rdate rdev"
    " readahead rfkill sendmail setfont setlogcons"
)
# A slim Debian has no ps, top, ip, ping, curl or wget.
_DEBIAN_BIN = (
    "[ apt apt-cache apt-get apt-key apt-mark arch awk b2sum base32 base64 basename basenc bash"
    " cksum clear cmp comm csplit cut dash deb-systemd-helper debconf diff dirname dpkg dpkg-query"
    " du env expand expr factor fallocate find flock fmt fold getent getopt groups head hostid"
    " iconv id infocmp install ionice ipcmk ipcrm ipcs join kill last ldd link locale logger"
    " logname lsblk lscpu lsns mawk md5sum mkfifo namei nawk nl nohup nproc nsenter numfmt od paste"
    " passwd pathchk perl pinky pr printf prlimit ptx rbash readlink realpath renice reset rev"
    " savelog script seq setsid setterm sg sha1sum sha224sum sha256sum sha384sum sha512sum shred"
    " shuf sort split stdbuf sum tac tail taskset tee test tic timeout toe touch tput tr truncate"
    " tset tsort tty unexpand uniq unlink unshare users utmpdump vdir wall wc whereis which who"
    " whoami xargs yes zcmp zdiff zgrep zless zmore chsh gpasswd newgrp chfn chage"
)
_DEBIAN_SBIN = (
    "addgroup adduser agetty blkid chpasswd chroot debugfs delgroup deluser e2fsck fsck groupadd"
    " groupdel groupmod hwclock invoke-rc.d ldconfig losetup mke2fs mkfs mkswap nologin pivot_root"
    " runuser shadowconfig start-stop-daemon sulogin swapoff swapon switch_root sysctl useradd"
    " userdel usermod zic"
)

_BUSYBOX_USERS = """\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
bin:x:2:2:bin:/bin:/bin/false
sys:x:3:3:sys:/dev:/bin/false
sync:x:4:100:sync:/bin:/bin/sync
mail:x:8:8:mail:/var/spool/mail:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
operator:x:37:37:Operator:/var:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
"""
_BUSYBOX_GROUPS = """\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
lp:x:7:
mail:x:8:
kmem:x:9:
wheel:x:10:root
cdrom:x:11:
dialout:x:18:
floppy:x:19:
video:x:28:
audio:x:29:
tape:x:32:
www-data:x:33:
operator:x:37:
utmp:x:43:
plugdev:x:46:
staff:x:50:
lock:x:54:
netdev:x:82:
users:x:100:
nobody:x:65534:
"""
_ALPINE_USERS = """\
root:x:0:0:root:/root:/bin/sh
bin:x:1:1:bin:/bin:/sbin/nologin
daemon:x:2:2:daemon:/sbin:/sbin/nologin
lp:x:4:7:lp:/var/spool/lpd:/sbin/nologin
sync:x:5:0:sync:/sbin:/bin/sync
shutdown:x:6:0:shutdown:/sbin:/sbin/shutdown
halt:x:7:0:halt:/sbin:/sbin/halt
mail:x:8:12:mail:/var/mail:/sbin/nologin
news:x:9:13:news:/usr/lib/news:/sbin/nologin
uucp:x:10:14:uucp:/var/spool/uucppublic:/sbin/nologin
cron:x:16:16:cron:/var/spool/cron:/sbin/nologin
ftp:x:21:21::/var/lib/ftp:/sbin/nologin
sshd:x:22:22:sshd:/dev/null:/sbin/nologin
games:x:35:35:games:/usr/games:/sbin/nologin
ntp:x:123:123:NTP:/var/empty:/sbin/nologin
guest:x:405:100:guest:/dev/null:/sbin/nologin
nobody:x:65534:65534:nobody:/:/sbin/nologin
"""
_ALPINE_GROUPS = """\
root:x:0:root
bin:x:1:root,bin,daemon
daemon:x:2:root,bin,daemon
sys:x:3:root,bin
adm:x:4:root,daemon
tty:x:5:
disk:x:6:root
lp:x:7:lp
kmem:x:9:
wheel:x:10:root
floppy:x:11:root
mail:x:12:mail
news:x:13:news
uucp:x:14:uucp
cron:x:16:cron
audio:x:18:
cdrom:x:19:
dialout:x:20:root
ftp:x:21:
sshd:x:22:
input:x:23:
tape:x:26:root
video:x:27:root
netdev:x:28:
kvm:x:34:kvm
games:x:35:
shadow:x:42:
www-data:x:82:
users:x:100:games
ntp:x:123:
abuild:x:300:
utmp:x:406:
ping:x:999:
nogroup:x:65533:
nobody:x:65534:
"""
_DEBIAN_USERS = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
sync:x:4:65534:sync:/bin:/bin/sync
games:x:5:60:games:/usr/games:/usr/sbin/nologin
man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
lp:x:7:7:lp:/var/spool/lpd:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
news:x:9:9:news:/var/spool/news:/usr/sbin/nologin
uucp:x:10:10:uucp:/var/spool/uucp:/usr/sbin/nologin
proxy:x:13:13:proxy:/bin:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
backup:x:34:34:backup:/var/backups:/usr/sbin/nologin
list:x:38:38:Mailing List Manager:/var/list:/usr/sbin/nologin
irc:x:39:39:ircd:/run/ircd:/usr/sbin/nologin
_apt:x:42:65534::/nonexistent:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
"""
_DEBIAN_GROUPS = """\
root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
lp:x:7:
mail:x:8:
news:x:9:
uucp:x:10:
man:x:12:
proxy:x:13:
kmem:x:15:
dialout:x:20:
fax:x:21:
voice:x:22:
cdrom:x:24:
floppy:x:25:
tape:x:26:
sudo:x:27:
audio:x:29:
dip:x:30:
www-data:x:33:
backup:x:34:
operator:x:37:
list:x:38:
irc:x:39:
src:x:40:
shadow:x:42:
utmp:x:43:
video:x:44:
sasl:x:45:
plugdev:x:46:
staff:x:50:
games:x:60:
users:x:100:
nogroup:x:65534:
"""
