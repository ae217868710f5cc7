"""A node: a runtime in this process, and a kubelet on it."""

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

from fakecri.contexts import UntilLeft
from fakecri.control.options import Options
from fakecri.core.files import MemoryFiles
from fakecri.host_mounts import HostFiles
from fakecri.kubelet.configuration import Settings
from fakecri.kubelet.process import PATIENCE_S, Kubelet
from fakecri.logs import DiskFiles
from fakecri.server import Server

T = TypeVar("T")


class KubeletNode(UntilLeft):
    """A runtime and a kubelet, in a directory of their own.

    Logs are on this machine's disk, volumes are shared with the containers, and real clients such
    as the kubelet's probes reach the pods at addresses of the loopback block.
    """

    def __init__(  # all that can be chosen, by keyword
        self,
        program: Path,
        directory: Path,
        *,
        name: str = "node",
        settings: Settings | None = None,
        gates: Mapping[str, bool] | None = None,
        flags: Sequence[str] = (),
        record: Path | None = None,
        records: bool = True,
        **options: Any,
    ) -> None:
        """`options` are those of `fakecri.control.options.Options`; the others those of Kubelet.

        `record` is where the recording goes: `recording.jsonl` in the directory, unless given.
        Without `records` there is none.
        """
        self.directory = Path(directory).resolve()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.recording = record or self.directory / "recording.jsonl"
        self._stack = ExitStack()
        with ExitStack() as stack:
            chosen = Options(**{**self._usual(), **options})
            chosen.check()
            file = stack.enter_context(self.recording.open("w", buffering=1)) if records else None
            self.cri, self.rules = chosen.open(file)
            stack.callback(self.cri.close)
            self.server = Server(
                self.cri.host,
                f"unix://{self.directory}/cri.sock",
                wire_faults=chosen.breaks_wires,
            )
            self.server.start()
            stack.callback(self.server.stop)
            self.kubelet = Kubelet(
                program,
                self.server.endpoint,
                self.directory,
                name=name,
                settings=settings,
                gates=gates,
                flags=flags,
            )
            # What is done to a node is mostly this.
            manifests = self.kubelet.manifests
            self.put, self.put_all = manifests.put, manifests.put_all
            self.placed, self.remove = manifests.placed, manifests.remove
            self._stack = stack.pop_all()

    def _usual(self) -> dict[str, Any]:
        images = self.directory / "images"
        images.mkdir(exist_ok=True)
        return {
            "files": lambda: (DiskFiles(), HostFiles(MemoryFiles(), [self.directory])),
            "on_disk": True,
            "network": "loopback",
            "pod_subnets": (own_subnet(),),
            "image_fs": str(images),
        }

    def __enter__(self) -> Self:
        try:
            self.kubelet.start()
        except BaseException:
            self.close()
            raise
        return self

    def _left(self, error: BaseException | None) -> None:  # noqa: ARG002  # it ends all the same
        self.close()

    def close(self) -> None:
        """Stop the kubelet, then the runtime; put the machine back. Harmless when done."""
        # Containers hold what is mounted below the directory.
        try:
            self.kubelet.stop()
            self._stack.close()
        finally:
            self.kubelet.close()

    def until(self, condition: Callable[[], T], what: str, within_s: float = PATIENCE_S) -> T:
        """As `Kubelet.until`."""
        return self.kubelet.until(condition, what, within_s)


def own_subnet(*, wide: bool = False) -> str:
    """Return a /24 of the loopback block, or a /16, that other processes hardly have."""
    pid = os.getpid()
    if wide:
        return f"127.{192 + pid % 60}.0.0/16"
    return f"127.{128 + pid % 64}.{pid // 64 % 256}.0/24"
