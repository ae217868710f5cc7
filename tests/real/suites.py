"""Runs the conformance suites of cri-tools, which are of Ginkgo: critest and crictl's own tests."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from tests.conformance import Outcome
from tests.real import install

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RUN_TIMEOUT_S = 900
LATER = "critest-later"
VERDICTS = {"passed": "pass", "skipped": "skip"}
"""The states of a spec that are not worse than to fail."""
REPRODUCIBLE = ("-ginkgo.seed", "1", "-ginkgo.no-color", "-ginkgo.timeout", f"{RUN_TIMEOUT_S}s")


@dataclass(frozen=True)
class Run:
    """A suite that was run: what became of each spec, and all that it said."""

    outcomes: dict[str, Outcome]
    status: int
    output: str
    junit: dict[str, int]

    def count(self, verdict: str) -> int:
        """How many specs have it."""
        return sum(outcome.verdict == verdict for outcome in self.outcomes.values())


@dataclass(frozen=True)
class Subject:
    """A runtime: its endpoint, the words that run a command where it is, its socket for plugins."""

    endpoint: str
    inside: Sequence[str] = ()
    plugins: str = ""


def critest(subject: Subject, home: Path, *options: str, name: str = LATER) -> Run:
    """Run critest, which has its files below `home`, and so they are what containers mount."""
    plugins = ("-nri-socket", subject.plugins) if subject.plugins and name == LATER else ()
    endpoint = ("-runtime-endpoint", subject.endpoint)
    return _run([*subject.inside, _program(name), *endpoint, *plugins, *options], home)


def crictl_tests(subject: Subject, home: Path, suffix: str = "-later") -> Run:
    """Run the tests of crictl on the crictl of their version; `suffix` is that of the programs."""
    program, crictl = _program(f"crictl-tests{suffix}"), _program(f"crictl{suffix}")
    paths = ("-crictl-binary-path", crictl, "-crictl-runtime-endpoint", subject.endpoint)
    return _run([*subject.inside, program, *paths], home)


def _run(command: Sequence[str], home: Path) -> Run:
    scratch, report, junit = home / "tmp", home / "report.json", home / "junit.xml"
    scratch.mkdir()
    ginkgo = _program("ginkgo").rpartition("/")[0]
    configuration = home / "crictl.yaml"
    configuration.touch()
    environment = {
        "TMPDIR": str(scratch),
        "PATH": f"{ginkgo}:{os.environ['PATH']}",
        "CRI_CONFIG_FILE": str(configuration),  # else crictl says that it has none
    }
    reports = ("-ginkgo.json-report", str(report), "-ginkgo.junit-report", str(junit))
    done = subprocess.run(
        [*command, *REPRODUCIBLE, *reports],
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | environment,
        timeout=RUN_TIMEOUT_S,
    )
    (home / "output").write_text(done.stdout)
    assert report.exists(), done.stdout
    return Run(outcomes(report), done.returncode, done.stdout, counts(junit))


def _program(name: str) -> str:
    path = install.find(name).path
    assert path is not None
    return str(path)


def outcomes(report: Path) -> dict[str, Outcome]:
    """What became of each spec, of Ginkgo's report in JSON."""
    (suite,) = json.loads(report.read_text())
    told = {_title(each): _outcome(each) for each in suite["SpecReports"] if _is_spec(each)}
    unusual = [each for each in suite["SpecReports"] if not _is_spec(each)]
    return told | {_title(each): _outcome(each) for each in unusual if each["State"] != "passed"}


def _is_spec(entry: dict[str, Any]) -> bool:
    return bool(entry["LeafNodeType"] == "It")


def _title(entry: dict[str, Any]) -> str:
    words = [*(entry["ContainerHierarchyTexts"] or []), entry["LeafNodeText"]]
    return " ".join(filter(None, words)).removeprefix("[k8s.io] ") or str(entry["LeafNodeType"])


def _outcome(entry: dict[str, Any]) -> Outcome:
    message = " ".join(entry.get("Failure", {}).get("Message", "").split())
    return Outcome(VERDICTS.get(entry["State"], "fail"), message)


def counts(junit: Path) -> dict[str, int]:
    """How many specs have each verdict, of Ginkgo's report as JUnit."""
    found = dict.fromkeys(("pass", "fail", "skip"), 0)
    for case in ET.parse(junit).getroot().iter("testcase"):  # noqa: S314  # critest wrote it
        if case.get("name", "").startswith("[It]"):
            found[VERDICTS.get(case.get("status", ""), "fail")] += 1
    return found
