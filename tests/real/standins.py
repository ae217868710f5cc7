"""The images that critest pulls, made here: a real runtime cannot have the published ones.

They are of busybox, and of a program that is nginx, httpd and nnp as far as critest can tell. One
that is pulled by its digest cannot be made.
"""

from __future__ import annotations

import io
import tarfile

from tests.real import install, oci

USERS = (
    "root:x:0:0:root:/root:/bin/sh\n"
    "www-data:x:33:33:www-data:/var/www:/bin/false\n"
    "nobody:x:65534:65534:nobody:/home:/bin/false\n"
)
GROUPS = "root:x:0:\nwww-data:x:33:\nnogroup:x:65534:\n"
USER = "default-user:x:1000:1000::/home:/bin/sh\n"
USER_GROUPS = "default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n"
DIRECTORIES = (
    *("bin", "etc", "home", "mnt", "root", "run", "tmp", "usr", "usr/local", "usr/local/bin"),
    *("usr/sbin", "var", "var/lib", "var/run", "var/www"),
)
SH, NGINX = ["sh"], ["nginx", "-g", "daemon off;"]
STAGING = "k8s-staging-cri-tools"
E2E = "e2e-test-images"
IMAGE_USERS = {
    "user-uid": "1002",
    "user-username": "www-data",
    "user-uid-group": "1003:1004",
    "user-username-group": "www-data:1004",
}
BENCHMARKED = ("1.35.0-glibc", "1-uclibc", "1", "1-glibc", "1-musl")


def catalogue() -> dict[str, oci.OciImage]:
    """What the registry serves, by `repository:tag`."""
    program = install.find("standin").path
    assert program is not None
    standin, tools = program.read_bytes(), _layer({})
    port = {"etc/port": (b"12003", 0o644)}
    nginx = {"usr/sbin/nginx": (standin, 0o755)}
    known = {
        "etc/passwd": ((USERS + USER).encode(), 0o644),
        "etc/group": ((GROUPS + USER_GROUPS).encode(), 0o644),
    }
    httpd = {"usr/local/bin/httpd-foreground": (standin, 0o755)}
    nnp = {"usr/local/bin/nnp": (standin, 0o6755)}
    tags = oci.image(tools, SH, note="tags")
    pause = ["/bin/tail", "-f", "/dev/null"]
    return {
        f"{E2E}/busybox:1.29-2": oci.image(tools, SH),
        f"{E2E}/nginx:1.14-2": oci.image(_layer(nginx), NGINX),
        f"{E2E}/httpd:2.4.39-4": oci.image(_layer(httpd), ["httpd-foreground"]),
        f"{E2E}/nonewprivs:1.3": oci.image(_layer(nnp), ["nnp"]),
        f"{STAGING}/hostnet-nginx-amd64:latest": oci.image(_layer(nginx | port), NGINX),
        f"{STAGING}/test-image-predefined-group:latest": oci.image(_layer(known), SH, user="1000"),
        f"{STAGING}/test-image-tag:test": oci.image(tools, SH, note="test"),
        f"{STAGING}/test-image-tag:all": oci.image(tools, SH, note="all"),
        f"{STAGING}/test-image-latest:latest": oci.image(tools, SH, note="latest"),
        **{f"{STAGING}/test-image-tags:{each}": tags for each in (1, 2, 3)},
        **{
            f"{STAGING}/test-image-{each}:latest": oci.image(tools, SH, note=str(each))
            for each in (1, 2, 3)
        },
        **{
            f"{STAGING}/test-image-{name}:latest": oci.image(tools, SH, note=name, user=user)
            for name, user in IMAGE_USERS.items()
        },
        **{f"docker/library/busybox:{tag}": oci.image(tools, SH, note=tag) for tag in BENCHMARKED},
        "pause:3.6": oci.image(tools, [], entrypoint=pause),
        "pause:3.9": oci.image(tools, [], entrypoint=pause, note="3.9", user="65535:65535"),
    }


def _layer(files: dict[str, tuple[bytes, int]]) -> bytes:
    """A root file system: busybox, hard links to it, and files with their modes."""
    texts = {"etc/passwd": (USERS.encode(), 0o644), "etc/group": (GROUPS.encode(), 0o644)}
    programs = {"bin/busybox": (oci.BUSYBOX.read_bytes(), 0o755)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name in DIRECTORIES:
            tar.addfile(oci.entry(name, tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755))
        for name, (content, mode) in (programs | texts | files).items():
            oci.add_file(tar, name, content, mode)
        for applet in oci.applets():
            link = oci.entry(f"bin/{applet}", tarfile.LNKTYPE, 0o755)
            link.linkname = "bin/busybox"
            tar.addfile(link)
    return buffer.getvalue()
