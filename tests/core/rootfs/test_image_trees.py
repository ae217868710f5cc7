"""The trees of images: their bases, and what recipes add."""

import pytest

from fakecri import Recipe
from fakecri.core.image_registry import ImageContent, build_content
from fakecri.core.rootfs.image_trees import image_tree
from fakecri.core.views import View
from tests.behaviour.steps import exec_sync
from tests.core.machine import Machine, known_image, made_image
from tests.support import Node


def _view(image: ImageContent) -> View:
    return Machine(image).start_program(lambda _: None).process.files


def test_the_applets_of_busybox_are_links_of_one_file() -> None:
    files = _view(known_image("docker.io/library/busybox"))
    one = files.stat("/bin/busybox")
    assert files.stat("/bin/ls").inode == one.inode
    links = [f"/bin/{name}" for name in files.list("/bin")] + ["/usr/bin/env"]
    assert one.nlink == sum(files.stat(path).inode == one.inode for path in links)


def test_those_of_alpine_are_symbolic_links() -> None:
    files = _view(known_image("docker.io/library/alpine"))
    assert files.readlink("/bin/ls") == "/bin/busybox"
    assert files.stat("/sbin/apk", follow=False).kind == "file"
    assert files.realpath("/var/run/x") == "/run/x"


def test_debian_has_merged_its_directories() -> None:
    files = _view(known_image("docker.io/library/debian"))
    assert files.readlink("/bin") == "usr/bin"
    assert files.stat("/bin/su").mode == 0o4755
    assert b"bookworm" in files.read("/etc/os-release")


def test_every_executable_of_a_userland_is_in_its_tree() -> None:
    for name in ("busybox", "alpine", "debian", "nginx", "redis"):
        image = known_image(f"docker.io/library/{name}")
        files = _view(image)
        for path in image.userland.executables:
            assert files.access(path, "x"), path


def test_files_of_a_recipe_are_in_the_tree_and_its_users_count() -> None:
    users = "root:x:0:0::/root:/bin/sh\nme:x:7:8::/me:/bin/sh\n"
    image = made_image(
        executables=("/run.sh",), files={"/etc/passwd": users, "/run.sh": b"#!/bin/true\n"}
    )
    files = _view(image)
    assert files.read("/etc/passwd").decode() == users
    assert files.read("/run.sh") == b"#!/bin/true\n"
    assert files.stat("/run.sh").mode == 0o755
    found = image.userland.find_user("me")
    assert found is not None
    assert (found.uid, found.gid) == (7, 8)


def test_other_files_make_another_image() -> None:
    one, two = (build_content(Recipe(files={"/x": text}), "seed") for text in ("1", b"2"))
    assert one.id != two.id
    assert one.id == build_content(Recipe(files={"/x": b"1"}), "seed").id


def test_a_tree_is_made_once_for_an_image() -> None:
    image = known_image("docker.io/library/nginx")
    assert image_tree(image.userland, image.recipe) is image_tree(image.userland, image.recipe)


SCRIPTS = {
    "/script": "#!/bin/echo called as\n",
    "/gone": "#!/no/such\n",
    "/text": "echo hello\n",
    "/loop": "#!/loop\n",
}


@pytest.mark.parametrize(
    ("path", "outcome"),
    [
        ("/script", (0, b"called as /script x\n", b"")),
        ("/gone", (255, b"", b"exec /gone: no such file or directory\n")),
        ("/text", (255, b"", b"exec /text: exec format error\n")),
        ("/loop", (255, b"", b"exec /loop: too many levels of symbolic links\n")),
    ],
)
def test_a_script_is_run_by_its_interpreter(
    ready: Node, path: str, outcome: tuple[int, bytes, bytes]
) -> None:
    recipe = Recipe(executables=tuple(SCRIPTS), files=SCRIPTS)
    ready.cri.add_image("example.com/scripts", recipe)
    ready.pull("example.com/scripts")
    running = ready.run(ready.run_sandbox(), "top", image="example.com/scripts")
    answer = exec_sync(ready, running, path, "x")
    assert (answer.exit_code, answer.stdout, answer.stderr) == outcome


def test_a_copy_of_an_executable_is_the_same_program(ready: Node) -> None:
    running = ready.run(ready.run_sandbox(), "top")
    assert exec_sync(ready, running, "cp", "/bin/echo", "/tmp/echo").exit_code == 0
    assert exec_sync(ready, running, "/tmp/echo", "hello").stdout == b"hello\n"
    assert exec_sync(ready, running, "chmod", "600", "/tmp/echo").exit_code == 0
    with pytest.raises(Exception, match='exec: "/tmp/echo": permission denied'):
        exec_sync(ready, running, "/tmp/echo", "hello")
