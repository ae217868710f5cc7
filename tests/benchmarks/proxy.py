"""What a proxy adds to a call, as a ratio in one run: `python tests/benchmarks/proxy.py`.

A runtime and a proxy before it run in processes of their own, as they do in use; one client makes
the same calls on both, in turns, so that whatever else the machine does hits both alike. A ratio is
that of the medians of the rounds.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, runtime_stub

if TYPE_CHECKING:
    from fakecri.api.stubs import RuntimeServiceStub

WARM_UP = 50


@contextmanager
def running(*arguments: str) -> Iterator[None]:
    """Run a command of fakecri until it is ready, and end it."""
    command = [sys.executable, "-m", "fakecri", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            yield
        finally:
            process.terminate()


def fill(endpoint: str, pods: int) -> None:
    """Run pods, so that lists have something in them."""
    with connect(endpoint) as channel:
        stub = runtime_stub(channel)
        for number in range(pods):
            metadata = pb.PodSandboxMetadata(name=f"p{number}", uid=f"u{number}", namespace="n")
            config = pb.PodSandboxConfig(metadata=metadata)
            stub.RunPodSandbox(pb.RunPodSandboxRequest(config=config))


def microseconds(call: Callable[[], object], count: int) -> float:
    """Measure one call."""
    begin_s = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - begin_s) * 1e6 / count


def compare(direct: Callable[[], object], proxied: Callable[[], object], count: int) -> object:
    """Measure both in turns."""
    for call in (direct, proxied):
        microseconds(call, WARM_UP)
    rounds = [(microseconds(direct, count), microseconds(proxied, count)) for _ in range(7)]
    direct_us, proxied_us = (median(each) for each in zip(*rounds, strict=True))
    return {
        "direct_us": round(direct_us),
        "proxied_us": round(proxied_us),
        "ratio": round(proxied_us / direct_us, 2),
    }


def main() -> None:
    """Print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="in a round")
    parser.add_argument("--pods", type=int, default=100, help="in a list")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fakecri-") as home:
        upstream, front = f"unix://{home}/upstream.sock", f"unix://{home}/proxy.sock"
        with (
            running("serve", "--listen", upstream, "--logs", "memory"),
            running("proxy", "--upstream", upstream, "--listen", front),
            connect(upstream) as direct,
            connect(front) as proxied,
        ):
            fill(upstream, options.pods)
            stubs = runtime_stub(direct), runtime_stub(proxied)
            asked: dict[str, Callable[[RuntimeServiceStub], object]] = {
                "Version": lambda stub: stub.Version(pb.VersionRequest(), timeout=5),
                f"ListPodSandbox of {options.pods}": lambda stub: stub.ListPodSandbox(
                    pb.ListPodSandboxRequest(), timeout=5
                ),
            }
            results = {
                name: compare(lambda: ask(stubs[0]), lambda: ask(stubs[1]), options.calls)  # noqa: B023  # it is called in the same turn
                for name, ask in asked.items()
            }
    sys.stdout.write(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
