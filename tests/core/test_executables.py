"""Where an executable is found, and what runc says where there is none."""

import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.executables import MissingExecutableError, locate
from fakecri.core.image_registry import ImageContent
from fakecri.core.rootfs.lookups import image_lookup
from tests.core.machine import BUSYBOX, known_image

DEBIAN = known_image("docker.io/library/debian")
PAUSE = known_image("registry.k8s.io/pause")
LOOKUP = image_lookup(BUSYBOX.userland, BUSYBOX.recipe)


def _refusal(image: ImageContent, name: str, *, path: str | None = None, cwd: str = "/") -> str:
    environment = {} if path is None else {"PATH": path}
    with pytest.raises(MissingExecutableError) as raised:
        locate(image_lookup(image.userland, image.recipe), name, environment, cwd)
    assert str(raised.value) == raised.value.text
    return raised.value.text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("nosuch", 'exec: "nosuch": executable file not found in $PATH'),
        ("", 'exec: "": executable file not found in $PATH'),
        (".", 'exec: ".": executable file not found in $PATH'),
        ('a "b" \\\n', r'exec: "a \"b\" \\\n": executable file not found in $PATH'),
        (
            "\x01é\u2028\U0001f600\U000e0001",
            'exec: "\\x01é\\u2028\U0001f600\\U000e0001": executable file not found in $PATH',
        ),
        ("/bin/nosuch", 'exec: "/bin/nosuch": stat /bin/nosuch: no such file or directory'),
        ("./nosuch", 'exec: "./nosuch": stat ./nosuch: no such file or directory'),
        ("bin/nosuch", 'exec: "bin/nosuch": stat bin/nosuch: no such file or directory'),
        ("/bin/sleep/x", 'exec: "/bin/sleep/x": stat /bin/sleep/x: not a directory'),
        ("/bin/sleep/", 'exec: "/bin/sleep/": stat /bin/sleep/: not a directory'),
        ("/bin", 'exec: "/bin": is a directory'),
        ("/", 'exec: "/": is a directory'),
        ("/proc", 'exec: "/proc": is a directory'),
        ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
        ("/" + "n" * 256, f'exec: "/{"n" * 256}": stat /{"n" * 256}: file name too long'),
    ],
)
def test_a_missing_executable_is_named_as_runc_names_it(name: str, text: str) -> None:
    assert _refusal(BUSYBOX, name) == text


def test_a_bare_name_is_looked_up_in_the_path_of_the_environment() -> None:
    not_found = 'exec: "true": executable file not found in $PATH'
    assert _refusal(BUSYBOX, "true", path="/usr/local/bin:/nowhere") == not_found
    assert _refusal(BUSYBOX, "true", path="") == not_found
    assert locate(LOOKUP, "true", {"PATH": "/nowhere:/bin"}) == "/bin/true"
    assert locate(LOOKUP, "true", {}) == "/bin/true"


def test_the_first_directory_of_the_path_counts() -> None:
    assert (
        locate(image_lookup(DEBIAN.userland, DEBIAN.recipe), "sh", {"PATH": "/bin:/usr/bin"})
        == "/bin/sh"
    )
    assert locate(image_lookup(DEBIAN.userland, DEBIAN.recipe), "sh", {}) == "/usr/bin/sh"


@pytest.mark.parametrize("path", [":/usr/bin", "bin", "./bin/../bin:/bin"])
def test_what_the_path_finds_in_the_working_directory_is_not_run(path: str) -> None:
    cwd = "/bin" if path.startswith(":") else "/"
    text = 'exec: "true": cannot run executable found relative to current directory'
    assert _refusal(BUSYBOX, "true", path=path, cwd=cwd) == text


@pytest.mark.parametrize(
    ("name", "cwd"),
    [("./true", "/bin"), ("bin/true", "/"), ("../bin/true", "/etc"), ("/bin/./true", "/nowhere")],
)
def test_a_name_with_a_slash_is_a_path_from_the_working_directory_on(name: str, cwd: str) -> None:
    assert locate(LOOKUP, name, {}, cwd) == "/bin/true"


def test_an_image_without_a_userland_has_nothing_but_its_own_program() -> None:
    assert _refusal(PAUSE, "sleep") == 'exec: "sleep": executable file not found in $PATH'
    assert _refusal(PAUSE, "/bin/sh") == (
        'exec: "/bin/sh": stat /bin/sh: no such file or directory'
    )


@given(st.text(max_size=20))
def test_every_name_is_either_found_or_refused_in_words(name: str) -> None:
    try:
        assert BUSYBOX.userland.has(locate(LOOKUP, name, {}))
    except MissingExecutableError as missing:
        assert missing.text.startswith('exec: "')  # noqa: PT017  # both ends are legal


@pytest.mark.parametrize(
    ("name", "code", "text"),
    [
        ("nosuch", errno.ENOENT, "No such file or directory"),
        ("/bin/sleep/x", errno.ENOTDIR, "Not a directory"),
        ("/bin", errno.EACCES, "Permission denied"),
        ("/etc/group", errno.EACCES, "Permission denied"),
    ],
)
def test_a_missing_executable_also_has_the_words_of_execve(name: str, code: int, text: str) -> None:
    with pytest.raises(MissingExecutableError) as raised:
        locate(LOOKUP, name, {})
    assert (raised.value.code, raised.value.strerror) == (code, text)
