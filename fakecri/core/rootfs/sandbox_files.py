"""What the containers of a pod share: /etc/hostname, /etc/hosts, /etc/resolv.conf, /dev/shm.

The texts are containerd's.
"""

from fakecri.api import runtime_pb2 as pb
from fakecri.core.node import NODE_NAME
from fakecri.core.oci_mounts import SHM
from fakecri.core.records import Sandbox
from fakecri.core.rootfs.memory import Directory, File
from fakecri.core.rootfs.nodes import Filesystem, Medium, Node
from fakecri.core.world import World

_DEVICE = 40
_SHM_DEVICE = 41
_SHM = Medium("tmpfs", "shm", ("nosuid", "nodev", "noexec", "relatime"), "rw,size=65536k")
_HOSTS = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
_RESOLV_CONF = "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch .\n"


def find_sandbox_file(world: World, sandbox: Sandbox, source: str) -> Node | None:
    """Return what a bind mount of the runtime's own leads to; None where it is not one."""
    if source == SHM:
        return _node_shm(world)
    if source in sandbox.image_volumes:
        return sandbox.image_volumes[source]
    if not source.startswith((world.profile.root, world.profile.state)):
        return None
    if not sandbox.files:
        sandbox.files.update(_make(world, sandbox))
    return sandbox.files.get(source.rpartition("/")[2])


def _make(world: World, sandbox: Sandbox) -> dict[str, Node]:
    fs = Filesystem(_DEVICE, world.clock.wall_ns)
    config = sandbox.config
    texts = {
        "hostname": f"{config.hostname or NODE_NAME}\n".encode(),
        "hosts": _of_node(world, "/etc/hosts", _HOSTS),
        "resolv.conf": resolv_conf(config.dns_config).encode()
        or _of_node(world, "/etc/resolv.conf", _RESOLV_CONF),
    }
    made: dict[str, Node] = {
        name: File(fs, 0o644, content=content) for name, content in texts.items()
    }
    made["shm"] = _shm(world)
    return made


def _of_node(world: World, path: str, otherwise: str) -> bytes:
    """Return what the runtime copies from the node."""
    return world.mounted.read(path) if world.mounted.exists(path) else otherwise.encode()


def _node_shm(world: World) -> Node:
    if world.shm is None:
        world.shm = _shm(world)
    return world.shm


def _shm(world: World) -> Directory:
    return Directory(Filesystem(_SHM_DEVICE, world.clock.wall_ns, medium=_SHM), 0o1777)


def resolv_conf(dns: pb.DNSConfig) -> str:
    """Return the text that containerd makes of a pod's DNS config; empty where it says nothing."""
    rows = (
        ("search", " ".join(dns.searches)),
        ("nameserver", "\nnameserver ".join(dns.servers)),
        ("options", " ".join(dns.options)),
    )
    return "".join(f"{word} {value}\n" for word, value in rows if value)
