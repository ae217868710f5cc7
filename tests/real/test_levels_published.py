"""The levels are what Kubernetes has published."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fakecri.core.levels import LAST_WITH_V1ALPHA2, level_of
from tests.real import published
from tests.requirements import skip_for

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real

MINORS = (20, 23, 24, 25, 26, 30, 33, 36, 37)
METADATA_OF_EVENTS = (
    "ContainerEventResponse",
    "pod_sandbox_metadata",
    4,
    11,
    "PodSandboxMetadata",
    1,
)
"""What was put out again, and another field has its number: docs/levels.md says so."""


@pytest.mark.parametrize("minor", MINORS)
@pytest.mark.parametrize("package", ["v1", "v1alpha2"])
def test_a_level_is_the_published_contract(minor: int, package: str, tmp_path: Path) -> None:
    skip_for(published.obstacles())
    source = published.proto(minor, package)
    assert source.exists() == (package == "v1" or minor <= LAST_WITH_V1ALPHA2)
    level = level_of(f"1.{minor}")
    contract = level.v1 if package == "v1" else level.v1alpha2
    assert (contract is not None) == source.exists()
    if contract is None:
        return
    told = set(published.facts(published.described(published.plain(source, tmp_path))))
    ours = set(published.facts(contract.described))
    assert ours - told == set()
    assert told - ours == ({METADATA_OF_EVENTS} if (minor, package) == (25, "v1") else set())
