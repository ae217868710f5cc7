"""A runtime that is legal and nasty: what no client may rely on is another way every time.

Source: spec lifecycle 2.3, 7, 13, 18.3, 24 and 25: all of it is what some real runtime does, or
what the contract leaves open. Rules that always stand do most of it; what they draw follows from
the seed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

CHAOTIC: Mapping[str, Any] = MappingProxyType(
    {
        "rules": (
            # containerd lists what is in a map of Go, whose order is another one every time.
            "lists = reply:shuffle",
            # Answers are slow, now and then.
            "reads = 30% after:delay(uniform, 1ms, 50ms)",
            "writes = 30% before:delay(uniform, 1ms, 20ms)",
            # Events are told behind the answer to what has caused them.
            "GetContainerEvents = stream:delay(uniform, 1ms, 100ms)",
            # A newer runtime says more than a client knows.
            'Version, Status = reply:future(9999, "of a newer runtime")',
        ),
        "stream_batch": 3,
        "ready_lag_ns": 50_000_000,
    }
)
