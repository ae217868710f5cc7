"""Rules in a recording: equal runs give equal bytes, in any process."""

import io
import json
import os
import subprocess
import sys
from contextlib import suppress

import grpc

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from tests.support import Node

RULES = (
    "reads,Version = 40% error(INTERNAL, no)",
    "lists{n>2} = every 2 after:error(UNAVAILABLE, late)",
    "writes{label.app!=x, state=ready} = once error(ABORTED, once) -> off",
)


def run() -> str:
    """Return the recording of a run that rules disturb."""
    record = io.StringIO()
    with CRI(seed=3, record=record, rules=RULES) as cri:
        node = Node(cri, cri.runtime, cri.images, "object")
        for _ in range(8):
            for call in (
                lambda: node.runtime.Version(pb.VersionRequest()),
                lambda: node.runtime.ListContainers(pb.ListContainersRequest()),
                lambda: node.run_sandbox(f"pod-{len(cri.calls)}", labels={"b": "1", "a": "2"}),
                lambda: node.sandbox_status("nowhere"),
            ):
                with suppress(grpc.RpcError):
                    call()
    return record.getvalue()


def elsewhere(hash_seed: int) -> str:
    """Return the recording of the same run in another process."""
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed)}
    command = [sys.executable, "-m", "tests.core.faults.test_same_runs"]
    return subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment
    ).stdout


def test_equal_runs_give_equal_bytes_whatever_the_hash_seed() -> None:
    here = run()
    assert here == elsewhere(1) == elsewhere(2)
    lines = [json.loads(line) for line in here.splitlines()]
    assert [each["did"] for each in lines if each["kind"] == "rule"] == ["armed"] * 3
    faults = [each for each in lines if each["kind"] == "fault"]
    assert {each["effect"] for each in faults} == {"definite", "indefinite"}
    assert len(faults) > 8


if __name__ == "__main__":
    sys.stdout.write(run())
