"""Quick refusals agree with the selectors that they stand for."""

from itertools import product

import pytest

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.core.faults.finders import FINDERS
from fakecri.core.faults.known import StoreLookup
from fakecri.core.faults.quick import fetcher, refusal
from fakecri.core.faults.rules import Condition
from fakecri.core.faults.selectors import compiled, values_of
from fakecri.core.faults.subjects import Subject
from fakecri.core.pipeline import Call
from fakecri.rpcs import RPCS
from tests.support import Node, create_request, sandbox_config

TEXTS = {
    "pod": ("web", "db", "w*", "*b", "default/web", "kube-*", "*"),
    "ns": ("default", "d*", "other"),
    "uid": ("uid-web", "uid-*", "x"),
    "container": ("main", "m*", "other"),
    "image": ("busybox", "*busybox*", "docker.io/library/busybox:latest", "*nginx*", "sha256:*"),
    "state": ("running", "created", "ready", "notready", "removed", "*ready"),
    "label.app": ("shop", "s*", "other", "*"),
    "label.tier": ("front", "*"),
    "attempt": ("0", "1"),
    "handler": ("", "x"),
    "id": ("*", "x"),
}
CONDITIONS = [
    *(Condition(key, sign, text) for key, texts in TEXTS.items() for text in texts for sign in "="),
    *(Condition(key, "!=", texts[0]) for key, texts in TEXTS.items()),
    *(Condition(key, "=~", "[a-w]+(eb)?") for key in TEXTS),
    *(Condition("attempt", sign, "0.5") for sign in ("<", "<=", ">", ">=")),
]


@pytest.fixture(scope="module")
def calls() -> list[tuple[Call, StoreLookup]]:
    """Calls of all kinds, about things that are there, that are not, and that are described."""
    with CRI() as cri:
        node = Node(cri, cri.runtime, cri.images, "object")
        node.pull()
        pods = [node.run_sandbox(labels={"app": "shop"}), node.run_sandbox("db", attempt=1)]
        node.stop_sandbox(pods[1])
        made = [
            node.run(pods[0], "sleep", "9", labels={"app": "other", "tier": "front"}),
            node.create(pods[0], name="second", attempt=1),
        ]
        lookup = cri.host.world.faults.lookup
        assert isinstance(lookup, StoreLookup)
        requests: list[tuple[str, object]] = [
            ("RunPodSandbox", pb.RunPodSandboxRequest(config=sandbox_config("web"))),
            ("CreateContainer", create_request(pods[0], "sh", labels={"app": "shop"})),
            ("CreateContainer", create_request("nowhere", "sh")),
            ("ListPodSandbox", pb.ListPodSandboxRequest()),
        ]
        for rpc in ("PullImage", "ImageStatus", "RemoveImage"):
            for text in ("busybox", "nginx", ""):
                request = RPCS[rpc].request(image=pb.ImageSpec(image=text))
                requests.append((rpc, request))
        for rpc in ("StartContainer", "ContainerStatus", "ExecSync"):
            ids = (*made, made[0][:8], "nowhere", "")
            requests += [(rpc, RPCS[rpc].request(container_id=each)) for each in ids]
        for rpc in ("StopPodSandbox", "PodSandboxStatus"):
            ids = (*pods, pods[0][:8], "nowhere", "")
            requests += [(rpc, RPCS[rpc].request(pod_sandbox_id=each)) for each in ids]
        return [(Call(RPCS[rpc], request), lookup) for rpc, request in requests]  # type: ignore[arg-type]  # they fit


def test_what_is_refused_does_not_match(calls: list[tuple[Call, StoreLookup]]) -> None:
    refused: dict[tuple[bool, bool], int] = {}
    for (call, lookup), condition in product(calls, CONDITIONS):
        rpc = call.rpc.name
        refuses = refusal(condition, rpc, lookup)
        if refuses is None:
            continue
        fetch = fetcher(rpc, lookup, {condition.key})
        thing = fetch(call.request) if fetch else None
        subject = Subject(call, lookup, 1, FINDERS[rpc](call.request, lookup))
        matches = compiled(condition, values_of(condition.key))(subject)
        for _ in range(2):  # what is remembered of it is as true
            verdict = refuses(call.request, thing)
            assert not (verdict and matches), (rpc, call.request, condition)
        refused[verdict, matches] = refused.get((verdict, matches), 0) + 1
    assert refused[True, False] > 200
    assert refused[False, True] > 50
