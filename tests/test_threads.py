"""Many threads, one runtime: nobody loses a call, and the store stays in order."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from fakecri.api import runtime_pb2 as pb
from tests.invariants import check_store
from tests.support import FACES, Node, node

THREADS = 8
ROUNDS = 12


def live(opened: Node, worker: int) -> int:
    """Lead pods from their cradle to their grave; return how many."""
    for number in range(ROUNDS):
        pod = f"pod-{worker}-{number}"
        sandbox = opened.run_sandbox(pod)
        container = opened.run(sandbox, "sleep", "100", pod=pod)
        request = pb.ExecSyncRequest(container_id=container, cmd=["hostname"])
        assert opened.runtime.ExecSync(request).exit_code == 0
        opened.stop(container, timeout=1)
        assert opened.status(container).exit_code == 137
        opened.remove_sandbox(sandbox)
    return ROUNDS


@pytest.mark.parametrize("face", FACES)
def test_pods_of_many_threads_do_not_disturb_each_other(face: str) -> None:
    with node(face) as opened, ThreadPoolExecutor(THREADS) as pool:
        opened.pull()
        done = list(pool.map(lambda worker: live(opened, worker), range(THREADS)))
        assert sum(done) == THREADS * ROUNDS
        check_store(opened.cri.host.world)
        assert len(opened.cri.host.world.store.sandboxes) == 0


@pytest.mark.parametrize("face", FACES)
def test_of_many_who_want_a_name_one_gets_it(face: str) -> None:
    together = threading.Barrier(THREADS)

    def compete(opened: Node) -> grpc.StatusCode:
        together.wait()
        try:
            opened.run_sandbox("wanted")
        except grpc.RpcError as refusal:
            return refusal.code()
        return grpc.StatusCode.OK

    with node(face) as opened, ThreadPoolExecutor(THREADS) as pool:
        codes = list(pool.map(lambda _: compete(opened), range(THREADS)))
    assert sorted(code.name for code in codes) == [
        *["FAILED_PRECONDITION"] * (THREADS - 1),
        "OK",
    ]


@pytest.mark.parametrize("face", FACES)
def test_removals_of_one_image_at_once_all_succeed(face: str) -> None:
    with node(face) as opened, ThreadPoolExecutor(THREADS) as pool:
        image = opened.pull()
        request = pb.RemoveImageRequest(image=pb.ImageSpec(image=image))
        list(pool.map(lambda _: opened.images.RemoveImage(request), range(THREADS)))
        assert not opened.images.ListImages(pb.ListImagesRequest()).images


def test_an_event_stream_in_another_thread_sees_all_in_order() -> None:
    with node("object") as opened:
        opened.pull()
        events = opened.runtime.GetContainerEvents(pb.GetEventsRequest())
        seen: list[tuple[str, int]] = []

        def listen() -> None:
            for event in events:
                seen.append((event.container_id, event.container_event_type))
                if event.container_event_type == pb.CONTAINER_DELETED_EVENT:
                    return

        listener = threading.Thread(target=listen)
        listener.start()
        sandbox = opened.run_sandbox()
        container = opened.run(sandbox, "true")
        opened.remove(container)
        listener.join()
        assert seen == [
            (sandbox, pb.CONTAINER_CREATED_EVENT),
            (sandbox, pb.CONTAINER_STARTED_EVENT),
            (container, pb.CONTAINER_CREATED_EVENT),
            (container, pb.CONTAINER_STARTED_EVENT),
            (container, pb.CONTAINER_STOPPED_EVENT),
            (container, pb.CONTAINER_DELETED_EVENT),
        ]
