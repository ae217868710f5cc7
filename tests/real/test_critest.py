"""critest, the conformance tests of the CRI: each spec passes, or the table tells why not.

`FAKECRI_REPORTS=DIR` keeps the reports, as JSON and as JUnit.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conformance import PASSED, Table, differences
from tests.real import install, namespaces
from tests.real.measure import DEFAULT, NO_APPARMOR, PERSONALITIES, fakecri, go_fake
from tests.real.suites import critest
from tests.requirements import skip_for

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real.suites import Run

pytestmark = pytest.mark.real

TABLE = Table.read("critest")
LATER = install.CRI_TOOLS_LATER
OVER_WEBSOCKETS = ("-websocket-exec", "-websocket-attach", "-websocket-portforward")
QUICK = ("Runtime info", "PodSandbox runtime should support basic operations")
OTHER_IMAGES = """\
defaultTestContainerImage: docker.io/library/busybox:1.36
webServerTestImage: docker.io/library/httpd:2.4
"""


@pytest.fixture
def home(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Where a run has its files and its reports; the machine is one that can run it."""
    skip_for(
        [*install.missing("critest", "critest-later", "ginkgo", "ip"), *namespaces.obstacles()]
    )
    yield tmp_path
    if reports := os.environ.get("FAKECRI_REPORTS"):
        kept = Path(reports) / str(request.node.name)
        kept.mkdir(parents=True, exist_ok=True)
        for report in (tmp_path / name for name in ("report.json", "junit.xml", "output")):
            if report.exists():
                shutil.copy(report, kept)


def run(home: Path, *options: str, name: str = "critest-later") -> Run:
    with fakecri(home) as subject:
        return critest(subject, home, *options, name=name)


def assert_as_expected(run: Run, version: str = LATER, column: str = DEFAULT) -> None:
    assert differences(TABLE.of(version), column, run.outcomes) == [], run.output
    assert run.junit == {verdict: run.count(verdict) for verdict in run.junit}


def test_every_spec_is_as_expected(home: Path) -> None:
    done = run(home, *NO_APPARMOR)
    assert_as_expected(done)
    assert done.count(PASSED) == TABLE.count(DEFAULT, PASSED)


def test_every_spec_of_the_version_before_is_as_expected(home: Path) -> None:
    assert_as_expected(run(home, *NO_APPARMOR, name="critest"), install.CRI_TOOLS_VERSION)


def test_every_spec_is_as_expected_when_four_run_at_once(home: Path) -> None:
    assert_as_expected(run(home, *NO_APPARMOR, "-parallel", "4"))


@pytest.mark.parametrize("personality", PERSONALITIES[1:])
def test_every_spec_is_as_expected_of_a_personality(home: Path, personality: str) -> None:
    with fakecri(home, personality) as subject:
        done = critest(subject, home, *NO_APPARMOR, "-parallel", "4")
    assert_as_expected(done, column=personality)


def test_every_spec_is_as_expected_with_other_images(home: Path) -> None:
    images = home / "images.yaml"
    images.write_text(OTHER_IMAGES)
    assert_as_expected(run(home, *NO_APPARMOR, "-test-images-file", str(images)))


def test_the_fake_of_go_passes_what_is_stored_of_it(home: Path) -> None:
    skip_for(install.missing("gofake"))
    with go_fake(home) as subject:  # the others wait, for minutes in all
        done = critest(subject, home, "-ginkgo.focus", "|".join(QUICK))
    expected = [spec for spec in TABLE.specs if spec.name.startswith(QUICK)]
    told = {spec.name: done.outcomes[spec.name] for spec in expected}
    assert differences(expected, "go-fake", told) == [], done.output
    assert sum(outcome.verdict == PASSED for outcome in told.values()) == 6


def test_every_spec_of_streaming_passes_over_websockets(home: Path) -> None:
    done = run(home, "-ginkgo.focus", "Streaming", *OVER_WEBSOCKETS)
    passed = {name for name, outcome in done.outcomes.items() if outcome.verdict == PASSED}
    assert passed == {spec.name for spec in TABLE.specs if spec.name.startswith("Streaming ")}
