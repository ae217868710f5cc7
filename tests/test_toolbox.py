"""Tools that a library runs: what they read and write, and what they are not given."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakecri.core.executables import DEFAULT_PATH, MissingExecutableError
from fakecri.core.processes import Process
from fakecri.core.programs import LIBRARY_TOOLS, Programs
from fakecri.core.scheduler import SECOND_NS
from fakecri.opening import open_host
from fakecri.toolbox import find_toolbox
from fakecri.toolbox_programs import prepared, reads_stdin
from tests.core.machine import WALL_NS, Finished, Machine, Run, made_image
from tests.requirements import busybox

IMAGE = made_image(executables=tuple(f"/bin/{name}" for name in sorted(LIBRARY_TOOLS)))
NOW_S = WALL_NS // SECOND_NS


@pytest.fixture
def machine() -> Machine:
    pytest.importorskip("bashkit")
    return new_machine()


def new_machine() -> Machine:
    programs = Programs()
    programs.toolbox = find_toolbox()
    machine = Machine(IMAGE, programs)

    def fill(process: Process) -> int:
        process.files.mkdir("/tmp/w")
        process.files.write("/tmp/w/table", b"a 1\nb 2\nc 3\n")
        process.files.write("/tmp/w/twice.awk", b"{print $2 * 2; if (0) print systime()}\n")
        process.files.write("/tmp/w/json", b'{"a": [1, {"b": "x"}]}\n')
        return 0

    machine.start_program(fill).finish()
    return machine


def start(machine: Machine, *argv: str, stdin: bytes | None = b"", cwd: str = "/tmp/w") -> Run:
    environment = {"PATH": DEFAULT_PATH, "COLOUR": "red"}
    return machine.start(argv, cwd=cwd, stdin=stdin, environment=environment, is_exec=True)


def run(machine: Machine, *argv: str, stdin: bytes = b"") -> Finished:
    return start(machine, *argv, stdin=stdin).finish()


def content(machine: Machine, path: str) -> bytes:
    found: list[bytes] = []

    def look(process: Process) -> int:
        found.append(process.files.read(path))
        return 0

    machine.start_program(look).finish()
    return found[0]


AWK = [
    (["{print $2}"], b"a b\nc d"),
    (["{print}"], b"a b\nc d\n"),
    (["-F:", "{print $1, NF}"], b"a:b:c\n::\n"),
    (["-F", "[:,]", "{print $2}"], b"a:b,c\n"),
    (["-v", "x=3", "{s += $1 * x} END {print s}"], b"1\n2\n3\n"),
    (["/b/ {n++} END {print n + 0}"], b"abc\nxyz\nb\n"),
    (["NR > 1 && NR < 3"], b"1\n2\n3\n"),
    (['BEGIN {OFS = "-"} {$1 = $1; print}'], b"a b c\n"),
    (['{printf "%5.2f|%-4s|%03d\\n", $1, $2, $3}'], b"3.14159 ab 7\n"),
    (['{n[$1]++} END {print n["a"], n["b"]}'], b"a\nb\na\n"),
    (['{gsub(/o/, "0"); print toupper($0), length($0), substr($0, 2, 3)}'], b"foo boo\n"),
    (['BEGIN {n = split("a,b,c", p, ","); print n, p[3]; exit 3}'], b""),
    (['BEGIN {print index("hello", "l"), match("hello", /l+/), RSTART, RLENGTH}'], b""),
    (["BEGIN {i = 0; while (i < 3) print i++; do i--; while (i > 0); print i}"], b""),
    (["function f(n) {return n < 2 ? 1 : n * f(n - 1)} BEGIN {print f(5)}"], b""),
    (['{print $NF; next; print "no"}'], b"x y z\n"),
    (['{print | "sort"}'], b"b\nc\na\n"),
    (["{print $2 * 2}", "table"], b""),
    (["-f", "twice.awk", "table"], b""),
    (["{print FILENAME, FNR}", "table", "-"], b"x\n"),
    (['BEGIN {while ((getline line < "table") > 0) print "got", line}'], b""),
]


@pytest.mark.parametrize(("words", "stdin"), AWK)
def test_awk_does_what_busybox_does(
    machine: Machine, tmp_path_factory: pytest.TempPathFactory, words: list[str], stdin: bytes
) -> None:
    real_busybox = busybox()
    folder = tmp_path_factory.mktemp("awk")
    for name in ("table", "twice.awk"):
        (folder / name).write_bytes(content(machine, f"/tmp/w/{name}"))
    real = subprocess.run(
        [real_busybox, "awk", *words], input=stdin, cwd=folder, capture_output=True, check=False
    )
    expected = Finished(real.returncode, real.stdout.decode(), real.stderr.decode())
    assert run(machine, "awk", *words, stdin=stdin) == expected


def test_jq_filters_files_and_input(machine: Machine) -> None:
    assert run(machine, "jq", "-r", ".a[1].b", "json").stdout == "x\n"
    assert run(machine, "jq", "-c", ".[]", stdin=b"[1, [2]]").stdout == "1\n[2]\n"
    assert run(machine, "jq", ".", stdin=b"{").code == 5


def test_bytes_that_are_no_text_come_through(machine: Machine) -> None:
    start(machine, "awk", '{print > "out"}', stdin=b"a\xff\x80\n\xc3\xa9\n").finish()
    assert content(machine, "/tmp/w/out") == b"a\xff\x80\n\xc3\xa9\n"


def test_what_a_tool_changes_is_in_the_files_of_the_container(machine: Machine) -> None:
    line = '{print $1 > "new"; print $2 > "/tmp/w/" $1 ".txt"; print "more" >> "json"}'
    assert run(machine, "awk", line, "table") == (0, "", "")
    assert content(machine, "/tmp/w/new") == b"a\nb\nc\n"
    assert content(machine, "/tmp/w/b.txt") == b"2\n"
    assert content(machine, "/tmp/w/json").count(b"more") == 3
    assert content(machine, "/tmp/w/table") == b"a 1\nb 2\nc 3\n"


def test_the_files_of_the_container_are_in_place_of_those_of_the_library(machine: Machine) -> None:
    assert run(machine, "awk", "-F:", "NR == 1 {print $1}", "/etc/passwd") == (0, "root\n", "")
    assert run(machine, "awk", "1", "/etc/os-release").code == 2
    assert run(machine, "awk", "1", "/bin/jq").code == 2


def test_more_than_the_library_takes_is_refused(machine: Machine) -> None:
    answer = run(machine, "awk", "END {print NR}", stdin=b"0123456789abcde\n" * 1_000_000)
    assert answer.code == 2
    assert answer.stderr.startswith("awk: stdin is not for the library of fakecri[shell]: ")


def test_output_without_end_is_refused_or_goes_on(machine: Machine) -> None:
    answer = start(machine, "awk", "{for (i = 0; i < 300000; i++) print $0}", stdin=b"0123456789\n")
    answer.goes_on(SECOND_NS)
    assert answer.process.exited.done
    assert answer.finish().code == 2
    assert answer.stderr.endswith("more output than the library of fakecri[shell] takes\n")


def test_a_program_in_a_file_stays_as_it_is(machine: Machine) -> None:
    before = content(machine, "/tmp/w/twice.awk")
    assert run(machine, "awk", "-f", "twice.awk", "table").code == 0
    assert content(machine, "/tmp/w/twice.awk") == before


def test_a_loop_without_end_burns_cpu_until_it_is_killed(machine: Machine) -> None:
    started = start(machine, "awk", "BEGIN {print 1; while (1);}")
    assert started.goes_on()
    assert (started.stdout, started.stderr) == ("1\n", "")
    started.process.kill(9)
    assert started.finish().code == 137


def test_awk_that_only_begins_does_not_wait_for_input(machine: Machine) -> None:
    assert start(machine, "awk", "BEGIN {print 1}", stdin=None).finish().stdout == "1\n"
    assert start(machine, "awk", "{print}", stdin=None).goes_on()


def test_the_clock_of_awk_and_jq_is_that_of_the_container(machine: Machine) -> None:
    program = 'BEGIN {srand(); print systime(), srand(); print strftime("%Y", 0)}'
    assert run(machine, "awk", program).stdout == f"{NOW_S} {NOW_S}\n1970\n"
    assert run(machine, "awk", 'BEGIN {print strftime("%s")}').stdout == f"{NOW_S}\n"
    assert run(machine, "jq", "-n", "now").stdout == f"{NOW_S}\n"


def test_chance_is_the_same_in_every_run() -> None:
    pytest.importorskip("bashkit")
    program = "BEGIN {print rand(); srand(); print rand()}"
    assert run(new_machine(), "awk", program) == run(new_machine(), "awk", program)


@pytest.mark.parametrize(
    "program",
    [
        'BEGIN {system("date")}',
        'BEGIN {"date" | getline x; print x}',
        'BEGIN {print 1 | "date"}',
        'BEGIN {print 1 | "sort $RANDOM"}',
        "{print | $0}",
        "{print $1 | command}",
    ],
)
def test_awk_runs_no_commands(machine: Machine, program: str) -> None:
    answer = run(machine, "awk", program, stdin=b"date\n")
    assert answer == (2, "", "awk: fakecri runs no commands from awk\n")


@pytest.mark.parametrize("program", ["/a|b/", '$1 == "a" || $1 == "b"', "{print ($1 ~ /x|a/)}"])
def test_a_bar_that_is_no_pipe_is_no_command(machine: Machine, program: str) -> None:
    assert run(machine, "awk", program, "table").code == 0


def test_without_the_library_the_text_says_what_to_install() -> None:
    text = r"fakecri runs awk with a library: install fakecri\[shell\]"
    with pytest.raises(MissingExecutableError, match=text):
        Machine(IMAGE).start(["awk", "1"], is_exec=True, environment={"PATH": DEFAULT_PATH})


def test_hosts_have_the_library_where_it_is_installed() -> None:
    assert (open_host().world.programs.toolbox is None) == (find_toolbox() is None)


def test_what_reads_its_input_is_told_from_the_command_line() -> None:
    assert reads_stdin("awk", ["{print}"])
    assert not reads_stdin("awk", ["-F", ":", "{print}", "file"])
    assert not reads_stdin("awk", ["-f", "prog", "file"])
    assert reads_stdin("awk", ["{print}", "x=1"])
    assert reads_stdin("awk", ["BEGIN {print} END {print NR}"])
    assert not reads_stdin("jq", ["-n", "1"])
    assert reads_stdin("jq", ["-n", "input"])
    assert not reads_stdin("jq", [".", "file"])
    assert reads_stdin("jq", ["--arg", "a", "b", "."])


def test_a_value_of_an_option_is_no_program() -> None:
    words = ["--arg", "x", "now", "now == $x"]
    assert prepared("jq", words, now_s=5) == ["--arg", "x", "now", "def now: 5; now == $x"]


WORDS = st.sampled_from(
    [
        *("-f", "-F", "-v", "-n", "-r", "--", "-", "x=1", "table", "json", ".", ".a", "now", ""),
        *("/etc/passwd", "/bin/awk", "/etc", "/proc/self/status", "/dev/null"),
        *("{print}", "BEGIN{", "{", "}", "(", '"', "/", "\\", "'"),
    ]
) | st.text(st.characters(exclude_characters="\0"), max_size=6)


@given(
    name=st.sampled_from(sorted(LIBRARY_TOOLS)),
    words=st.lists(WORDS, max_size=4),
    stdin=st.binary(max_size=30),
)
def test_no_command_line_makes_a_tool_crash(name: str, words: list[str], stdin: bytes) -> None:
    pytest.importorskip("bashkit")
    started = start(new_machine(), name, *words, stdin=stdin)
    assert not started.goes_on(SECOND_NS) or started.stderr == ""
    assert "Traceback" not in started.stderr
    assert "bash: " not in started.stderr
