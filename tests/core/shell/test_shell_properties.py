"""What holds for any script: nothing comes out of the shell but what a shell says."""

from contextlib import suppress

from hypothesis import example, given, settings
from hypothesis import strategies as st

from fakecri.core.scheduler import SECOND_NS
from fakecri.core.shell.errors import SyntaxFailure
from fakecri.core.shell.grammar import parse
from fakecri.core.shell.printing import script_text
from tests.core.machine import BUSYBOX, Machine
from tests.core.shell.scripts import DEBIAN, run, start

_TOKENS = [
    "if", "then", "else", "elif", "fi", "while", "until", "do", "done", "for", "in", "case",
    "esac", "{", "}", "(", ")", "((", "))", "[[", "]]", "[", "]", "!", ";", ";;", ";&", "&", "&&",
    "||", "|", "|&", "<", ">", ">>", "<<", "<<-", "<<<", "<&", ">&", "2>&1", "<>", ">|", "&>",
    "\n", " ", "\t", "'", '"', "`", "\\", "$", "$(", "${", "$((", "$'", "#", "##", "%", ":-",
    ":=", ":?", ":+", "/", "//", "@", "*", "?", "~", "=", "+=", "x", "y=1", "a=(1 2)", "${x",
    "$x", "${#x}", "${x:1}", "${!x}", "$?", "$$", "$!", "$#", "$@", '"$@"', "$*", "echo", "cat",
    "true", "false", "read", "set", "-e", "-u", "shift", "unset", "export", "local", "return",
    "exit", "break", "continue", "eval", "trap", "wait", "test", "printf", "%d", "%s", "f()",
    "function", "f", "1", "0", "-1", "++", "--", "**", "<<=", ",", "A", "\nA\n", "é", "\x00",
    "\x7f",
]  # fmt: skip
_SCRIPTS = st.lists(st.sampled_from(_TOKENS), max_size=14).flatmap(
    lambda tokens: st.sampled_from(["", " "]).map(lambda blank: blank.join(tokens))
)


@given(_SCRIPTS, st.booleans())
@settings(max_examples=400)
def test_a_parser_takes_a_script_or_says_what_is_wrong(script: str, bash: bool) -> None:
    with suppress(SyntaxFailure):  # and nothing else may come out
        parse(script, bash=bash)


@given(_SCRIPTS, st.booleans())
@example("cat <<$x\nhi\n$x\necho on", False)
@example("<<= <<=\nif", False)
@example("function if %", False)
@example("function $ %", False)
@example("$\\", False)
@settings(max_examples=400)
def test_what_is_printed_of_a_script_is_printed_the_same_again(script: str, bash: bool) -> None:
    try:
        nodes = parse(script, bash=bash)
    except SyntaxFailure:
        return
    for node in nodes:
        text = script_text(node)
        again = parse(text, bash=bash)
        assert [script_text(each) for each in again] == [text]


@given(_SCRIPTS, st.booleans())
@settings(max_examples=200)
def test_no_script_makes_a_shell_crash(script: str, bash: bool) -> None:
    begun = start(
        "bash" if bash else "ash",
        "-c",
        script.replace("\x00", ""),
        machine=Machine(image=DEBIAN if bash else BUSYBOX),
        stdin=b"a b\nc\n",
    )
    begun.scheduler.advance_to(begun.scheduler.now_ns + 1000 * SECOND_NS)
    assert "Traceback" not in begun.stderr
    assert ".py" not in begun.stderr


_LINES = st.lists(st.text("abc", min_size=1, max_size=3), max_size=5)
_STAGES = st.lists(
    st.one_of(st.just(("cat", None)), st.integers(1, 4).map(lambda count: ("head", count))),
    max_size=4,
)


@given(_LINES, _STAGES)
@settings(max_examples=100)
def test_a_pipeline_gives_what_its_stages_leave(
    lines: list[str], stages: list[tuple[str, int | None]]
) -> None:
    expected, script = lines, "".join(f"echo {line}; " for line in lines)
    script = f"{{ {script}:; }}"
    for name, count in stages:
        script += f" | {name}" if count is None else f" | {name} -n {count}"
        expected = expected if count is None else expected[:count]
    assert run(script).stdout == "".join(f"{line}\n" for line in expected)
