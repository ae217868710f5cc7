"""The fixtures, as a user's test has them."""

import re

import pytest

from fakecri.core.recording import Recording

FIRST = """
from fakecri.api import runtime_pb2 as pb

def test_a_node_is_empty_and_has_seed_0(fakecri):
    config = pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(name="a"))
    assert not fakecri.runtime.ListPodSandbox(pb.ListPodSandboxRequest()).items
    ran = fakecri.runtime.RunPodSandbox(pb.RunPodSandboxRequest(config=config))
    assert ran.pod_sandbox_id.startswith("{id}")

def test_another_test_has_a_node_of_its_own(fakecri):
    test_a_node_is_empty_and_has_seed_0(fakecri)
"""

SERVED = """
import pytest

from fakecri.core.recording import Recording
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub

def test_the_server_is_the_object(fakecri, fakecri_server):
    with connect(fakecri_server) as channel:
        runtime_stub(channel).Version(pb.VersionRequest(version="over the wire"))
    (call,) = fakecri.calls
    assert call.request.version == "over the wire"

@pytest.mark.fakecri(seed=7, strict_images=True, personality="containerd-1.6")
def test_a_marker_says_what_it_is_made_with(fakecri):
    with pytest.raises(Exception, match="not found"):
        fakecri.image_service.pull_image(pb.ImageSpec(image="busybox"))
    assert fakecri.host.world.seed == 7
    assert fakecri.host.world.profile.name == "containerd-1.6"
    assert fakecri.host.level.name == "1.25"

@pytest.mark.fakecri(api_level="1.30")
def test_a_marker_says_which_api_it_speaks(fakecri):
    assert fakecri.host.level.name == "1.30"
"""

STRICT = """
import pytest

from fakecri.core.recording import Recording
from fakecri.api import runtime_pb2 as pb

ruled = pytest.mark.fakecri(rules=["Status = error(INTERNAL)", "Version = off"], strict_rules=True)

@ruled
def test_that_forgets(fakecri):
    pass

@ruled
def test_that_remembers(fakecri):
    with pytest.raises(Exception, match="INTERNAL"):
        fakecri.runtime.Status(pb.StatusRequest())

@ruled
def test_that_fails(fakecri):
    assert False, "for another reason"
"""


def sandbox_id() -> str:
    from fakecri import CRI  # noqa: PLC0415  # beside the plugin, not before it
    from fakecri.api import runtime_pb2 as pb  # noqa: PLC0415

    with CRI(seed=0) as cri:
        metadata = pb.PodSandboxMetadata(name="a")
        request = pb.RunPodSandboxRequest(config=pb.PodSandboxConfig(metadata=metadata))
        return cri.runtime.RunPodSandbox(request).pod_sandbox_id


def test_each_test_has_a_fresh_node_of_seed_0(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FIRST.replace("{id}", sandbox_id()))
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=2)


def test_the_server_serves_the_object_and_a_marker_sets_options(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SERVED)
    pytester.runpytest_subprocess("-q", "--strict-markers").assert_outcomes(passed=3)


def test_a_strict_rule_that_did_not_act_fails_the_test_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(STRICT)
    result = pytester.runpytest_subprocess("-q", "--strict-markers")
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*UnfiredRule: Status = error(INTERNAL) never fired: no Status*"])


FAILING = """
import pytest

from fakecri.core.recording import Recording
from fakecri.api import runtime_pb2 as pb

@pytest.mark.fakecri(seed=7, rules=["Status = 2* error(INTERNAL)"])
def test_it(fakecri):
    fakecri.runtime_service.version("v1")
    with pytest.raises(Exception):
        fakecri.runtime.Status(pb.StatusRequest())
    fakecri.history.never("Version")

def test_another(fakecri):
    assert fakecri.calls

def test_without(tmp_path):
    assert False

@pytest.mark.parametrize("what", [pytest.param(1, id="../a b"), pytest.param(2, id="x" * 200)])
def test_names(fakecri, what):
    fakecri.runtime_service.version("v1")
"""


def test_a_test_that_fails_tells_the_seed_the_rules_and_what_happened_last(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(FAILING)
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=2, failed=3)
    result.stdout.fnmatch_lines(
        [
            "*expected none of Version, and saw 1",
            "*- fakecri -*",
            "seed 7, pace autojump",
            "rule, fired 1 times: Status = 2[*] error(INTERNAL)",
            "the last 6 lines of the recording:",
            "    1    0.000s  rule *",
            "    2    0.000s  call    #1 Version peer=object *",
            "    3    0.000s  reply   #1 Version response=*",
            "    4    0.000s  call    #2 Status *",
            "    5    0.000s  fault   #2 Status * effect=definite *",
            '    6    0.000s  reply   #2 Status error={"code":"INTERNAL","text":""}',
            "*- fakecri -*",
            "seed 0, pace autojump",
            "nothing happened",
        ]
    )
    assert result.stdout.str().count("- fakecri -") == 2


def test_an_option_keeps_the_recording_of_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(FAILING)
    result = pytester.runpytest_subprocess("-q", "--fakecri-record=kept/here")
    result.assert_outcomes(passed=2, failed=3)
    directory = pytester.path / "kept" / "here"
    names = sorted(path.name.rpartition("py-")[2] for path in directory.iterdir())
    assert names[:3] == ["test_another.jsonl", "test_it.jsonl", "test_names-..-a-b.jsonl"]
    assert re.fullmatch(r"x{150}-[0-9a-f]{8}\.jsonl", names[3])
    (path,) = directory.glob("*test_it.jsonl")
    kept = Recording.parse(path.read_text().splitlines())
    assert kept.header.facts["seed"] == 7
    kept.history.count("Status", error="INTERNAL", exactly=1)
    result.stdout.fnmatch_lines([f"recording: {directory}/*test_it.jsonl"])


GIVEN = """
import io
import pytest

from fakecri.core.recording import Recording

RECORD = io.StringIO()

@pytest.mark.fakecri(record=RECORD)
def test_that_records(fakecri):
    fakecri.runtime_service.version("v1")
    assert RECORD.getvalue().count("Version") == 2
"""


def test_a_recording_that_a_marker_wants_is_written_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(GIVEN)
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)
