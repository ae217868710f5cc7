"""Rules: which calls a term acts on, and what is told of it. Both faces see the same."""

import grpc
import pytest

from fakecri import UnfiredRule, UsageError
from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.rules import Action, Phase, Rule, Term, When
from fakecri.errors import Code
from tests.behaviour.steps import NOT_FOUND, RUNNING, containers, sandboxes
from tests.server.served import until
from tests.support import FACES, Node, raises_status
from tests.support import node as open_node

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
GONE = "error(UNAVAILABLE, gone)"


def fails(node: Node) -> bool:
    """Call Version; return whether a rule made it fail."""
    try:
        node.runtime.Version(pb.VersionRequest())
    except grpc.RpcError as error:
        return bool(error.code() is UNAVAILABLE)
    return False


def pattern(node: Node, calls: int = 8) -> str:
    """Call Version so often; return an x for each call that a rule made fail."""
    return "".join("x" if fails(node) else "." for _ in range(calls))


def test_an_error_after_the_work_leaves_the_work_done(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "99")
    with (
        ready.cri.faults(f"StartContainer = 1* after:{GONE}"),
        raises_status(UNAVAILABLE, "gone"),
    ):
        ready.start(made)
    assert ready.status(made).state == RUNNING


def test_a_rule_can_be_made_without_a_text(node: Node) -> None:
    action = Action("error", (Code.UNAVAILABLE, "gone"))
    rule = Rule(("Version",), (Term(action, Phase.BEFORE, (When("nth", (2,)),)),))
    with node.cri.faults(rule) as scope:
        assert pattern(node, 3) == ".x."
    assert scope.rules[0].text == 'Version = nth 2 error(UNAVAILABLE, "gone")'


@pytest.mark.parametrize(
    ("terms", "seen"),
    [
        (f"{GONE}", "xxxxxxxx"),
        (f"3* {GONE}", "xxx....."),
        (f"nth 3 {GONE}", "..x....."),
        (f"after 5 {GONE}", ".....xxx"),
        (f"every 3 {GONE}", "..x..x.."),
        (f"after 2 3* {GONE}", "..xxx..."),
        (f"3* after 2 {GONE}", "..x....."),
        (f"every 2 2* {GONE}", ".x.x...."),
        (f"once {GONE}", "x......."),
        (f"on_connect {GONE}", "x......."),
        (f"max 1 {GONE}", "xxxxxxxx"),
        (f"2* off -> 2* {GONE}", "..xx...."),
        (f"2* {GONE} -> off -> {GONE}", "xx......"),
        (f"nth 2 {GONE} -> nth 2 {GONE} -> 1* {GONE}", ".x.xx..."),
        (f"100% {GONE}", "xxxxxxxx"),
        ("off", "........"),
    ],
)
def test_triggers_choose_calls(node: Node, terms: str, seen: str) -> None:
    with node.cri.faults(f"Version = {terms}") as scope:
        assert pattern(node) == seen
    assert scope.fired == seen.count("x")
    assert [call.serial for call in scope.calls] == [
        place for place, mark in enumerate(seen, 1) if mark == "x"
    ]


@pytest.mark.parametrize(
    ("terms", "seen"),
    [
        (f"first 3s {GONE}", "xxx....."),
        (f"for 3s {GONE}", "xxx....."),
        (f"after 2 for 3s {GONE}", "..xxx..."),
        (f"from 12s {GONE}", "..xxxxxx"),
        (f"until 12s {GONE}", "xx......"),
        (f"from 12s until 14s {GONE}", "..xx...."),
        (f"first 2s {GONE} -> first 2s off -> first 2s {GONE}", "xx..xx.."),
        (f"first 100ms off -> first 2s {GONE}", ".xx....."),
        (f"first 4s 1* {GONE} -> 1* {GONE}", "xx......"),
    ],
)
def test_windows_are_of_virtual_time(node: Node, terms: str, seen: str) -> None:
    node.cri.advance(10)
    node.cri.faults(f"Version = {terms}")
    marks = ""
    for _ in seen:
        marks += pattern(node, 1)
        node.cri.advance(1)
    assert marks == seen


def test_a_chance_follows_from_the_seed_the_rule_and_the_hit_alone(node: Node) -> None:
    rule = f"Version = 40% {GONE}"
    with node.cri.faults(rule):
        alone = pattern(node, 40)
    assert 5 < alone.count("x") < 30
    with node.cri.faults(f"Version = 1* after:{GONE}", "* = 10% off", rule):
        assert pattern(node, 40)[1:] == alone[1:]
    with node.cri.faults(f"Version{{n>0}} = 40% {GONE}"):
        assert pattern(node, 40) != alone


def test_counts_come_before_the_chance(node: Node) -> None:
    with node.cri.faults(f"Version = 10* 40% {GONE}") as scope:
        marks = pattern(node, 30)
    assert 0 < scope.fired < 10
    assert marks[10:].count("x") == 0


def test_a_rule_acts_while_a_switch_is_on(node: Node) -> None:
    node.cri.faults(f"Version = while paused {GONE}")
    before = pattern(node, 2)
    node.cri.faults.switch("paused")
    during = pattern(node, 2)
    node.cri.faults.switch("paused", on=False)
    assert (before, during, pattern(node, 2)) == ("..", "xx", "..")


def test_a_rule_acts_while_the_thing_is_in_a_state(ready: Node) -> None:
    made = ready.create(ready.run_sandbox(), "sleep", "99")
    ready.cri.faults(f"ContainerStatus = while running {GONE}")
    ready.status(made)
    ready.start(made)
    with raises_status(UNAVAILABLE):
        ready.status(made)
    ready.stop(made)
    ready.status(made)


@pytest.mark.parametrize("face", FACES)
def test_max_bounds_how_many_calls_a_term_acts_on_at_once(face: str) -> None:
    with open_node(face, pace="manual") as ready:
        ready.pull()
        pod = ready.run_sandbox()
        stubborn = ["sh", "-c", "trap '' TERM; while true; do sleep 1; done"]
        ids = [ready.run(pod, *stubborn, name=name) for name in ("a", "b", "c")]
        ready.cri.advance(1)
        scope = ready.cri.faults("StopContainer = max 1 after:error(UNAVAILABLE, gone)")
        requests = [pb.StopContainerRequest(container_id=id_, timeout=5) for id_ in ids]
        stops = [ready.runtime.StopContainer.future(each) for each in requests[:2]]
        until(lambda: scope.rules[0].hits == 2)
        ready.cri.advance(6)
        assert sorted(stop.code().name for stop in stops) == ["OK", "UNAVAILABLE"]
        with raises_status(UNAVAILABLE, "gone"):
            ready.stop(ids[2])
        assert (scope.fired, scope.rules[0].hits) == (2, 3)


def test_on_connect_is_for_the_first_call_since_the_runtime_was_there(node: Node) -> None:
    node.cri.faults(f"Version = on_connect {GONE}")
    before = pattern(node, 3)
    with node.cri.host.turn() as world:
        world.faults.reconnect()
    assert (before, pattern(node, 3)) == ("x..", "x..")


def test_once_is_for_each_thing(ready: Node) -> None:
    ids = [ready.run_sandbox(name) for name in ("a", "b")]
    with ready.cri.faults(f"PodSandboxStatus = once {GONE}"):
        for each in ids:
            with raises_status(UNAVAILABLE):
                ready.sandbox_status(each[:20])
        for each in ids:
            assert ready.sandbox_status(each).id == each


def test_the_first_that_answers_hides_the_rest(node: Node) -> None:
    late = node.cri.faults("Version = 1* after:error(INTERNAL)")
    early = node.cri.faults(f"Version = 2* {GONE}")
    assert pattern(node, 2) == "xx"
    assert (early.fired, late.fired) == (2, 0)
    with raises_status(grpc.StatusCode.INTERNAL):
        node.runtime.Version(pb.VersionRequest())


def test_a_rule_for_several_rpcs_counts_them_together(node: Node) -> None:
    with node.cri.faults(f"lists = 2* {GONE}"):
        for calling in (sandboxes, containers):
            with raises_status(UNAVAILABLE):
                calling(node)
        assert sandboxes(node) == []


def test_reset_begins_again_and_disarm_ends(node: Node) -> None:
    scope = node.cri.faults(f"Version = 1* {GONE}")
    assert pattern(node, 2) == "x."
    scope.reset()
    assert scope.fired == 0
    assert pattern(node, 2) == "x."
    scope.reset()
    scope.disarm()
    scope.disarm()
    assert pattern(node, 2) == ".."
    assert scope.fired == 0


def test_rules_stay_until_their_scope_is_left(node: Node) -> None:
    with node.cri.faults(f"Version = {GONE}"):
        assert len(node.cri.faults.armed) == 1
        assert fails(node)
    assert node.cri.faults.armed == []
    assert not fails(node)


def test_a_wrong_rule_arms_none_of_its_scope(node: Node) -> None:
    with pytest.raises(UsageError, match="column 11: expected a trigger, a phase or an action"):
        node.cri.faults(f"Version = {GONE}", "Version = eror")
    assert node.cri.faults.armed == []
    for empty in ("", "# nothing", 3):
        with pytest.raises(UsageError):
            node.cri.faults(empty)  # type: ignore[arg-type]  # a slip of a test


def test_a_call_that_a_rule_ends_was_not_seen_by_the_runtime(node: Node) -> None:
    with node.cri.faults("PodSandboxStatus = error(NOT_FOUND, nowhere)") as scope:
        with raises_status(NOT_FOUND, "nowhere"):
            node.sandbox_status("x")
        (call,) = scope.calls
    assert (call.rpc, call.error and call.error.message) == ("PodSandboxStatus", "nowhere")


def unfired(node: Node, rule: str) -> str:
    """Return what is said of a rule that did not act on what was called."""
    scope = node.cri.faults(rule, strict=True)
    for image in ("redis:7", "nginy:1", "busybox"):
        node.pull(image)
    node.images.ImageStatus(pb.ImageStatusRequest(image=pb.ImageSpec(image="redis:7")))
    with pytest.raises(UnfiredRule) as said, scope:
        """What was called is all that the rule has seen."""
    text = str(said.value)
    assert text.startswith(f"{rule} never fired: ")
    return text.removeprefix(f"{rule} never fired: ")


def test_a_strict_rule_says_what_came_closest(node: Node) -> None:
    assert unfired(node, "PullImage{image=*nginx*} = error(INTERNAL)") == (
        "3 PullImage calls, none with image=*nginx*; closest: call 2, image=nginy"
    )
    assert unfired(node, "PullImage{image=*redis*, pod=web} = error(INTERNAL)") == (
        "3 PullImage calls, none with image=*redis*, pod=web; closest: call 5, which has no pod"
    )
    assert unfired(node, "PullImage,ImageStatus{n>4} = error(INTERNAL)") == (
        "1 ImageStatus call, 3 PullImage calls, none with n>4; closest: call 11, n=3"
    )
    assert unfired(node, "StopContainer = error(INTERNAL)") == "no StopContainer call"
    assert unfired(node, "PullImage = nth 4 error(INTERNAL)") == (
        "3 calls matched, the last one call 19; the triggers let none through: "
        "nth 4 error(INTERNAL)"
    )


def test_a_strict_rule_that_acted_is_content(node: Node) -> None:
    with node.cri.faults(f"Version = {GONE}", "Version = off", strict=True):
        assert fails(node)


def test_a_strict_scope_does_not_hide_another_error(node: Node) -> None:
    with pytest.raises(ZeroDivisionError), node.cri.faults(f"Version = {GONE}", strict=True):
        _ = 1 // 0
