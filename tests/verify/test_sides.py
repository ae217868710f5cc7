"""What is seen of a runtime beside its answers."""

from pathlib import Path

from fakecri import CRI
from fakecri.verify.sides import reached
from tests.server.served import until


def test_a_runtime_may_be_late_to_say_that_it_has_no_events(tmp_path: Path) -> None:
    address = f"unix://{tmp_path}/cri.sock"
    rules = ["GetContainerEvents = gate(late)"]
    with (
        CRI(personality="containerd-1.6", rules=rules) as cri,
        cri.serve(address),
        reached(address) as side,
    ):
        events = side.events
        assert events is not None
        assert events.there
        cri.gates["late"].release()
        until(lambda: not events.there)
        assert events.next() is None
