"""The images whose insides are known, as rows of data, and what is assumed of all others.

Configs follow the real images' Dockerfiles: pause, agnhost and the like from Kubernetes, the
official ones from Docker Hub, `test-image-*` from cri-tools (spec 1.10). Sizes are about right.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from typing import NamedTuple

DEFAULT_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# Registries that serve the content of another one, by prefix of the repository's name.
_MIRRORS = (
    ("k8s.gcr.io/", "registry.k8s.io/"),
    ("public.ecr.aws/docker/library/", "docker.io/library/"),
    ("mirror.gcr.io/library/", "docker.io/library/"),
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """What an image is made of: its OCI config, its programs and users, its sizes.

    The first group is spelled as in the OCI config; ``user`` is ``uid``, ``name``, ``uid:gid`` or
    ``name:group``, ``exposed_ports`` are like ``80/tcp``, ``env`` like ``KEY=value``.
    """

    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    env: tuple[str, ...] = (DEFAULT_PATH,)
    working_dir: str = ""
    user: str = ""
    stop_signal: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    exposed_ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()

    base: str = "busybox"
    """The userland it stands on: ``busybox``, ``alpine``, ``debian`` or ``scratch``."""
    executables: tuple[str, ...] | None = None
    """Absolute paths beyond those of the base. None: the program that entrypoint and cmd name."""
    setuid: tuple[str, ...] = ()
    """Executables that run as root whoever starts them."""
    user_lines: str = ""
    """Lines that /etc/passwd has beyond the base's."""
    group_lines: str = ""
    """The same for /etc/group; a line of a name that the base has replaces it."""
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    """Content by absolute path, beyond the base's. One of `executables` gets it as its own."""
    listens: tuple[int, ...] = ()
    """TCP ports that its server opens, where they are not the exposed ones."""

    size_bytes: int = 0
    """Stored, that is compressed; 0: drawn from the content."""
    unpacked_bytes: int = 0
    """On the image filesystem; 0: two and a half times the stored size."""
    is_base: bool = False
    """Whether it shares no layer with the other images of its userland."""

    @property
    def argv(self) -> tuple[str, ...]:
        """The command line of a container that asks for nothing else."""
        return self.entrypoint + self.cmd

    @property
    def server_ports(self) -> tuple[int, ...]:
        """The TCP ports on which its own server listens."""
        exposed = (each.split("/") for each in self.exposed_ports)
        return self.listens or tuple(int(port) for port, *kind in exposed if kind in ([], ["tcp"]))


class KnownImage(NamedTuple):
    """A row: all tags that match are this recipe; those named exactly are one image."""

    repository: str
    tags: tuple[str, ...]
    recipe: Recipe
    digest: str = ""
    """The repo digest where it is given; else it follows from repository and tag."""

    def content_key(self, tag: str) -> str:
        """The tag that stands for the content of `tag`: 1, 2 and 3 may be one image."""
        return self.tags[0] if tag in self.tags else tag

    @property
    def exact_tags(self) -> tuple[str, ...]:
        """The tags that are no patterns."""
        return tuple(each for each in self.tags if "*" not in each)


def canonical_repository(name: str) -> str:
    """The repository whose content a name serves: ``k8s.gcr.io/pause`` is a mirror."""
    for mirror, origin in _MIRRORS:
        if name.startswith(mirror):
            return origin + name.removeprefix(mirror)
    return name


def known_rows(repository: str) -> tuple[KnownImage, ...]:
    """The rows of a canonical repository, more special ones first; none if it is unknown."""
    return _table().get(repository, ())


def find_known(repository: str, tag: str) -> KnownImage | None:
    """The row of a canonical repository and a tag."""
    rows = known_rows(repository)
    return next((row for row in rows if _matches(tag, row.tags)), None)


def unknown_recipe(repository: str) -> Recipe:
    """What an image is assumed to be: a program named like the repository, among busybox's."""
    return Recipe(entrypoint=("/" + repository.rpartition("/")[2],))


def _matches(tag: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(tag, each) for each in patterns)


@cache
def _table() -> dict[str, tuple[KnownImage, ...]]:
    table: dict[str, tuple[KnownImage, ...]] = {}
    for row in (*_plain_rows(), *_server_rows(), *_e2e_rows(), *_critest_rows()):
        table[row.repository] = (*table.get(row.repository, ()), row)
    return table


_ANY = ("*",)
_ALPINE_TAGS = ("*alpine*",)
_NGINX_CMD = ("nginx", "-g", "daemon off;")
_NGINX_ENV = (DEFAULT_PATH, "NGINX_VERSION=1.27.3", "NJS_VERSION=0.8.7", "PKG_RELEASE=1")
_NGINX_USER = "nginx:x:101:101:nginx user:/nonexistent:/bin/false\n"
_HTTPD_PREFIX = "/usr/local/apache2"
_HTTPD_ENV = (
    f"PATH={_HTTPD_PREFIX}/bin:" + DEFAULT_PATH.removeprefix("PATH="),
    f"HTTPD_PREFIX={_HTTPD_PREFIX}",
)
_HTTPD_EXECUTABLES = ("/usr/local/bin/httpd-foreground", f"{_HTTPD_PREFIX}/bin/httpd")


def _plain_rows() -> tuple[KnownImage, ...]:
    """Pause, and the bases."""
    pause = Recipe(
        entrypoint=("/pause",),
        working_dir="/",
        user="65535:65535",
        base="scratch",
        size_bytes=320_368,
        unpacked_bytes=745_472,
        is_base=True,
    )
    busybox = Recipe(cmd=("sh",), size_bytes=2_156_519, unpacked_bytes=4_276_224, is_base=True)
    alpine = Recipe(
        cmd=("/bin/sh",),
        base="alpine",
        size_bytes=3_642_247,
        unpacked_bytes=8_298_496,
        is_base=True,
    )
    debian = Recipe(
        cmd=("bash",),
        base="debian",
        size_bytes=28_228_364,
        unpacked_bytes=77_918_208,
        is_base=True,
    )
    ubuntu = Recipe(
        cmd=("/bin/bash",),
        base="debian",
        labels={"org.opencontainers.image.ref.name": "ubuntu"},
        size_bytes=29_754_290,
        unpacked_bytes=80_596_992,
        is_base=True,
    )
    return (
        KnownImage("registry.k8s.io/pause", _ANY, pause),
        KnownImage("docker.io/library/busybox", _ANY, busybox),
        KnownImage("docker.io/library/alpine", _ANY, alpine),
        KnownImage("docker.io/library/debian", _ANY, debian),
        KnownImage("docker.io/library/ubuntu", _ANY, ubuntu),
    )


def _nginx(base: str, size_bytes: int, listens: tuple[int, ...] = ()) -> Recipe:
    return Recipe(
        entrypoint=("/docker-entrypoint.sh",),
        cmd=_NGINX_CMD,
        env=_NGINX_ENV,
        stop_signal="SIGQUIT",
        labels={"maintainer": "NGINX Docker Maintainers <docker-maint@nginx.com>"},
        exposed_ports=("80/tcp",),
        base=base,
        executables=("/docker-entrypoint.sh", "/usr/sbin/nginx", "/usr/bin/curl"),
        user_lines=_NGINX_USER,
        group_lines="nginx:x:101:\n",
        listens=listens,
        size_bytes=size_bytes,
    )


def _httpd(base: str, size_bytes: int, stop_signal: str = "SIGWINCH") -> Recipe:
    www_data = "www-data:x:82:82:Linux User,,,:/home/www-data:/sbin/nologin\n"
    return Recipe(
        cmd=("httpd-foreground",),
        env=_HTTPD_ENV,
        working_dir=_HTTPD_PREFIX,
        stop_signal=stop_signal,
        exposed_ports=("80/tcp",),
        base=base,
        executables=_HTTPD_EXECUTABLES,
        user_lines=www_data if base == "alpine" else "",
        size_bytes=size_bytes,
    )


def _redis(base: str, size_bytes: int) -> Recipe:
    executables = ("docker-entrypoint.sh", "gosu", "redis-cli", "redis-server")
    return Recipe(
        entrypoint=("docker-entrypoint.sh",),
        cmd=("redis-server",),
        working_dir="/data",
        exposed_ports=("6379/tcp",),
        volumes=("/data",),
        base=base,
        executables=tuple(f"/usr/local/bin/{each}" for each in executables),
        user_lines="redis:x:999:999::/home/redis:/bin/sh\n",
        group_lines="redis:x:999:\n",
        size_bytes=size_bytes,
    )


def _server_rows() -> tuple[KnownImage, ...]:
    """Official images that serve something."""
    return (
        KnownImage("docker.io/library/nginx", _ALPINE_TAGS, _nginx("alpine", 20_534_112)),
        KnownImage("docker.io/library/nginx", _ANY, _nginx("debian", 72_080_558)),
        KnownImage("docker.io/library/httpd", _ALPINE_TAGS, _httpd("alpine", 21_345_980)),
        KnownImage("docker.io/library/httpd", _ANY, _httpd("debian", 59_261_730)),
        KnownImage("docker.io/library/redis", _ALPINE_TAGS, _redis("alpine", 17_163_432)),
        KnownImage("docker.io/library/redis", _ANY, _redis("debian", 45_013_016)),
    )


_AGNHOST_EXECUTABLES = (
    "/agnhost",
    "/agnhost-2",
    "/coredns",
    "/bin/bash",
    "/sbin/ss",
    "/usr/bin/curl",
    "/usr/bin/dig",
    "/usr/bin/host",
    "/usr/bin/iperf",
    "/usr/bin/nc",
    "/usr/bin/nslookup",
    "/usr/local/bin/iperf",
)


def _agnhost(command: str, size_bytes: int = 53_019_402) -> Recipe:
    return Recipe(
        entrypoint=("/agnhost",),
        cmd=(command,),
        exposed_ports=("80/tcp", "8080/tcp", "8081/tcp", "9376/tcp"),
        base="alpine",
        executables=_AGNHOST_EXECUTABLES,
        size_bytes=size_bytes,
    )


def _e2e_rows() -> tuple[KnownImage, ...]:
    """The test images of Kubernetes."""
    nginx = Recipe(
        cmd=_NGINX_CMD,
        env=(DEFAULT_PATH, "NGINX_VERSION=1.14.2"),
        stop_signal="SIGTERM",
        exposed_ports=("80/tcp",),
        base="alpine",
        executables=("/usr/sbin/nginx",),
        user_lines="nginx:x:100:101:nginx:/var/cache/nginx:/sbin/nologin\n",
        group_lines="nginx:x:101:nginx\n",
        size_bytes=6_979_365,
    )
    rows = {
        "agnhost": _agnhost("pause"),
        "kitten": _agnhost("test-webserver", 53_090_871),
        "nautilus": _agnhost("test-webserver", 53_151_342),
        "busybox": Recipe(
            cmd=("sh",),
            labels={"image_version": "1.29"},
            size_bytes=732_685,
            unpacked_bytes=1_241_088,
            is_base=True,
        ),
        "httpd": _httpd("alpine", 41_901_429, stop_signal=""),
        "nginx": nginx,
        "nonewprivs": Recipe(
            cmd=("nnp",),
            base="alpine",
            setuid=("/usr/local/bin/nnp",),
            size_bytes=3_263_463,
            is_base=True,
        ),
        "nonroot": Recipe(cmd=("/bin/sh",), user="1234", base="alpine", size_bytes=17_748_301),
        "redis": _redis("alpine", 17_093_518),
        "resource-consumer": Recipe(
            entrypoint=("/consumer",),
            exposed_ports=("8080/tcp",),
            base="debian",
            executables=("/consumer", "/consume-cpu", "/usr/bin/stress"),
            size_bytes=44_810_512,
        ),
    }
    prefix = "registry.k8s.io/e2e-test-images"
    return tuple(KnownImage(f"{prefix}/{name}", _ANY, recipe) for name, recipe in rows.items())


def _critest_rows() -> tuple[KnownImage, ...]:
    """The images that only critest pulls."""
    prefix = "gcr.io/k8s-staging-cri-tools"
    plain = _on_busybox()
    latest: dict[str, Recipe] = {
        "test-image-1": plain,
        "test-image-2": plain,
        "test-image-3": plain,
        "test-image-latest": plain,
        "test-image-user-uid": _on_busybox("1002"),
        "test-image-user-username": _on_busybox("www-data"),
        "test-image-user-uid-group": _on_busybox("1003:1004"),
        "test-image-user-username-group": _on_busybox("www-data:1004"),
        "test-image-predefined-group": Recipe(
            cmd=("sh",),
            user="1000",
            user_lines="default-user:x:1000:1000:Linux User,,,:/home/default-user:/bin/sh\n",
            group_lines="default-user:x:1000:\ngroup-defined-in-image:x:50000:default-user\n",
            size_bytes=2_157_312,
        ),
    }
    hostnet_nginx = _nginx("debian", 56_999_102, listens=(12003,))
    return (
        *(KnownImage(f"{prefix}/{name}", ("latest",), recipe) for name, recipe in latest.items()),
        *(KnownImage(f"{prefix}/test-image-tag", (tag,), plain) for tag in ("test", "all")),
        KnownImage(f"{prefix}/test-image-tags", ("1", "2", "3"), plain),
        KnownImage(
            f"{prefix}/test-image-digest",
            ("latest",),
            plain,
            "sha256:9700f9a2f5bf2c45f2f605a0bd3bce7cf37420ec9d3ed50ac2758413308766bf",
        ),
        *(
            KnownImage(f"{prefix}/hostnet-nginx-{arch}", ("latest",), hostnet_nginx)
            for arch in ("amd64", "arm", "arm64", "ppc64le", "s390x")
        ),
    )


def _on_busybox(user: str = "") -> Recipe:
    return Recipe(cmd=("sh",), user=user, size_bytes=2_156_890)
