"""The registry that images are pulled from, in memory: names, digests and contents.

Content is made, not stored: layers are digests and sizes, configs and manifests are true JSON with
true digests. All of it follows from names alone, so it is the same in every process.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

from fakecri.core.behaviours.grammar import BehaviourError
from fakecri.core.behaviours.magic import DOMAIN, magic_recipe
from fakecri.core.image_userlands import userland_of
from fakecri.core.known_images import (
    KnownImage,
    Recipe,
    canonical_repository,
    find_known,
    known_rows,
    unknown_recipe,
)
from fakecri.core.references import Reference, parse_reference
from fakecri.core.registry_hosts import RegistryHost, RegistryHosts
from fakecri.core.registry_options import configure
from fakecri.core.userlands import Userland

CREATED = "2024-05-01T00:00:00Z"
INDEX_BYTES = 304  # what a small index weighs

_CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"
_MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
_INTEGER = re.compile(r"([+-]?)0*([0-9]{1,19})")  # no longer one fits 64 bits
_INT64_MAX = 2**63 - 1
_GO_ESCAPES = str.maketrans(
    {each: f"\\u{ord(each):04x}" for each in "<>&\N{LINE SEPARATOR}\N{PARAGRAPH SEPARATOR}"},
)


class ImageNotFound(LookupError):  # noqa: N818  # it reads as what happened
    """The registry has no such tag or digest; ``str()`` is the normalised reference."""


class RegistryUnreachable(ConnectionError):  # noqa: N818  # likewise
    """Nothing listens there; ``str()`` is what Go's HTTP client says of it."""


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer: the digests of its compressed and its unpacked form, and what both weigh."""

    digest: str
    diff_id: str
    size_bytes: int
    unpacked_bytes: int

    @property
    def inodes(self) -> int:
        """The inodes that it takes on the image filesystem."""
        return 8 + self.unpacked_bytes // 40_000


@dataclass(frozen=True, slots=True, eq=False)
class ImageContent:
    """An image as it was built; it never changes."""

    id: str
    """``sha256:`` and the digest of the config."""
    recipe: Recipe
    userland: Userland
    config_json: bytes
    """The OCI config, as Go writes it."""
    manifest_json: bytes
    manifest_digest: str
    index_digest: str
    """Of the multi-platform index that leads to the manifest; empty where there is none."""
    layers: tuple[Layer, ...]
    chain_ids: tuple[str, ...]
    """Of each layer on those below it: the names of the snapshots. The last is the image's."""
    uid: int | None
    username: str

    @property
    def chain_id(self) -> str:
        """The chain id of the whole image."""
        return self.chain_ids[-1]

    @property
    def size_bytes(self) -> int:
        """Stored bytes of manifest, config and layers."""
        blobs = sum(each.size_bytes for each in self.layers)
        return len(self.manifest_json) + len(self.config_json) + blobs


class Resolution(NamedTuple):
    """What a reference led to: content, and the digest of the object that it names."""

    content: ImageContent
    digest: str

    @property
    def size_bytes(self) -> int:
        """Stored bytes, with those of the index if the pull goes by it (spec 1.1.8)."""
        by_index = self.digest == self.content.index_digest
        return self.content.size_bytes + (INDEX_BYTES if by_index else 0)


class Registry:
    """All registries of the world.

    It knows what has been added, and nothing else if it is `strict`. Otherwise it knows the images
    of `known_images` too, and of any other well-formed reference it makes an image up, always the
    same one. A digest that was never met under its repository's tags is made up likewise.
    The images of `fakecri.test` do what they are called, also for one that is strict.
    `localhost` without a port serves only what has been added: nothing else listens there.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self.hosts = RegistryHosts()
        self._added: dict[str, Resolution] = {}
        self._by_digest: dict[tuple[str, str], Resolution] = {}

    def host(self, name: str) -> RegistryHost:
        """Return the rules of a host, to be changed; `*` is every host that has none itself."""
        return self.hosts.get(name)

    def configure(self, text: str) -> RegistryHost:
        """Give a host the rules of `HOST=OPTION,...`, see `core.registry_options`. UsageError."""
        return configure(self.hosts, text)

    def add(self, reference: str, recipe: Recipe | None = None, *, content: str = "") -> Resolution:
        """Publish an image under a tag, or under a digest that is then its repo digest.

        A tag that exists moves; its former digest stays. Two images are one if config and
        `content` are equal; without `content` it is the reference that makes them differ. The
        recipe is by default what a pull would have got. Raises InvalidReference.
        """
        parsed = parse_reference(reference)
        repository = canonical_repository(parsed.name)
        row = find_known(repository, parsed.tag)
        built = build_content(
            recipe or (row.recipe if row else _assumed_recipe(repository)),
            content or str(parsed),
            index_digest=parsed.digest,
        )
        resolution = Resolution(built, parsed.digest or built.manifest_digest)
        self._added[str(parsed)] = resolution
        self._remember(repository, built)
        return resolution

    def resolve(self, reference: Reference) -> Resolution:
        """What a pull of the reference gets. Raises ImageNotFound or RegistryUnreachable."""
        repository = canonical_repository(reference.name)
        found = self._added.get(str(reference)) or self._by_digest.get(
            (repository, reference.digest),
        )
        if found is None:
            found = self._derived(reference, repository)
            self._remember(repository, found.content)
        return found

    def _remember(self, repository: str, content: ImageContent) -> None:
        for digest in filter(None, (content.index_digest, content.manifest_digest)):
            self._by_digest[repository, digest] = Resolution(content, digest)

    def _derived(self, reference: Reference, repository: str) -> Resolution:
        if reference.domain == "localhost":
            raise RegistryUnreachable(_refused(reference))
        if reference.domain == DOMAIN:
            return _magic(reference)
        if self.strict:
            raise ImageNotFound(str(reference))
        if reference.digest:
            recipe, digest = _recipe_of_digest(repository, reference.digest), reference.digest
        else:
            recipe, digest = _recipe_of_tag(repository, reference.tag)
        return Resolution(_derived_content(recipe, digest), digest)


def _magic(reference: Reference) -> Resolution:
    try:
        recipe = magic_recipe(reference.path)
    except BehaviourError as error:
        raise ImageNotFound(f"{reference}: {error}") from error
    digest = reference.digest or _name_digest(reference.name, reference.tag)
    return Resolution(_derived_content(recipe, digest), digest)


def _recipe_of_tag(repository: str, tag: str) -> tuple[Recipe, str]:
    row = find_known(repository, tag)
    if row is not None:
        return row.recipe, _row_digest(row, tag)
    return _assumed_recipe(repository), _name_digest(repository, tag)


def _recipe_of_digest(repository: str, digest: str) -> Recipe:
    for row in known_rows(repository):
        if digest in (_row_digest(row, tag) for tag in row.exact_tags):
            return row.recipe
    return _assumed_recipe(repository)


def uid_and_username(user: str) -> tuple[int | None, str]:
    """Image.uid and Image.username of a config's `User` (spec 1.1.9): one of them, or neither."""
    name = user.partition(":")[0]
    match = _INTEGER.fullmatch(name)
    uid = int(match[1] + match[2]) if match else None
    if uid is None or not -_INT64_MAX - 1 <= uid <= _INT64_MAX:
        return None, name
    return uid, ""


def build_content(recipe: Recipe, seed: str, *, index_digest: str = "") -> ImageContent:
    """The image of a recipe. Another `seed` is another build: another top layer, another id."""
    seed = _with_files(seed, recipe)
    unsized = _layers(recipe, seed)
    config_json = _config_json(recipe, unsized)
    layers = _sized(unsized, config_json, _total_bytes(recipe, seed))
    manifest_json = _manifest_json(config_json, layers)
    uid, username = uid_and_username(recipe.user)
    return ImageContent(
        id=_digest(config_json),
        recipe=recipe,
        userland=userland_of(recipe),
        config_json=config_json,
        manifest_json=manifest_json,
        manifest_digest=_digest(manifest_json),
        index_digest=index_digest,
        layers=layers,
        chain_ids=_chain_ids(layers),
        uid=uid,
        username=username,
    )


def _with_files(seed: str, recipe: Recipe) -> str:
    """Return the seed of a build: what is in its files makes another one of it."""
    for path, content in sorted(recipe.files.items()):
        raw = content.encode() if isinstance(content, str) else content
        seed = f"{seed} {path} {hashlib.sha256(raw).hexdigest()}"
    return seed


@lru_cache(maxsize=4096)
def _assumed_recipe(repository: str) -> Recipe:
    """For a tag or digest nobody listed; a known repository's last row is its plainest."""
    rows = known_rows(repository)
    return rows[-1].recipe if rows else unknown_recipe(repository)


@lru_cache(maxsize=4096)
def _derived_content(recipe: Recipe, digest: str) -> ImageContent:
    """A digest is content: it alone tells builds apart, so that mirrors serve one image."""
    return build_content(recipe, digest, index_digest=digest)


@lru_cache(maxsize=4096)
def _row_digest(row: KnownImage, tag: str) -> str:
    return row.digest or _name_digest(row.repository, row.content_key(tag))


def _name_digest(repository: str, tag: str) -> str:
    return _digest(f"index {repository}:{tag}")


def _refused(reference: Reference) -> str:
    manifest = reference.digest or reference.tag
    return (
        f'failed to do request: Head "https://{reference.domain}/v2/{reference.path}'
        f'/manifests/{manifest}": dial tcp 127.0.0.1:443: connect: connection refused'
    )


def _digest(content: bytes | str) -> str:
    blob = content.encode() if isinstance(content, str) else content
    return "sha256:" + hashlib.sha256(blob).hexdigest()


def _layers(recipe: Recipe, seed: str) -> list[Layer]:
    """From the bottom up; the top one is still without its compressed size."""
    total = _total_bytes(recipe, seed)
    shared = None if recipe.is_base else _BASE_LAYERS.get(recipe.base)
    below = [shared] if shared and shared.size_bytes < total else []
    unpacked = (recipe.unpacked_bytes or total * 5 // 2) - sum(b.unpacked_bytes for b in below)
    return [*below, _layer(seed, 0, max(unpacked, 4096))]


def _total_bytes(recipe: Recipe, seed: str) -> int:
    drawn = 4 * _MIB + int(_digest(f"size {seed}")[-8:], 16) % (92 * _MIB)
    return recipe.size_bytes or drawn


def _layer(seed: str, size_bytes: int, unpacked_bytes: int) -> Layer:
    return Layer(_digest(f"blob {seed}"), _digest(f"tar {seed}"), size_bytes, unpacked_bytes)


def _sized(layers: list[Layer], config_json: bytes, total: int) -> tuple[Layer, ...]:
    """The layers, the top one so big that the whole image takes `total` bytes."""
    *below, top = layers
    draft = len(_manifest_json(config_json, layers)) - len("0")
    room = total - draft - len(config_json) - sum(each.size_bytes for each in below)
    # The size itself takes room, in the manifest.
    fitting = (room - digits for digits in range(1, 20) if len(str(room - digits)) == digits)
    return (*below, replace(top, size_bytes=max(1, next(fitting, room - len(str(room))))))


def _config_json(recipe: Recipe, layers: list[Layer]) -> bytes:
    history = [{"created": CREATED, "created_by": "COPY / / # buildkit"} for _ in layers]
    return _go_json(
        {
            "created": CREATED,
            "architecture": "amd64",
            "os": "linux",
            "config": _run_config(recipe),
            "rootfs": {"type": "layers", "diff_ids": [each.diff_id for each in layers]},
            "history": history,
        },
    )


def _run_config(recipe: Recipe) -> dict[str, Any]:
    fields = {
        "User": recipe.user,
        "ExposedPorts": {each: {} for each in sorted(recipe.exposed_ports)},
        "Env": recipe.env,
        "Entrypoint": recipe.entrypoint,
        "Cmd": recipe.cmd,
        "Volumes": {each: {} for each in sorted(recipe.volumes)},
        "WorkingDir": recipe.working_dir,
        "Labels": dict(sorted(recipe.labels.items())),
        "StopSignal": recipe.stop_signal,
    }
    return {key: value for key, value in fields.items() if value}


def _manifest_json(config_json: bytes, layers: Iterable[Layer]) -> bytes:
    return _go_json(
        {
            "schemaVersion": 2,
            "mediaType": _MANIFEST_TYPE,
            "config": _descriptor(_CONFIG_TYPE, _digest(config_json), len(config_json)),
            "layers": [_descriptor(_LAYER_TYPE, each.digest, each.size_bytes) for each in layers],
        },
    )


def _descriptor(media_type: str, digest: str, size_bytes: int) -> dict[str, Any]:
    return {"mediaType": media_type, "digest": digest, "size": size_bytes}


def _go_json(value: Mapping[str, Any]) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return text.translate(_GO_ESCAPES).encode()


def _chain_ids(layers: Iterable[Layer]) -> tuple[str, ...]:
    return tuple(
        accumulate(
            (each.diff_id for each in layers),
            lambda below, diff_id: _digest(f"{below} {diff_id}"),
        ),
    )


_MIB = 1 << 20
# Shared by the images of a userland.
_BASE_LAYERS = {
    "busybox": _layer("busybox", 2_155_200, 4_276_224),
    "alpine": _layer("alpine", 3_640_900, 8_298_496),
    "debian": _layer("debian", 28_227_000, 77_918_208),
}
