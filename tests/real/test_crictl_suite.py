"""The tests that crictl comes with: each passes, or the table says why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.conformance import Table, differences
from tests.real import install, namespaces
from tests.real.measure import DEFAULT, fakecri
from tests.real.suites import crictl_tests
from tests.requirements import skip_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real

TABLE = Table.read("crictl")


@pytest.mark.parametrize(
    ("suffix", "version"),
    [("", install.CRI_TOOLS_VERSION), ("-later", install.CRI_TOOLS_LATER)],
    ids=[install.CRI_TOOLS_VERSION, install.CRI_TOOLS_LATER],
)
def test_every_test_of_crictl_is_as_expected(tmp_path: Path, suffix: str, version: str) -> None:
    tools = install.missing("ginkgo", "ip", f"crictl{suffix}", f"crictl-tests{suffix}")
    skip_for([*tools, *namespaces.obstacles()])
    with fakecri(tmp_path) as subject:
        done = crictl_tests(subject, tmp_path, suffix)
    assert differences(TABLE.of(version), DEFAULT, done.outcomes) == [], done.output
    assert done.junit == {verdict: done.count(verdict) for verdict in done.junit}
