"""How fast streams are, as ratios in one run: `python -m tests.benchmarks.streams`.

Bytes: what an exec writes to its stdout, over SPDY and over a WebSocket, to a plain HTTP download
of as many bytes, from an event loop in the same process. Both are drained by the same client, which
looks at none of it. Calls: execs of `echo`, one after another, to ExecSync of the same over gRPC;
an exec is a call, an HTTP upgrade, streams and a status. All take turns, so that whatever else
the machine does hits them alike. A ratio is that of the medians of the rounds.
"""

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from statistics import median

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.api.stubs import RuntimeServiceStub
from fakecri.channel import connect, runtime_stub
from fakecri.loops import LoopThread
from fakecri.streaming.spdy import Connection
from tests.streaming import http_client, spdy_client, websocket_client

PIECE = 65_536


# The server's process.


class Download(asyncio.Protocol):
    """Answers whatever comes with a body of the size in its path, as fast as asyncio writes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._transport.set_write_buffer_limits(high=PIECE)
        self._left = 0
        self._writable = True

    def data_received(self, data: bytes) -> None:
        """Take the request, which comes in one piece."""
        self._left = int(data.split()[1].removeprefix(b"/"))
        self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self._left)
        self._write()

    def pause_writing(self) -> None:
        """Wait."""
        self._writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        self._write()

    def _write(self) -> None:
        while self._writable and self._left:
            piece = bytes(min(PIECE, self._left))
            self._left -= len(piece)
            self._transport.write(piece)
        if not self._left:
            asyncio.get_running_loop().call_soon(self._transport.close)


async def _listen() -> int:
    server = await asyncio.get_running_loop().create_server(Download, "127.0.0.1", 0)
    port: int = server.sockets[0].getsockname()[1]
    return port


def serve(endpoint: str) -> None:
    """Serve a runtime with one container, and the download, until standard input ends."""
    loop = LoopThread("download")
    with CRI(keep_calls=0) as cri, cri.serve(endpoint):
        service = cri.runtime_service
        image = pb.ImageSpec(image="busybox")
        cri.image_service.pull_image(image)
        pod = pb.PodSandboxConfig(metadata=pb.PodSandboxMetadata(name="p", uid="u", namespace="n"))
        container = pb.ContainerConfig(
            metadata=pb.ContainerMetadata(name="c"), image=image, command=["sleep", "1d"]
        )
        container_id = service.create_container(service.run_pod_sandbox(pod), container, pod)
        service.start_container(container_id)
        print(json.dumps([container_id, loop.run(_listen())]), flush=True)  # noqa: T201  # its output
        sys.stdin.read()


@contextmanager
def served(endpoint: str) -> Iterator[tuple[str, int]]:
    """Run that process; yield the container's id and the port of the download."""
    command = [sys.executable, "-m", "tests.benchmarks.streams", "--serve", endpoint]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            container_id, port = json.loads(process.stdout.readline())
            yield container_id, port
        finally:
            process.kill()


# The client's.


class Client:
    """Runs commands in the container."""

    def __init__(self, stub: RuntimeServiceStub, container_id: str, port: int) -> None:
        self._stub = stub
        self._container_id = container_id
        self._port = port

    def _url(self, *command: str) -> str:
        request = pb.ExecRequest(container_id=self._container_id, cmd=command, stdout=True)
        return self._stub.Exec(request).url

    def download(self, size: int) -> None:
        """Fetch so many bytes over HTTP."""
        connection = http_client.connect(f"http://127.0.0.1:{self._port}/")
        with connection:
            connection.sendall(b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n" % size)
            _drain(connection, size)

    def spdy(self, size: int) -> None:
        """Let an exec write them, over SPDY."""
        url = self._url("head", "-c", str(size), "/dev/zero")
        lines = spdy_client.offers("v4.channel.k8s.io")
        connection, _ = http_client.ask(url, "POST", lines)
        spdy = Connection(client=True)
        with connection:
            for name in ("error", "stdout"):
                connection.sendall(spdy.open_stream((("streamtype", name),))[1])
            _drain(connection, size)

    def websocket(self, size: int) -> None:
        """Likewise, over a WebSocket."""
        url = self._url("head", "-c", str(size), "/dev/zero")
        lines = websocket_client.offers("v5.channel.k8s.io")
        connection, answer = http_client.ask(url, "GET", lines)
        with connection:
            _drain(connection, size - len(answer.rest))

    def exec_over_spdy(self) -> None:
        """Run a small command."""
        with spdy_client.open(self._url("echo", "hello"), stderr=False) as stream:
            assert stream.result().stdout == b"hello\n"

    def exec_over_websocket(self) -> None:
        """Likewise."""
        url = self._url("echo", "hello")
        with websocket_client.open(url) as stream:
            assert stream.result().stdout == b"hello\n"

    def exec_sync(self) -> None:
        """Run it, and get its output with the answer."""
        request = pb.ExecSyncRequest(container_id=self._container_id, cmd=["echo", "hello"])
        assert self._stub.ExecSync(request).stdout == b"hello\n"


def _drain(connection: socket.socket, size: int) -> None:
    buffer = memoryview(bytearray(4 * PIECE))
    count = 0
    while received := connection.recv_into(buffer):
        count += received
    assert count > size, "the stream was not whole"


def repeat(work: Callable[[], object], count: int) -> None:
    """Do it so many times."""
    for _ in range(count):
        work()


def measured(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Return the median of the seconds that each takes, all in turns, after one to warm up."""
    spent: list[list[float]] = [[] for _ in works]
    for number in range(rounds + 1):
        for each_s, work in zip(spent, works, strict=True):
            begin_s = time.perf_counter()
            work()
            if number:
                each_s.append(time.perf_counter() - begin_s)
    return [median(each_s) for each_s in spent]


def figures(
    works: Sequence[Callable[..., object]], spent_s: Sequence[float], amount: float
) -> dict[str, object]:
    """Return how much each does in a second, and the ratio to the first."""
    return {
        work.__name__: {"each": round(amount / each_s), "ratio": round(spent_s[0] / each_s, 2)}
        for work, each_s in zip(works, spent_s, strict=True)
    }


def main() -> None:
    """Print figures and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bytes", type=int, default=200_000_000, help="of one exec")
    parser.add_argument("--execs", type=int, default=200, help="in a round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    with tempfile.TemporaryDirectory(prefix="fakecri-") as home:
        endpoint = f"unix://{home}/cri.sock"
        with served(endpoint) as (container_id, port), connect(endpoint) as channel:
            client = Client(runtime_stub(channel), container_id, port)
            bulk = (client.download, client.spdy, client.websocket)
            small = (client.exec_sync, client.exec_over_spdy, client.exec_over_websocket)
            bulk_s = measured([partial(each, options.bytes) for each in bulk], options.rounds)
            small_s = measured(
                [partial(repeat, each, options.execs) for each in small], options.rounds
            )
    results = {
        "MB_per_s": figures(bulk, bulk_s, options.bytes / 1e6),
        "execs_per_s": figures(small, small_s, options.execs),
    }
    sys.stdout.write(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
