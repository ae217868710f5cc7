"""What tests do with any runtime of ours, be it simulated or a real one behind a proxy."""

from typing import TYPE_CHECKING, cast

from fakecri.contexts import UntilLeft
from fakecri.core.history import History
from fakecri.core.recorder import CallRecord
from fakecri.errors import CRIError
from fakecri.gates import Gate, Gates, most_concurrent, unused_name
from fakecri.host import Host
from fakecri.scopes import Faulting, Rules
from fakecri.services import ImageClient, RuntimeClient
from fakecri.stub import service_stub

if TYPE_CHECKING:
    from fakecri.api.stubs import ImageServiceStub, RuntimeServiceStub


class Laboratory(UntilLeft):
    """Calls, the record of all calls, and what makes them fail. All of it is thread-safe.

    It has the two services as stubs, `runtime` and `images`, whose calls have the shape of gRPC's,
    and in the Go-style form, `runtime_service` and `image_service`.
    """

    def __init__(self, host: Host, rules: Rules = (), *, strict_rules: bool = False) -> None:
        """`rules` are armed; with `strict_rules` those of every scope have to act."""
        self._host = host
        self.faults = Faulting(host, strict=strict_rules)
        """Arms rules: `with cri.faults("StopContainer = 1* error(UNAVAILABLE)") as scope:`"""
        self.gates = Gates(host)
        """The gates that rules name: `cri.gates["ready"].release()`."""
        if rules:
            self.faults(rules)
        self.runtime = cast("RuntimeServiceStub", service_stub(host, "RuntimeService"))
        self.images = cast("ImageServiceStub", service_stub(host, "ImageService"))
        self.runtime_service = RuntimeClient(self.runtime)
        self.image_service = ImageClient(self.images)

    @property
    def host(self) -> Host:
        """What the faces share."""
        return self._host

    @property
    def calls(self) -> list[CallRecord]:
        """Every call so far, in the order of their arrival."""
        with self._host.turn() as world:
            return list(world.recorder.calls)

    @property
    def history(self) -> History:
        """The calls so far, to be asserted about."""
        return History(self.calls)

    def inject_error(self, rpc: str, error: CRIError) -> None:
        """Let the next call of `rpc` fail with `error`, before the runtime sees it."""
        with self._host.turn() as world:
            world.faults.inject_error(rpc, error)

    def gate(self, calls: str, phase: str = "before") -> Gate:
        """Hold calls until they are released: `with cri.gate("PullImage{image=*big*}") as gate:`.

        `calls` is what stands before the = of a rule. UsageError where no rule can be so.
        """
        name = unused_name(self._host)
        return Gate(self._host, name, self.faults(f"{calls} = {phase}:gate({name})", strict=False))

    def max_concurrent(self, target: str) -> int:
        """Return how many calls of an RPC, or of a word such as `*`, were in flight together."""
        return most_concurrent(self.calls, target)

    def close(self) -> None:
        """End every call in flight; harmless when closed.

        `faults.check()` tells of strict rules that have not acted; leaving the context does so too.
        """
        self._host.close()

    def _left(self, error: BaseException | None) -> None:
        self.close()
        if error is None:
            self.faults.check()
