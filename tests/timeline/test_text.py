"""The text form: what stands on its lines."""

import pytest

from fakecri.timeline import Selection, render_text
from tests.timeline.recordings import DB, NGINX, SIDECAR, WEB, Script


def lines(script: Script, **options: object) -> list[str]:
    """The lines between the legend and the rules, without their rails and runs of spaces."""
    text = render_text(script.recording, **{"width": None, **options})  # type: ignore[arg-type]  # options of the test
    body = text.split("\n\n")[2 if "┃ running" in text else 1]
    return [" ".join(line.split()) for line in body.splitlines()]


def test_a_call_and_what_it_causes_are_one_line() -> None:
    script = Script().pod().container()
    assert [line.partition("default/")[2] for line in lines(script)] == [
        "web RunPodSandbox #1 ok → READY ○ created",
        "web/nginx CreateContainer nginx #2 ok → CREATED ○ created",
        "web/nginx StartContainer #3 ok → RUNNING ○ started",
    ]


def test_an_instant_is_named_once() -> None:
    script = Script().pod().container()
    script.at(1.5).move(NGINX, "RUNNING", "EXITED", "exit")
    times = [line.split()[0] for line in lines(script)]
    assert times[0] == "0.000"
    assert times[-1] == "1.500"
    assert not any(time[0].isdigit() for time in times[1:-1])


def test_a_move_of_no_call_stands_with_its_event() -> None:
    script = Script().pod().container().at(2).move(NGINX, "RUNNING", "EXITED", "exit")
    assert lines(script)[-1].endswith("default/web/nginx RUNNING → EXITED (exit) ○ stopped")


def test_a_call_during_which_something_happens_begins_and_ends() -> None:
    script = Script().pod().container()
    stop = script.call("StopContainer", container_id=NGINX)
    script.at(3).read("ExecSync", container_id=NGINX, cmd=["true"])
    script.at(10).move(NGINX, "RUNNING", "EXITED", "exit").reply(stop)
    said = [line.partition("nginx ")[2] for line in lines(script)[-4:]]
    assert said == [
        "StopContainer #4 begins",
        "ExecSync true #5 ok",
        "RUNNING → EXITED (exit) ○ stopped",
        "StopContainer #4 ok after 10s",
    ]


def test_reads_that_went_well_are_counted() -> None:
    script = Script().read().read().read("Version").pod().read("Status")
    assert lines(script)[0] == "0.000 node 3 reads: ListContainers x2, Version"
    assert lines(script)[-1].endswith("node 1 read: Status")
    assert len(lines(script, reads="hidden")) == 1
    assert len(lines(script, reads="shown")) == 5


def test_a_read_that_failed_is_shown() -> None:
    script = Script()
    script.failed(script.call("ListContainers"), "UNAVAILABLE", "gone")
    assert lines(script, reads="hidden") == ['0.000 node ListContainers #1 UNAVAILABLE "gone"']


def test_faults_stand_below_their_call() -> None:
    script = Script(rules=["StartContainer = 1*lost"]).pod()
    call = script.call("PullImage", image={"image": "busybox"})
    fired = {"term": 0, "hit": 1, "phase": "after", "effect": "indefinite"}
    script.add("fault", call=call, rpc="", rule="R", action="lost", **fired)
    script.failed(call, "UNAVAILABLE", unsent=True)
    assert lines(script)[-2:] == [
        '┃ images PullImage busybox #2 UNAVAILABLE "no" (the client never got it)',
        "┃ images ◆ fault after:lost (indefinite) #2, hit 1 of R",
    ]


def test_a_fault_behind_the_url_of_a_call_is_told_once_when_it_happens() -> None:
    script = Script(rules=["Exec = merge"]).pod().container()
    call = script.call("Exec", container_id=NGINX, cmd=["sh"])
    script.reply(call, response={"url": "http://127.0.0.1/exec/x"})
    script.at(2).move(NGINX, "RUNNING", "EXITED", "exit").at(3)
    fired = {"term": 0, "hit": 1, "phase": "stream", "effect": ""}
    script.add("fault", call=call, rpc="Exec", rule="Exec = merge", action="merge", **fired)
    said = [line.partition("nginx ")[2] for line in lines(script)]
    assert [each.split()[0] for each in said if each][-3:] == ["Exec", "RUNNING", "◆"]
    assert sum("◆" in each for each in said) == 1


def test_a_call_that_never_ends_is_told_so() -> None:
    script = Script()
    script.call("GetContainerEvents")
    assert lines(script) == ["0.000 event streams GetContainerEvents #1 begins, never answered"]


def test_who_cancelled_a_call_is_told() -> None:
    script = Script()
    call = script.call("PullImage")
    script.at(2).add("cancel", call=call, rpc="PullImage", cause="deadline")
    script.failed(call, "DEADLINE_EXCEEDED", "late")
    (line,) = lines(script)
    assert line.endswith('PullImage #1 DEADLINE_EXCEEDED "late" (cancelled: deadline) after 2s')


def test_state_faults_and_the_clock_are_told() -> None:
    script = Script().add("state", what="restart", down_ns=10**9).add("clock", what="freeze")
    assert lines(script) == ["0.000 node ! state restart down_ns=1s", "node · clock freeze"]


def test_rails_show_the_state_of_each_that_is_alive() -> None:
    script = Script().pod(WEB, "web").container(NGINX, "nginx").pod(DB, "db")
    script.at(1).move(NGINX, "RUNNING", "EXITED", "exit").at(2).move(
        NGINX, "EXITED", "ABSENT", "remove"
    )
    script.at(3).move(DB, "READY", "NOTREADY", "exit").at(4).read("PullImage")
    rails = [line[14:17] for line in render_text(script.recording).splitlines()[4:-1]]
    assert rails == ["●  ", "┃● ", "┃● ", "┃┃●", "┃●┃", "┃●┃", "┃ ●"]
    assert render_text(script.recording).splitlines()[-1][14:17] == "┃ ╎"


def test_a_rail_that_is_free_is_taken_again() -> None:
    script = Script()
    for number in range(50):
        id_ = f"{number:064x}"
        script.pod(id_, f"{number}")
        script.move(id_, "READY", "NOTREADY", "exit").move(id_, "NOTREADY", "ABSENT", "remove")
    assert all(line[15] == " " for line in render_text(script.recording).splitlines()[4:])


@pytest.mark.parametrize("width", [40, 60, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    script = Script(rules=["StartContainer = " + "x" * 200])
    for number in range(30):
        script.pod(f"{number:064x}", f"名前-{number}" * 5)
    text = render_text(script.recording, width=width)
    assert max(map(columns, text.splitlines())) <= width


def columns(line: str) -> int:
    return sum(2 if each in "名前" else 1 for each in line)


def test_nothing_in_a_name_moves_the_cursor() -> None:
    script = Script().pod(WEB, "\x1b[2J\r\n\u202eweb")
    text = render_text(script.recording, width=None)
    assert "\x1b" not in text
    assert "\r" not in text
    assert "\\x1b[2J\\r\\n\\u202eweb" in text


def test_rules_are_told_with_how_often_they_fired() -> None:
    text = render_text(Script(rules=["Version = off"]).recording)
    assert text.splitlines()[-1] == "fired 0x  Version = off"


# Selections.


def three() -> Script:
    script = Script().pod(WEB, "web").container(NGINX, "nginx", WEB).pod(DB, "db")
    return script.at(5).container(SIDECAR, "sidecar", WEB).at(9).read("PullImage")


@pytest.mark.parametrize("pattern", ["db", "default/db", "d?", "*/db", DB[:10]])
def test_pods_are_chosen_by_name_or_id(pattern: str) -> None:
    (line,) = lines(three(), selection=Selection(pods=(pattern,)))
    assert "default/db RunPodSandbox" in line


def test_a_pod_is_chosen_with_its_containers() -> None:
    said = lines(three(), selection=Selection(pods=("web",)))
    assert len(said) == 5
    assert all("default/web" in line for line in said)


def test_what_is_outside_of_the_time_is_left_out() -> None:
    said = lines(three(), selection=Selection(from_ns=4 * 10**9, to_ns=6 * 10**9))
    assert [line.split("default/")[1].split()[0] for line in said] == ["web/sidecar"] * 2


def test_what_lasts_into_the_time_ends_there() -> None:
    script = Script()
    call = script.call("PullImage")
    script.at(3).read().at(8).reply(call)
    said = lines(script, selection=Selection(from_ns=5 * 10**9))
    assert said == ["8.000 images PullImage #1 ok after 8s"]
