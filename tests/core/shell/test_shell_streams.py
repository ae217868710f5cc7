"""What shells read and write: pipelines, redirections, live input, and prompts."""

from fakecri.core.scheduler import SECOND_NS
from fakecri.core.signals import NUMBERS
from tests.core.machine import Finished, Run
from tests.core.shell.scripts import run, run_bash, start


def _pass(begun: Run, seconds: float) -> None:
    scheduler = begun.scheduler
    scheduler.advance_to(scheduler.now_ns + round(seconds * SECOND_NS))


def test_a_writer_without_end_stops_with_its_reader() -> None:
    assert run("yes | head -n 1; echo $?") == Finished(0, "y\n0\n", "")
    begun = start("ash", "-c", "while :; do echo x; done | head -n 3; echo end")
    assert begun.finish(60 * SECOND_NS) == Finished(0, "x\nx\nx\nend\n", "")


def test_a_writer_without_reader_dies_of_sigpipe() -> None:
    script = "set -o pipefail; while :; do echo x; done | head -n 1; echo $?"
    assert run(script).stdout == f"x\n{128 + NUMBERS['PIPE']}\n"


def test_a_slow_reader_holds_up_its_writer() -> None:
    script = "(i=0; while [ $i -lt 40000 ]; do echo 12345678; i=$((i+1)); done; echo done >&2)"
    begun = start("ash", "-c", f"{script} | (sleep 1000; wc -l)")
    _pass(begun, 900)
    assert begun.stderr == ""
    assert begun.finish() == Finished(0, "40000\n", "done\n")


def test_output_of_a_job_appears_while_it_runs() -> None:
    begun = start("ash", "-c", "(echo a; sleep 10; echo b) & sleep 5; echo c; wait")
    _pass(begun, 1)
    assert begun.stdout == "a\n"
    _pass(begun, 5)
    assert begun.stdout == "a\nc\n"
    assert begun.finish().stdout == "a\nc\nb\n"


def test_output_of_a_redirected_loop_appears_while_it_runs() -> None:
    begun = start("ash", "-c", "for i in 1 2; do echo $i; sleep 10; done >&2; echo end")
    _pass(begun, 1)
    assert begun.stderr == "1\n"
    assert begun.finish() == Finished(0, "end\n", "1\n2\n")


def test_output_of_a_pipeline_appears_while_it_runs() -> None:
    script = "for i in 1 2; do echo $i; sleep 10; done | while read x; do echo got $x; done"
    begun = start("ash", "-c", script)
    _pass(begun, 1)
    assert begun.stdout == "got 1\n"
    assert begun.finish().stdout == "got 1\ngot 2\n"


def test_a_command_in_place_of_its_shell_lets_go_of_the_pipe() -> None:
    assert run("ls /bin > /dev/null | cat; echo end") == Finished(0, "end\n", "")
    assert run("exec ls /nosuch 2> /dev/null | cat; echo end").stdout == "end\n"


def test_a_redirection_counts_for_what_takes_the_place_of_the_shell() -> None:
    assert run("(exec echo hi > f); (echo ho >> f); cat f") == Finished(0, "hi\nho\n", "")


def test_commands_from_stdin_run_as_they_arrive() -> None:
    begun = start("ash", stdin=None)
    begun.stdin.feed(b"echo one\n")
    _pass(begun, 1)
    assert begun.stdout == "one\n"
    begun.stdin.feed(b"if true; then\n")
    _pass(begun, 1)
    begun.stdin.feed(b"echo two; fi\n")
    _pass(begun, 1)
    assert begun.stdout == "one\ntwo\n"
    begun.stdin.close()
    assert begun.finish() == Finished(0, "one\ntwo\n", "")


def test_read_takes_what_comes_after_its_line() -> None:
    begun = start("ash", stdin=None)
    begun.stdin.feed(b"read x; echo got $x\n")
    _pass(begun, 1)
    begun.stdin.feed(b"data\n")
    _pass(begun, 1)
    begun.stdin.feed(b"echo end\n")
    begun.stdin.close()
    assert begun.finish() == Finished(0, "got data\nend\n", "")


def test_ash_reads_ahead_and_bash_does_not() -> None:
    script = "printf 'read x; echo got $x\\ndata\\necho end\\n' | {}"
    assert run(script.format("sh")).stdout == "got\nend\n"
    assert run_bash(script.format("bash")).stdout == "got data\nend\n"


def test_the_last_command_of_stdin_needs_no_newline() -> None:
    assert start("ash", stdin=b"echo a\necho b").finish() == Finished(0, "a\nb\n", "")


def test_a_terminal_gets_a_prompt_and_goes_on_after_errors() -> None:
    begun = start("ash", tty=True, stdin=None, cwd="/")
    _pass(begun, 1)
    assert begun.stdout.startswith("/ # ")
    begun.stdin.feed(b"nosuch\n")
    _pass(begun, 1)
    begun.stdin.feed(b"echo $?\n")
    _pass(begun, 1)
    assert "\r\nash: nosuch: not found\r\n/ # " in begun.stdout
    assert "\r\n127\r\n/ # " in begun.stdout
    begun.stdin.feed(b"if true\n")
    _pass(begun, 1)
    assert "> " in begun.stdout
    begun.stdin.feed(b"then exit 3; fi\n")
    assert begun.finish().code == 3


def test_a_shell_behind_a_pipe_is_not_interactive_on_a_terminal() -> None:
    assert run("echo 'echo $-' | sh", tty=True).stdout == "s\r\n"


def test_a_terminal_is_where_no_redirection_leads_elsewhere() -> None:
    script = "test -t 0 && test -t 1 && echo y; test -t 1 > f || echo n; echo | test -t 0 || echo p"
    assert run(script, tty=True, stdin=None).stdout == "y\r\nn\r\np\r\n"
    assert run("test -t 0 || test -t 1 || echo none").stdout == "none\n"
