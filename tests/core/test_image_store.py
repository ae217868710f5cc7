"""The images on the node and their names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.image_registry import Registry
from fakecri.core.image_store import AmbiguousDigest, ImageStore, StoredImage
from fakecri.core.known_images import Recipe
from fakecri.core.references import parse_reference

BUSYBOX = "docker.io/library/busybox"


class Node:
    """A store and the registry that it pulls from."""

    def __init__(self, pinned_images: tuple[str, ...] = ()) -> None:
        self.registry = Registry()
        self.store = ImageStore(pinned_images)

    def pull(self, text: str) -> StoredImage:
        reference = parse_reference(text)
        return self.store.pull(reference, self.registry.resolve(reference))

    def digest(self, text: str) -> str:
        return self.registry.resolve(parse_reference(text)).digest

    def has(self, text: str) -> bool:
        return self.store.resolve(text) is not None


@pytest.fixture
def node() -> Node:
    return Node()


def test_a_pull_by_tag_registers_tag_and_digest(node: Node) -> None:
    image = node.pull("busybox:1.36")
    assert image.repo_tags == (f"{BUSYBOX}:1.36",)
    assert image.repo_digests == (f"{BUSYBOX}@{node.digest('busybox:1.36')}",)
    assert image.names == image.repo_tags + image.repo_digests


def test_a_pull_without_tag_registers_latest(node: Node) -> None:
    assert node.pull("busybox").repo_tags == (f"{BUSYBOX}:latest",)


@pytest.mark.parametrize("tag", ["", ":1.36"])
def test_a_pull_by_digest_registers_no_tag(node: Node, tag: str) -> None:
    digest = node.digest("busybox:1.36")
    image = node.pull(f"busybox{tag}@{digest}")
    assert image.repo_tags == ()
    assert image.repo_digests == (f"{BUSYBOX}@{digest}",)


def test_pulls_of_one_image_merge_their_names_in_order(node: Node) -> None:
    for text in ("k8s.gcr.io/pause:3.9", "registry.k8s.io/pause:3.9"):
        image = node.pull(text)
    assert image.repo_tags == ("k8s.gcr.io/pause:3.9", "registry.k8s.io/pause:3.9")
    assert [each.partition("@")[0] for each in image.repo_digests] == [
        "k8s.gcr.io/pause",
        "registry.k8s.io/pause",
    ]
    assert node.store.list() == [image]


def test_tags_are_sorted_whatever_the_order_of_pulls(node: Node) -> None:
    name = "gcr.io/k8s-staging-cri-tools/test-image-tags"
    for tag in ("3", "1", "2"):
        image = node.pull(f"{name}:{tag}")
    assert image.repo_tags == (f"{name}:1", f"{name}:2", f"{name}:3")
    assert len(image.repo_digests) == 1


def test_a_second_pull_changes_nothing(node: Node) -> None:
    first = node.pull("busybox")
    second = node.pull("busybox")
    assert (second.id, second.names, second.serial) == (first.id, first.names, first.serial)
    assert len(node.store) == 1


def test_a_tag_moves_and_the_old_image_stays_without_it(node: Node) -> None:
    node.registry.add("app", content="monday")
    before = node.pull("app")
    node.registry.add("app", content="tuesday")
    after = node.pull("app")
    left = node.store.find(before.id)
    assert left is not None
    assert left.repo_tags == ()
    assert left.repo_digests == before.repo_digests
    assert after.repo_tags == ("docker.io/library/app:latest",)
    assert node.store.resolve("app") is after
    assert node.store.list() == [left, after]


def test_a_stored_image_never_changes(node: Node) -> None:
    before = node.pull("k8s.gcr.io/pause:3.9")
    node.pull("registry.k8s.io/pause:3.9")
    assert before.repo_tags == ("k8s.gcr.io/pause:3.9",)
    assert node.store.find(before.id) is not before


def test_the_size_is_that_of_the_first_pull(node: Node) -> None:
    by_index = node.pull("quay.io/team/app:v1")
    node.store.remove(by_index)
    by_manifest = node.pull(f"quay.io/team/app@{by_index.content.manifest_digest}")
    assert by_manifest.size_bytes < by_index.size_bytes
    assert node.pull("quay.io/team/app:v1").size_bytes == by_manifest.size_bytes


@pytest.mark.parametrize(
    "form",
    [
        "busybox",
        "busybox:latest",
        "library/busybox",
        "docker.io/busybox",
        "docker.io/library/busybox:latest",
        "index.docker.io/library/busybox",
        "busybox@{digest}",
        "busybox:latest@{digest}",
        "busybox:other@{digest}",
        "index.docker.io/busybox@{digest}",
        "{id}",
        "{hex}",
        "{id:.15}",
        "{hex:.4}",
        "{hex:.1}",
        "sha256:{hex:.1}",
    ],
)
def test_an_image_is_found_by_all_its_spellings(node: Node, form: str) -> None:
    image = node.pull("busybox")
    text = form.format(digest=node.digest("busybox"), id=image.id, hex=image.id[7:])
    assert node.store.resolve(text) is image


@pytest.mark.parametrize(
    "form",
    [
        "{digest}",  # a manifest digest needs its repository in front
        "busybox:other",
        "BusyBox",
        "a b",
        "sha256:",
        "sha512:{hex}",
        "sha512:{hex:.4}",
        "{hex}0",
        "sha256:{hex}0",
        "sha256:sha256:{hex}",
        "other@{digest}",
    ],
)
def test_what_is_no_spelling_of_an_image_is_not_found(node: Node, form: str) -> None:
    image = node.pull("busybox")
    text = form.format(digest=node.digest("busybox"), hex=image.id[7:])
    assert node.store.resolve(text) is None


def test_upper_case_digits_find_nothing(node: Node) -> None:
    image = node.pull("busybox")
    assert node.store.resolve("sha256:" + image.id[7:].upper()) is None


def test_a_name_wins_over_the_beginning_of_an_id(node: Node) -> None:
    image = node.pull("busybox")
    prefix = image.id[7:11]
    assert node.store.resolve(prefix) is image
    named = node.pull(prefix)
    assert node.store.resolve(prefix) is named


def test_an_empty_name_stands_for_the_only_image(node: Node) -> None:
    assert node.store.resolve("") is None
    image = node.pull("busybox")
    assert node.store.resolve("") is image
    node.pull("alpine")
    with pytest.raises(AmbiguousDigest):
        node.store.resolve("")


def test_a_beginning_that_two_ids_share_is_ambiguous(node: Node) -> None:
    first_digits = [node.pull(f"app:{number}").id[7] for number in range(17)]
    shared = next(each for each in first_digits if first_digits.count(each) > 1)
    for text in (shared, f"sha256:{shared}"):
        with pytest.raises(AmbiguousDigest, match=r"^ambiguous digest string$") as refusal:
            node.store.resolve(text)
        assert refusal.value.text == text


def test_removal_takes_every_name(node: Node) -> None:
    node.pull("k8s.gcr.io/pause:3.9")
    image = node.pull("registry.k8s.io/pause:3.9")
    node.store.remove(image)
    assert [each for each in (*image.names, image.id, image.id[7:12]) if node.has(each)] == []
    assert node.store.list() == []


def test_removal_of_a_removed_image_does_nothing(node: Node) -> None:
    image = node.pull("busybox")
    for _ in range(5):
        node.store.remove(image)
    assert len(node.store) == 0
    assert node.store.used_bytes == 0


def test_removal_by_an_older_view_of_an_image_takes_its_new_names_too(node: Node) -> None:
    older = node.pull("k8s.gcr.io/pause:3.9")
    node.pull("registry.k8s.io/pause:3.9")
    node.store.remove(older)
    assert not node.has("registry.k8s.io/pause:3.9")


def test_a_removed_image_can_be_pulled_again_and_comes_last(node: Node) -> None:
    image = node.pull("busybox")
    node.pull("alpine")
    node.store.remove(image)
    node.pull("busybox")
    assert [each.repo_tags[0].rpartition("/")[2] for each in node.store.list()] == [
        "alpine:latest",
        "busybox:latest",
    ]


def test_images_are_listed_in_the_order_of_their_first_pull(node: Node) -> None:
    images = [node.pull(text) for text in ("nginx", "alpine", "busybox", "debian")]
    node.pull("nginx")
    assert [each.id for each in node.store.list()] == [each.id for each in images]
    assert [each.serial for each in node.store.list()] == [1, 2, 3, 4]


def test_untagging_leaves_the_image(node: Node) -> None:
    image = node.pull("busybox")
    left = node.store.untag(f"{BUSYBOX}:latest")
    assert left is not None
    assert left.names == image.repo_digests
    assert not node.has("busybox")
    assert node.store.resolve(image.id) is left
    assert node.store.untag(f"{BUSYBOX}:latest") is None


def test_the_sandbox_image_is_pinned_by_default() -> None:
    store, registry = ImageStore(), Registry()
    for version, pinned in (("3.9", False), ("3.10.2", True)):
        reference = parse_reference(f"registry.k8s.io/pause:{version}")
        assert store.pull(reference, registry.resolve(reference)).pinned is pinned


def test_an_image_is_pinned_from_the_pull_of_a_pinned_name() -> None:
    node = Node(pinned_images=("registry.k8s.io/pause:3.9",))
    assert not node.pull("k8s.gcr.io/pause:3.9").pinned
    assert node.pull("registry.k8s.io/pause:3.9").pinned
    assert node.pull("k8s.gcr.io/pause:3.9").pinned


def test_a_pinned_image_stays_pinned_when_its_tag_moves() -> None:
    node = Node(pinned_images=("quay.io/team/app:v1",))
    node.registry.add("quay.io/team/app:v1", content="monday")
    before = node.pull("quay.io/team/app:v1")
    node.registry.add("quay.io/team/app:v1", content="tuesday")
    assert node.pull("quay.io/team/app:v1").pinned
    left = node.store.find(before.id)
    assert left is not None
    assert left.pinned


def test_a_pinned_image_can_be_removed_and_is_no_longer_pinned_by_other_names() -> None:
    node = Node(pinned_images=("registry.k8s.io/pause:3.9",))
    node.store.remove(node.pull("registry.k8s.io/pause:3.9"))
    assert not node.pull("k8s.gcr.io/pause:3.9").pinned


def test_a_pinned_name_is_compared_as_it_is_written() -> None:
    node = Node(pinned_images=("busybox",))
    assert not node.pull("busybox").pinned


def test_a_shared_layer_takes_room_once(node: Node) -> None:
    nginx = node.pull("nginx")
    httpd = node.pull("httpd")
    layers = {*nginx.content.layers, *httpd.content.layers}
    assert len(layers) == 3
    assert node.store.used_bytes == sum(each.unpacked_bytes for each in layers)
    assert node.store.inodes_used == sum(each.inodes for each in layers)
    node.store.remove(nginx)
    assert node.store.used_bytes == sum(each.unpacked_bytes for each in httpd.content.layers)
    node.store.remove(httpd)
    assert (node.store.used_bytes, node.store.inodes_used) == (0, 0)


def test_the_unpacked_size_can_be_chosen(node: Node) -> None:
    node.registry.add("app", Recipe(size_bytes=5_000, unpacked_bytes=123_456))
    node.pull("app")
    assert node.store.used_bytes == 123_456


def test_every_change_shows_in_the_generation(node: Node) -> None:
    seen = [node.store.generation]
    image = node.pull("busybox")
    seen.append(node.store.generation)
    node.store.untag(f"{BUSYBOX}:latest")
    seen.append(node.store.generation)
    node.store.remove(image)
    seen.append(node.store.generation)
    assert seen == sorted(set(seen))
    node.store.remove(image)
    node.has("busybox")
    assert node.store.generation == seen[-1]


actions = st.lists(
    st.tuples(
        st.sampled_from(["pull", "pull by digest", "publish", "remove", "untag"]),
        st.sampled_from(["app:1", "app:2", "k8s.gcr.io/x:1", "registry.k8s.io/x:1", "nginx"]),
        st.sampled_from(["one", "two"]),
    ),
    max_size=30,
)


@given(actions)
def test_names_order_and_room_hold_together_whatever_happens(
    steps: list[tuple[str, str, str]],
) -> None:
    node = Node()
    for action, text, content in steps:
        act(node, action, text, content)
        check(node.store)


def act(node: Node, action: str, text: str, content: str) -> None:
    image = node.store.resolve(text)
    if action == "pull":
        node.pull(text)
    elif action == "pull by digest":
        node.pull(f"{text}@{node.digest(text)}")
    elif action == "publish":
        node.registry.add(text, Recipe(cmd=("sh",)), content=content)
    elif action == "untag":
        node.store.untag(str(parse_reference(text)))
    elif image is not None:
        node.store.remove(image)


def check(store: ImageStore) -> None:
    images = store.list()
    names = [name for each in images for name in each.names]
    assert len(set(names)) == len(names)
    for image in images:
        assert list(image.repo_tags) == sorted(image.repo_tags)
        assert list(image.repo_digests) == sorted(image.repo_digests)
        assert all(store.resolve(name) is image for name in (*image.names, image.id, image.id[7:]))
    assert [each.serial for each in images] == sorted({each.serial for each in images})
    snapshots = {
        chain_id: layer
        for each in images
        for chain_id, layer in zip(each.content.chain_ids, each.content.layers, strict=True)
    }
    assert store.used_bytes == sum(each.unpacked_bytes for each in snapshots.values())
    assert store.inodes_used == sum(each.inodes for each in snapshots.values())


@given(st.text("0123456789abcdef", max_size=3), st.integers(0, 40))
def test_a_beginning_of_an_id_finds_what_a_search_of_all_ids_finds(prefix: str, count: int) -> None:
    node = Node()
    ids = [node.pull(f"app:{number}").id for number in range(count)]
    matches = [each for each in ids if each[7:].startswith(prefix)]
    if len(matches) > 1:
        with pytest.raises(AmbiguousDigest):
            node.store.resolve(prefix)
    else:
        image = node.store.resolve(prefix)
        found = [image.id] if image else []
        assert found == matches
