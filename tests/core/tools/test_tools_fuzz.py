"""No command line makes a tool crash: it ends with a status, or goes on."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri.core.processes import Process
from fakecri.core.tools import TOOLS
from tests.core.machine import made_image
from tests.core.tools.fuzzing import assert_no_crash

IMAGE = made_image(executables=tuple(f"/bin/{name}" for name in TOOLS))
WORDS = (
    *(
        "a",
        "d",
        "d/b",
        "link",
        "nosuch",
        "x/y",
        "/",
        ".",
        "..",
        "",
        "-",
        "--",
        "/proc",
        "/dev/null",
    ),
    *("0", "1", "-1", "3", "1k", "99999999999999999999", "0.1", "+1", "u+x", "=", "644", "root"),
    *("{}", "+", ";", "(", ")", "!", "-o", "-a", "*", "[a", "\\(", "\\", "a*", "^$", "%s%n%Q%5"),
    *("if=a", "of=x", "bs=1", "count=2", "skip=1", "conv=sync", "true", "echo", "ab:c"),
    *("é", "\udcff"),
    *("--help", "--nosuch", "-name", "-exec", "-size", "-perm", "-type", "f", "-maxdepth", "TERM"),
)
OPTIONS = st.text("abcdefghijklmnopqrstuvwxyzACDFHILPRSTX0123456789", min_size=1, max_size=3).map(
    lambda letters: f"-{letters}"
)
ARGUMENTS = st.lists(
    st.sampled_from(WORDS)
    | OPTIONS
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4),
    max_size=5,
)


def _fill(process: Process) -> int:
    process.files.mkdir("/tmp/w")
    process.files.mkdir("/tmp/w/d")
    process.files.write("/tmp/w/a", b"alpha beta\n\0\xff'\n")
    process.files.write("/tmp/w/d/b", b"")
    process.files.symlink("a", "/tmp/w/link")
    return 0


@pytest.mark.parametrize("name", sorted(TOOLS))
@settings(max_examples=30)
@given(arguments=ARGUMENTS, stdin=st.binary(max_size=40))
def test_no_command_line_makes_a_tool_crash(name: str, arguments: list[str], stdin: bytes) -> None:
    assert_no_crash(IMAGE, _fill, [name, *arguments], stdin)
