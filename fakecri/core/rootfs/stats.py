"""What stat(2) says of a file."""

from typing import NamedTuple


class Stat(NamedTuple):
    """What stat(2) says."""

    kind: str
    """`file`, `dir`, `link`, `char`, `block`, `fifo` or `socket`."""
    mode: int
    """The permission bits, setuid, setgid and sticky among them."""
    uid: int
    gid: int
    size: int
    mtime_ns: int
    inode: int
    nlink: int = 1
    device: int = 0
    """Of the filesystem it is on."""
    rdev: tuple[int, int] = (0, 0)
    """Major and minor number of a device."""
    blocks: int = 0
    """Of 512 bytes each."""
