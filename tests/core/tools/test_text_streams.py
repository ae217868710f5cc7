"""Text tools on input that arrives bit by bit, and on whatever they are given."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakecri.core.pipes import Stdin
from fakecri.core.processes import Process
from fakecri.core.signals import SIGKILL
from fakecri.core.tools.text import TEXT_TOOLS
from tests.core.machine import Machine, made_image
from tests.core.tools.fuzzing import assert_no_crash
from tests.core.tools.text_bench import Bench, real, without_usage
from tests.requirements import busybox

FLOWING = [
    (["grep", "o"], b"one\n"),
    (["grep", "-n", "-v", "x"], b"1:one\n"),
    (["sed", "s/o/0/"], b"0ne\n"),
    (["cut", "-c1-2"], b"on\n"),
    (["tr", "a-z", "A-Z"], b"ONE\n"),
    (["rev"], b"eno\n"),
    (["nl"], b"     1\tone\n"),
    (["fold", "-w", "2"], b"on\ne\n"),
    (["expand"], b"one\n"),
    (["paste", "-", "-"], b"one\t"),
    (["head", "-n", "5"], b"one\n"),
    (["tail", "-n", "+1"], b"one\n"),
    (["uniq", "-c"], b""),
    (["sort"], b""),
    (["tac"], b""),
    (["tail", "-n", "1"], b""),
    (["wc"], b""),
]


@pytest.mark.parametrize(("argv", "at_once"), FLOWING, ids=str)
def test_a_line_is_shown_when_it_arrives_or_at_the_end(argv: list[str], at_once: bytes) -> None:
    bench = Bench()
    stdin = Stdin(bench.scheduler, closed=False)
    process = bench.start(argv, stdin)
    stdin.feed(b"one\n")
    bench.scheduler.run()
    assert bench.written["stdout"] == at_once
    stdin.close()
    bench.scheduler.run()
    assert process.exited.result() == 0
    assert bench.written["stdout"]


@pytest.mark.parametrize("argv", [["head", "-n", "1"], ["sed", "q"], ["grep", "-m1", "o"]])
def test_who_has_enough_does_not_wait_for_the_end(argv: list[str]) -> None:
    bench = Bench()
    stdin = Stdin(bench.scheduler, closed=False)
    process = bench.start(argv, stdin)
    stdin.feed(b"one\ntwo\n")
    bench.scheduler.run()
    assert process.exited.result() == 0
    assert bench.written["stdout"] == b"one\n"


def test_sed_reads_one_line_ahead_at_most() -> None:
    bench = Bench()
    stdin = Stdin(bench.scheduler, closed=False)
    bench.start(["sed", "$d"], stdin)
    for line in (b"1\n", b"2\n", b"3\n"):
        stdin.feed(line)
        bench.scheduler.run()
    assert bench.written["stdout"] == b"1\n2\n"


def test_tail_follows_a_file_that_grows() -> None:
    bench = Bench({"log": b"1\n2\n"})
    process = bench.start(["tail", "-n", "1", "-f", "log"])
    bench.tree["log"] += b"3\n"
    bench.advance(0.5)
    assert bench.written["stdout"] == b"2\n"
    bench.advance(1)
    assert bench.written["stdout"] == b"2\n3\n"
    assert not process.exited.done


def test_tail_follows_a_name_to_the_next_file() -> None:
    bench = Bench({"log": b"1\n"})
    bench.start(["tail", "-F", "log"])
    bench.view.rename("log", "log.1")
    bench.view.write("log", b"new\n")
    bench.advance(3)
    assert bench.written["stdout"] == b"1\nnew\n"


@pytest.mark.parametrize("script", [":a;ba", "G;D", ":a;s/1/11/g;ta", ":a;s/^/x/;ta"])
def test_a_script_of_sed_that_goes_on_for_good_burns_cpu_until_it_is_killed(script: str) -> None:
    run = Machine().start(["sed", script], stdin=b"1\n", is_init=False)
    assert run.goes_on()
    run.process.kill(SIGKILL)
    assert run.finish() == (128 + SIGKILL, "", "")


def test_sed_leaves_a_file_its_permissions_and_makes_the_backup_asked_for() -> None:
    script = (
        """cd /tmp; echo a >f; chmod 600 f; sed -i.bak s/a/b/ f; stat -c '%a %n' f*; cat f f.bak"""
    )
    assert Machine().start(["sh", "-c", script]).finish().stdout == "600 f\n600 f.bak\nb\na\n"


PATTERNS = st.text("ab.*[]^$\\(|)1", min_size=1, max_size=5).filter(
    lambda text: "[" not in text and "\\" not in text and "*" not in text[1:]
)
LINES = st.text("abc 1\t\n", max_size=24).map(str.encode)
COUNTS = st.integers(0, 4).map(str)
COMMANDS = st.one_of(
    st.tuples(st.just("grep"), st.sampled_from(["-c", "-n", "-v", "-o", "-x", "-w"]), PATTERNS),
    st.tuples(st.just("head"), st.sampled_from(["-n", "-c"]), COUNTS),
    st.tuples(st.just("tail"), st.sampled_from(["-n", "-c"]), COUNTS.map("+{}".format) | COUNTS),
    st.tuples(
        st.just("cut"), st.sampled_from(["-c", "-f", "-b"]), st.sampled_from(["1", "2-", "-2"])
    ),
    st.tuples(
        st.just("tr"), st.sampled_from(["-d", "-s", "-cd"]), st.sampled_from(["a-b", "\\n", "b "])
    ),
    st.tuples(
        st.just("tr"), st.sampled_from(["abc", "a-c", " "]), st.sampled_from(["x", "xy", "X-Z"])
    ),
    st.tuples(st.just("sort"), st.sampled_from(["-n", "-r", "-u", "-k2", "-rn", "-b", "-f", "-s"])),
    st.tuples(st.just("uniq"), st.sampled_from(["-c", "-d", "-u", "-i", "-f1", "-s1", "-w2"])),
    st.tuples(st.just("fold"), st.just("-sw"), st.sampled_from(["1", "3", "8"])),
    st.tuples(st.just("wc"), st.sampled_from(["-l", "-w", "-c", "-L", "-lw"])),
    st.tuples(
        st.just("sed"), st.sampled_from(["s/a/b/g", "2d", "$!N;P;D", "/b/,/c/p", "y/ab/ba/"])
    ),
    st.tuples(st.sampled_from(["rev", "tac", "nl", "expand", "unexpand", "strings"])),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    busybox()
    return tmp_path_factory.mktemp("text")


@settings(max_examples=300)
@given(argv=COMMANDS, stdin=LINES)
def test_options_and_input_made_up_do_what_busybox_does(
    folder: Path, argv: tuple[str, ...], stdin: bytes
) -> None:
    expected = without_usage(real(folder, argv, stdin))
    assert without_usage(Bench().run(argv, stdin)) == expected


IMAGE = made_image(executables=tuple(f"/bin/{name}" for name in TEXT_TOOLS))
WORDS = st.sampled_from(
    [
        *("a", "d", "nosuch", "-", "--", "", "1", "-1", "+2", "99999999999999999999", "1,2-"),
        *("s/a/b/", "s/\\(/x/", "y/a/b", "{", "}", "$!N", "w out", "r a", ":x;bx", "[[:x:]]", "[a"),
        *(
            "a*",
            "\\",
            "\\1",
            "(",
            "*",
            "%d%s%5",
            "%",
            "\\x",
            "a-",
            "z-a",
            "[:alpha:]",
            "/dev/stdin",
        ),
        *("é", "\udcff", "--help", "--nosuch", "-i", "-n", "-f", "-e", "-k1,2n", "-t", "-o", "out"),
    ]
)
OPTIONS = st.text("abcdefghiklmnopqrstuvwxyzAFHLTUVz0123456789", min_size=1, max_size=3)
ARGUMENTS = st.lists(
    WORDS
    | OPTIONS.map("-{}".format)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
    max_size=5,
)


def _fill(process: Process) -> int:
    process.files.mkdir("/tmp/w")
    process.files.mkdir("/tmp/w/d")
    process.files.write("/tmp/w/a", b"alpha beta\n\0\xff'\n\nb\t1 2\n")
    return 0


@pytest.mark.parametrize("name", sorted(TEXT_TOOLS))
@settings(max_examples=30)
@given(arguments=ARGUMENTS, stdin=st.binary(max_size=40))
def test_no_command_line_makes_a_tool_crash(name: str, arguments: list[str], stdin: bytes) -> None:
    assert_no_crash(IMAGE, _fill, [name, *arguments], stdin)
