"""The fixtures, as a user's test has them."""

import pytest

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
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub

def test_the_server_is_the_object(fakecri, fakecri_server):
    with connect(fakecri_server) as channel:
        runtime_stub(channel).Version(pb.VersionRequest(version="over the wire"))
    (call,) = fakecri.calls
    assert call.request.version == "over the wire"

@pytest.mark.fakecri(seed=7, strict_images=True)
def test_a_marker_says_what_it_is_made_with(fakecri):
    with pytest.raises(Exception, match="not found"):
        fakecri.image_service.pull_image(pb.ImageSpec(image="busybox"))
    assert fakecri.host.world.seed == 7
"""

STRICT = """
import pytest
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
    pytester.runpytest_subprocess("-q", "--strict-markers").assert_outcomes(passed=2)


def test_a_strict_rule_that_did_not_act_fails_the_test_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(STRICT)
    result = pytester.runpytest_subprocess("-q", "--strict-markers")
    result.assert_outcomes(passed=2, failed=1, errors=1)
    result.stdout.fnmatch_lines(["*UnfiredRule: Status = error(INTERNAL) never fired: no Status*"])
