"""Small OCI images made from Debian's static busybox, the same bytes on every run."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import subprocess
import tarfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

BUSYBOX = Path("/bin/busybox")

MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"

USERS = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\n"
GROUPS = "root:x:0:\nwheel:x:10:root\nwww-data:x:33:\nusers:x:100:\n"


def digest_of(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


@dataclass(frozen=True)
class OciImage:
    """One image: its manifest, and every blob the manifest names, by digest."""

    manifest: bytes
    blobs: dict[str, bytes] = field(repr=False)

    @property
    def digest(self) -> str:
        """The digest of the manifest, which names the image in a registry."""
        return digest_of(self.manifest)

    @property
    def id(self) -> str:
        """The digest of the configuration, which is the image's id in the CRI."""
        return str(json.loads(self.manifest)["config"]["digest"])

    @property
    def size(self) -> int:
        """Bytes stored: the manifest, the configuration and the compressed layers."""
        return len(self.manifest) + sum(len(blob) for blob in self.blobs.values())


def image(
    layer: bytes,
    cmd: Sequence[str],
    *,
    entrypoint: Sequence[str] = (),
    user: str = "",
    note: str = "busybox",
) -> OciImage:
    """An image of one uncompressed tar layer; a `note` makes it another one."""
    packed = gzip.compress(layer, mtime=0)
    settings = {"Entrypoint": list(entrypoint), "User": user}
    given = {name: value for name, value in settings.items() if value}
    config = _json(_configuration(layer, {"Cmd": list(cmd)} | given, note))
    manifest = _json(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPE,
            "config": _descriptor(CONFIG_TYPE, config),
            "layers": [_descriptor(LAYER_TYPE, packed)],
        }
    )
    return OciImage(manifest, {digest_of(config): config, digest_of(packed): packed})


def busybox_layer() -> bytes:
    """A root file system: the busybox binary, a link for each applet, /etc/passwd and friends."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in ("bin", "etc", "root", "tmp", "var", "var/www"):
            tar.addfile(entry(name, tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755))
        add_file(tar, "bin/busybox", BUSYBOX.read_bytes(), 0o755)
        for applet in applets():
            link = entry(f"bin/{applet}", tarfile.SYMTYPE, 0o777)
            link.linkname = "busybox"
            tar.addfile(link)
        add_file(tar, "etc/passwd", USERS.encode(), 0o644)
        add_file(tar, "etc/group", GROUPS.encode(), 0o644)
    return buffer.getvalue()


def file_layer(text: str) -> bytes:
    """A layer of one small file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        add_file(tar, "text", text.encode(), 0o644)
    return buffer.getvalue()


def applets() -> Iterable[str]:
    """The names of the commands that busybox has."""
    listing = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True)
    return sorted(set(listing.stdout.split()) - {"busybox"})


def entry(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    """An entry of an archive, without content."""
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = mode
    return entry


def add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    """Add a file to an archive."""
    file = entry(name, tarfile.REGTYPE, mode)
    file.size = len(content)
    tar.addfile(file, io.BytesIO(content))


def _configuration(layer: bytes, given: dict[str, Any], note: str) -> dict[str, Any]:
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "created": "2024-01-01T00:00:00Z",
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": [path], **given},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": note}],
    }


def _descriptor(media_type: str, blob: bytes) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest_of(blob), "size": len(blob)}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
