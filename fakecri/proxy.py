"""The proxy: rules and the recorder before a real runtime.

Every call goes through the same pipeline as those of the simulated runtime, but is forwarded where
a handler would run. There is no node behind it: what turns the clock or changes the state of things
has nothing to act on here.
"""

from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from fakecri.core.faults.rules import breaks_wires
from fakecri.host import Host
from fakecri.laboratory import Laboratory
from fakecri.loops import LoopThread
from fakecri.opening import open_host
from fakecri.pace import Rate
from fakecri.relay import Relay
from fakecri.scopes import Rules, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fakecri.server import Server


class Proxy(Laboratory):
    """A real runtime, with rules and the recorder before it."""

    def __init__(
        self,
        upstream: str,
        *,
        seed: int = 0,
        record: TextIO | None = None,
        keep_calls: int | None = None,
        learn: bool = False,
        rules: Rules = (),
        strict_rules: bool = False,
        mask: "Sequence[str]" = (),
    ) -> None:
        """`upstream`: where the runtime listens, as `unix:///run/containerd/containerd.sock`.

        It is dialled at the first call. `seed` is what the random numbers of rules follow from,
        `record` gets the recording, `keep_calls` bounds what `calls` remembers. With `learn` the
        runtime is asked for its pods, containers and images, so that rules know those that are
        there already; else nothing is asked that no client asks. `rules` are armed from the start;
        with `strict_rules` each has to act before the context is left. `mask` hides fields of
        messages from the recording, such as `KeyValue.value`. UsageError for what cannot be.
        """
        self._relay = Relay(upstream)
        host = open_proxy_host(
            self._relay,
            seed=seed,
            record=record,
            keep_calls=keep_calls,
            rules=texts_of(rules),
            mask=mask,
        )
        self._thread: LoopThread | None = LoopThread()
        try:
            self._thread.run(self._relay.open(host))
            super().__init__(host, rules, strict_rules=strict_rules)
            if learn:
                self._thread.run(self._relay.learn())
        except BaseException:
            host.close()
            self._hang_up()
            raise

    @property
    def upstream(self) -> str:
        """Where the runtime listens."""
        return self._relay.endpoint

    @contextmanager
    def serve(self, address: str, *, wire_faults: bool | None = None) -> "Iterator[Server]":
        """Serve on `unix:///path` or a loopback address while the context lasts.

        `wire_faults`: whether rules can break its connections, as for `CRI.serve`.
        """
        from fakecri.server import Server  # noqa: PLC0415  # as CRI.serve does

        if wire_faults is None:
            wire_faults = breaks_wires(rule.rule for rule in self.faults.armed)
        with Server(
            self._host, address, self._relay, self._thread, wire_faults=wire_faults
        ) as server:
            yield server

    def close(self) -> None:
        """End every call in flight and hang up; harmless when closed."""
        super().close()
        self._hang_up()

    def _hang_up(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.run(self._relay.close())
            thread.close()


def open_proxy_host(
    relay: Relay,
    *,
    seed: int = 0,
    record: TextIO | None = None,
    keep_calls: int | None = None,
    rules: "Sequence[str]" = (),
    mask: "Sequence[str]" = (),
) -> Host:
    """Return a host whose calls are a relay's, once that is open. Its time is real time.

    `rules` are the texts of those that are about to be armed.
    """
    return open_host(
        seed=seed,
        pace=Rate(1.0),
        record=record,
        keep_calls=keep_calls,
        rules=rules,
        upstream=relay,
        mask=mask,
    )
