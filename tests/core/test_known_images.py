"""The images that are known from the inside."""

import pytest

from fakecri.core.image_registry import ImageContent, Registry
from fakecri.core.known_images import (
    Recipe,
    canonical_repository,
    find_known,
    known_rows,
    unknown_recipe,
)
from fakecri.core.references import parse_reference
from fakecri.core.userlands import find_userland

CRI_TOOLS = "gcr.io/k8s-staging-cri-tools"
E2E = "registry.k8s.io/e2e-test-images"
TEST_DIGEST = "sha256:9700f9a2f5bf2c45f2f605a0bd3bce7cf37420ec9d3ed50ac2758413308766bf"


def pulled(text: str) -> ImageContent:
    return Registry().resolve(parse_reference(text)).content


def found(repository: str, tag: str) -> Recipe:
    row = find_known(repository, tag)
    assert row is not None
    return row.recipe


@pytest.mark.parametrize("version", ["3.6", "3.7", "3.8", "3.9", "3.10", "3.10.1", "3.10.2"])
def test_pause_holds_nothing_but_itself_and_runs_as_nobody_much(version: str) -> None:
    pause = pulled(f"registry.k8s.io/pause:{version}")
    assert pause.recipe.argv == ("/pause",)
    assert pause.recipe.user == "65535:65535"
    assert pause.uid == 65535
    assert pause.userland.executables == ["/pause"]
    assert pause.userland.passwd == ""


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("busybox", ("sh",)),
        ("alpine:3.20", ("/bin/sh",)),
        ("debian", ("bash",)),
        ("nginx:1.27", ("/docker-entrypoint.sh", "nginx", "-g", "daemon off;")),
        ("nginx:alpine", ("/docker-entrypoint.sh", "nginx", "-g", "daemon off;")),
        (f"{E2E}/busybox:1.29-2", ("sh",)),
        (f"{E2E}/nginx:1.14-2", ("nginx", "-g", "daemon off;")),
        (f"{E2E}/httpd:2.4.39-4", ("httpd-foreground",)),
        (f"{E2E}/agnhost:2.53", ("/agnhost", "pause")),
        (f"{E2E}/nonewprivs:1.3", ("nnp",)),
        (f"{E2E}/kitten:1.7", ("/agnhost", "test-webserver")),
        (f"{CRI_TOOLS}/test-image-tag:test", ("sh",)),
        (f"{CRI_TOOLS}/hostnet-nginx-amd64", ("/docker-entrypoint.sh", "nginx")),
    ],
)
def test_a_known_image_has_its_command_line_and_the_program_it_names(
    text: str, argv: tuple[str, ...]
) -> None:
    image = pulled(text)
    assert image.recipe.argv[: len(argv)] == argv
    search_path = next(each for each in image.recipe.env if each.startswith("PATH="))[5:]
    assert image.userland.find_program(argv[0], search_path.split(":")) is not None


def test_nginx_stops_on_sigquit_and_serves_port_80() -> None:
    nginx = pulled("nginx").recipe
    assert nginx.stop_signal == "SIGQUIT"
    assert nginx.exposed_ports == ("80/tcp",)
    assert nginx.server_ports == (80,)
    assert any(each.startswith("NGINX_VERSION=") for each in nginx.env)


def test_the_nginx_of_critest_on_the_host_network_serves_another_port_than_it_exposes() -> None:
    nginx = pulled(f"{CRI_TOOLS}/hostnet-nginx-amd64").recipe
    assert nginx.exposed_ports == ("80/tcp",)
    assert nginx.server_ports == (12003,)


def test_an_alpine_variant_stands_on_alpine() -> None:
    assert found("docker.io/library/nginx", "1.27-alpine3.20").base == "alpine"
    assert found("docker.io/library/nginx", "1.27-bookworm").base == "debian"


def test_exposed_udp_ports_are_not_served() -> None:
    recipe = Recipe(exposed_ports=("53/udp", "53/tcp", "9153"))
    assert recipe.server_ports == (53, 9153)


@pytest.mark.parametrize(
    ("name", "uid", "username"),
    [
        ("test-image-user-uid", 1002, ""),
        ("test-image-user-username", None, "www-data"),
        ("test-image-user-uid-group", 1003, ""),
        ("test-image-user-username-group", None, "www-data"),
        ("test-image-predefined-group", 1000, ""),
    ],
)
def test_the_user_images_of_critest_have_their_users(
    name: str, uid: int | None, username: str
) -> None:
    image = pulled(f"{CRI_TOOLS}/{name}")
    assert (image.uid, image.username) == (uid, username)


def test_the_predefined_group_lists_the_default_user() -> None:
    userland = pulled(f"{CRI_TOOLS}/test-image-predefined-group").userland
    user = userland.find_uid(1000)
    assert user is not None
    assert (user.name, user.gid, user.home) == ("default-user", 1000, "/home/default-user")
    assert userland.group_ids_of("default-user") == (50000,)


def test_nonewprivs_has_a_setuid_program() -> None:
    userland = pulled(f"{E2E}/nonewprivs:1.3").userland
    assert userland.setuid == {"/usr/local/bin/nnp"}
    assert userland.has("/usr/local/bin/nnp")


def test_three_images_of_critest_differ() -> None:
    ids = {pulled(f"{CRI_TOOLS}/test-image-{number}:latest").id for number in (1, 2, 3)}
    assert len(ids) == 3


def test_three_tags_of_critest_are_one_image() -> None:
    resolutions = {
        Registry().resolve(parse_reference(f"{CRI_TOOLS}/test-image-tags:{tag}"))
        for tag in ("1", "2", "3")
    }
    assert len(resolutions) == 1


def test_two_tags_of_the_tag_image_differ() -> None:
    test, everything = (pulled(f"{CRI_TOOLS}/test-image-tag:{tag}") for tag in ("test", "all"))
    assert test.id != everything.id


def test_the_digest_image_of_critest_is_pulled_by_the_digest_it_has() -> None:
    name = f"{CRI_TOOLS}/test-image-digest"
    by_digest = Registry().resolve(parse_reference(f"{name}@{TEST_DIGEST}"))
    by_tag = Registry().resolve(parse_reference(name))
    assert by_digest == by_tag
    assert by_digest.digest == TEST_DIGEST


def test_pause_of_both_registries_is_one_image_and_not_the_sandbox_image() -> None:
    one, other = (pulled(f"{host}/pause:3.9").id for host in ("registry.k8s.io", "k8s.gcr.io"))
    assert one == other
    assert one != pulled("registry.k8s.io/pause:3.10.2").id


def test_mirrors_have_one_origin() -> None:
    assert canonical_repository("k8s.gcr.io/coredns/coredns") == "registry.k8s.io/coredns/coredns"
    assert canonical_repository("public.ecr.aws/docker/library/busybox") == (
        "docker.io/library/busybox"
    )
    assert canonical_repository("quay.io/a/b") == "quay.io/a/b"


def test_an_unknown_repository_has_no_rows() -> None:
    assert known_rows("docker.io/someone/app") == ()
    assert find_known("docker.io/someone/app", "latest") is None
    assert find_known(f"{CRI_TOOLS}/test-image-tags", "4") is None


def test_an_unknown_image_runs_a_program_of_its_name() -> None:
    assert unknown_recipe("quay.io/team/app").argv == ("/app",)


def test_the_shell_image_has_the_applets_that_critest_runs() -> None:
    userland = pulled(f"{E2E}/busybox:1.29-2").userland
    applets = (
        "sh [ brctl cat chmod dd echo grep hostname id ipcs ls mkdir mount netstat pgrep pidof"
        " ping seq sleep sync top touch true"
    )
    assert [each for each in applets.split() if not userland.has(f"/bin/{each}")] == []
    assert userland.find_user("nobody") is not None
    assert userland.find_uid(1001) is None


@pytest.mark.parametrize(
    ("base", "shell", "root_groups"),
    [
        ("busybox", "/bin/sh", (10,)),
        ("alpine", "/bin/sh", (0, 1, 2, 3, 4, 6, 10, 11, 20, 26, 27)),
        ("debian", "/bin/bash", ()),
    ],
)
def test_a_base_has_root_with_its_shell_and_groups(
    base: str, shell: str, root_groups: tuple[int, ...]
) -> None:
    userland = find_userland(base)
    root = userland.find_user("root")
    assert root is not None
    assert (root.uid, root.gid, root.shell) == (0, 0, shell)
    assert userland.has(shell)
    assert userland.group_ids_of("root") == root_groups
    assert len(userland.users) == len(userland.passwd.splitlines())
    assert len(userland.groups) == len(userland.group.splitlines())


def test_a_slim_debian_has_no_ps_but_both_spellings_of_cat() -> None:
    userland = find_userland("debian")
    assert not userland.has("/usr/bin/ps")
    assert userland.has("/bin/cat")
    assert userland.has("/usr/bin/cat")


def test_a_program_is_searched_in_the_order_of_the_path() -> None:
    alpine = find_userland("alpine")
    assert alpine.find_program("top", ["/nowhere", "/usr/bin", "/bin"]) == "/usr/bin/top"
    assert alpine.find_program("/bin/sh", []) == "/bin/sh"
    assert alpine.find_program("/bin/nothing", ["/bin"]) is None
    assert alpine.find_program("nothing", ["/bin"]) is None


def test_groups_are_found_by_name() -> None:
    group = find_userland("alpine").find_group("daemon")
    assert group is not None
    assert (group.gid, group.members) == (2, ("root", "bin", "daemon"))
