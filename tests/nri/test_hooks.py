"""What plugins that are objects can do, plugins that connect can: the same tests, over a socket."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest

from fakecri.clock import UntilStopped
from fakecri.nri.objects import Plugins
from tests.behaviour import test_nri_adjustments, test_nri_containers, test_nri_pods
from tests.nri.wire_plugin import WirePlugin
from tests.server.served import until
from tests.support import Node, node

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fakecri.nri.hooks import Hooks

MODULES = (test_nri_pods, test_nri_containers, test_nri_adjustments)
OF_OBJECTS = {
    # Their hooks wait in virtual time.
    "test_a_hook_may_wait_in_virtual_time",
    "test_a_plugin_that_takes_too_long_is_closed_and_ignored",
    "test_other_calls_go_on_while_a_plugin_thinks",
    "test_a_deadline_of_the_client_closes_the_plugin_that_lets_it_pass",
    "test_a_container_that_is_created_while_a_plugin_synchronises_is_not_lost",
    "test_a_removal_whose_client_goes_while_plugins_think_can_be_tried_again",
    "test_a_pod_is_removed_though_its_client_goes_while_plugins_think",
    # Over a socket the runtime does not say why it ends a connection.
    "test_a_plugin_that_fails_to_synchronise_is_not_connected",
}
"""What there is another test of, in test_server, or no sense in."""

TESTS: dict[str, Any] = {
    f"{name}_{module.__name__.rpartition('_')[2]}": test
    for module in MODULES
    for name, test in vars(module).items()
    if name.startswith("test_") and name not in OF_OBJECTS
}
globals().update(TESTS)


class Connection(UntilStopped):
    """What `cri.nri.connect` returns, of a plugin that is connected to a socket."""

    def __init__(self, plugins: Plugins, plugin: WirePlugin, name: str) -> None:
        super().__init__(self._hang_up)
        self._plugins = plugins
        self._name = name
        self._plugin = plugin

    @property
    def connected(self) -> bool:
        """Whether the runtime still calls it."""
        return self._name in self._plugins.names

    def _hang_up(self) -> None:
        self._plugin.close()
        until(lambda: not self.connected)


@pytest.fixture(name="node")
def _node(face: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Node]:
    """Open a node whose plugins are connected to its socket."""
    plugged: list[WirePlugin] = []

    def connect(
        self: Plugins, hooks: Hooks, *, name: str = "test", index: str = "00"
    ) -> Connection:
        plugin = WirePlugin(path, hooks, name=name, index=index)
        plugged.append(plugin)
        until(lambda: f"{index}-{name}" in self.names)
        return Connection(self, plugin, f"{index}-{name}")

    with TemporaryDirectory(prefix="fakecri-") as directory:
        path = Path(directory, "nri.sock")
        with node(face, nri_socket=path) as opened:
            monkeypatch.setattr(Plugins, "connect", connect)
            yield opened
    for plugin in plugged:
        plugin.close()


def test_the_tests_that_are_left_out_are_there() -> None:
    assert {name for module in MODULES for name in vars(module)} >= OF_OBJECTS
