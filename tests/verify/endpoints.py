"""Runtimes on sockets, to be compared."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from fakecri import CRI
from fakecri.api import runtime_pb2 as pb
from fakecri.channel import connect, image_stub
from fakecri.pace import Rate

IMAGE = "docker.io/library/busybox:latest"


@contextmanager
def endpoint(*, rules: Sequence[str] = (), **options: Any) -> Iterator[str]:
    """Serve a runtime that has the image, whose time passes and whose logs are on the disk."""
    with TemporaryDirectory(prefix="fakecri-") as directory:
        address = f"unix://{directory}/cri.sock"
        root = {"log_root": Path("/"), "pace": Rate(20), "rules": rules}
        with CRI(**{**root, **options}) as cri, cri.serve(address), connect(address) as channel:
            request = pb.PullImageRequest(image=pb.ImageSpec(image=IMAGE))
            image_stub(channel).PullImage(request)
            yield address
