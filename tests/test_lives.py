"""Pods come and go, and nothing of those that are gone is kept: a runtime may live for ever."""

import gc
from collections import Counter
from pathlib import Path

import pytest

from fakecri.api import runtime_pb2 as pb
from tests.support import FACES, Node, node

LIVES = 20
KEPT_CALLS = 20
ENDS = ("stops", "exits", "oom", "dies")


def live(opened: Node, name: str, end: str) -> None:
    """Lead a pod with two containers from its cradle to its grave."""
    sandbox = opened.run_sandbox(name, log_directory=f"/var/log/pods/{name}")
    script = "echo out; while true; do sleep 1; done"
    main = opened.run(sandbox, "sh", "-c", script, pod=name)
    opened.run(sandbox, "sleep", "infinity", pod=name, name="beside")
    opened.runtime.ExecSync(pb.ExecSyncRequest(container_id=main, cmd=["sh", "-c", "echo x > /x"]))
    opened.runtime.ReopenContainerLog(pb.ReopenContainerLogRequest(container_id=main))
    state = opened.cri.state
    match end:
        case "exits":
            state.container(main).exit(3)
        case "oom":
            state.container(main).oom()
        case "dies":
            state.sandbox(sandbox).die()
        case _:
            opened.stop(main, timeout=1)
    opened.runtime.ListContainerStats(pb.ListContainerStatsRequest())
    opened.stop_sandbox(sandbox)
    opened.remove(main)
    opened.remove_sandbox(sandbox)


def ours() -> Counter[str]:
    """Count the objects that are alive, by their types of fakecri."""
    gc.collect()
    types = (type(each) for each in gc.get_objects())
    return Counter(f"{each.__module__}.{each.__qualname__}" for each in types if is_ours(each))


def is_ours(kind: type) -> bool:
    """Tell whether a type is of fakecri, or what its programs are made of."""
    return str(kind.__module__).startswith("fakecri") or kind.__qualname__ in {"generator", "dict"}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("face", FACES)
def test_pods_that_are_gone_take_no_room(face: str, end: str, tmp_path: Path) -> None:
    # As a real node's, its logs are on a disk, where it is for a kubelet to remove them.
    with node(face, keep_calls=KEPT_CALLS, log_root=tmp_path) as opened:
        opened.pull("busybox")
        for number in range(LIVES):
            live(opened, f"early-{number}", end)
        before = ours()
        for number in range(LIVES):
            live(opened, f"late-{number}", end)
        grown = {each: count for each, count in (ours() - before).items() if count >= LIVES // 2}
    assert grown == {}
