"""How shells spend time: loops without end, long loops, and calls within calls."""

from fakecri.core.scheduler import SECOND_NS
from tests.core.machine import Finished
from tests.core.shell.scripts import run, run_bash, start


def test_a_loop_without_end_lets_time_pass() -> None:
    begun = start("ash", "-c", "while :; do :; done")
    assert begun.goes_on(30 * 86_400 * SECOND_NS)


def test_a_loop_without_end_can_be_killed_by_a_later_job() -> None:
    begun = start("ash", "-c", "(sleep 5; kill $$) & while :; do :; done")
    assert begun.finish(3600 * SECOND_NS).code == 143


def test_a_loop_of_many_steps_ends() -> None:
    script = "i=0; while [ $i -lt 50000 ]; do i=$((i+1)); done; echo $i"
    assert run(script) == Finished(0, "50000\n", "")


def test_a_long_recursion_ends_as_a_real_one_does() -> None:
    assert run("f() { [ $1 = 0 ] || f $(($1 - 1)); }; f 1000; echo $?").stdout == "0\n"
    assert run("f() { f; }; f").code == 128 + 11


def test_eval_within_eval_ends_as_a_real_one_does() -> None:
    assert run('x=\'eval "$x"\'; eval "$x"').code == 128 + 11


def test_sleeping_takes_virtual_time_alone() -> None:
    begun = start("ash", "-c", "sleep 1000; sleep 1d")
    before_ns = begun.scheduler.now_ns
    begun.finish()
    assert begun.scheduler.now_ns - before_ns == (1000 + 86_400) * SECOND_NS


def test_jobs_run_side_by_side() -> None:
    begun = start("ash", "-c", "sleep 10 & sleep 20 & sleep 15; wait")
    before_ns = begun.scheduler.now_ns
    begun.finish()
    assert begun.scheduler.now_ns - before_ns == 20 * SECOND_NS


def test_seconds_count_virtual_time() -> None:
    assert run_bash("sleep 90; echo $SECONDS").stdout == "90\n"


def test_a_file_without_a_first_line_for_the_kernel_is_a_script() -> None:
    script = "printf 'echo $0 $1\\n' > s; chmod +x s; ./s a; PATH=.; s b; exec ./s c"
    assert run(script) == Finished(0, "./s a\n./s b\n./s c\n", "")


def test_exec_keeps_the_process_and_its_environment() -> None:
    script = "echo $$; export x=1; exec sh -c 'echo $$ $x'"
    first, second, value = run(script).stdout.split()
    assert (first, value) == (second, "1")
