"""Run scenarios with real kubelets, and write down what came of them.

`python -m tests.real.scenarios [ID ...]` runs these, or all that can run, with each kubelet, writes
`fixtures/kubelet/outcomes/ID.json`, and then the table of docs/scenarios.md. With `--record` the
recording of each that was reproduced goes beside, as `ID.jsonl.gz`: that with the newest kubelet.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from docs import list_scenarios
from fakecri.scenarios import find, library
from fakecri.scenarios.files import CANNOT_RUN, REPRODUCED, minor_of
from tests.real import install
from tests.real.install import KUBELET_VERSION, KUBELETS

FIXTURES = list_scenarios.FIXTURES
LARGEST_BYTES = 300_000
COMMAND = (sys.executable, "-m", "fakecri", "scenario", "run")


class Run(NamedTuple):
    """A scenario with a kubelet."""

    scenario: str
    version: str


def runs(ids: Sequence[str]) -> Iterator[Run]:
    """Return what is to be run: of these scenarios, or of all that can run."""
    for scenario in map(find, ids) if ids else library():
        live = scenario.live
        if live is None or live.cannot_run:
            continue
        for version in KUBELETS:
            if live.expected(minor_of(version)) != CANNOT_RUN:
                yield Run(scenario.id, version)


def outcome_of(run: Run, *, record: bool) -> dict[str, Any]:
    """Run it; return what is written down of it."""
    program = install.find(KUBELETS[run.version]).path
    with TemporaryDirectory() as name:
        recording = Path(name) / f"{run.scenario}.jsonl.gz"
        arguments = [run.scenario, "--kubelet", str(program), "--record", str(recording), "--json"]
        ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, check=False)
        if not ended.stdout:
            raise SystemExit(f"{run.scenario}: {ended.stderr}")
        report = json.loads(ended.stdout)
        if record and run.version == KUBELET_VERSION and report["outcome"] == REPRODUCED:
            _keep(recording)
    says = "" if report["as_expected"] else f"its file says {report['expected']}; "
    told = f"{report['outcome']} {says}{report['why']}"
    sys.stdout.write(f"{run.scenario} {run.version}: {told}\n")
    return {key: report[key] for key in ("outcome", "recovered_s", "took_s")}


def _keep(recording: Path) -> None:
    content = recording.read_bytes()
    if len(content) > LARGEST_BYTES:
        sys.stdout.write(f"{recording.name} has {len(content)} bytes, and is not kept\n")
        return
    (FIXTURES / recording.name).write_bytes(content)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and write; return 0."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--record", action="store_true", help="keep recordings")
    parser.add_argument("--jobs", type=int, default=3, help="how many at once (3): they wait a lot")
    options = parser.parse_args(arguments)
    chosen = list(runs(options.ids))
    with ThreadPoolExecutor(options.jobs) as pool:
        found = pool.map(lambda run: outcome_of(run, record=options.record), chosen)
        for run, outcome in zip(chosen, found, strict=True):
            _write(run, outcome)
    list_scenarios.PAGE.path.write_text(list_scenarios.PAGE.filled())
    return 0


def _write(run: Run, outcome: dict[str, Any]) -> None:
    measured = {**list_scenarios.outcome_of(run.scenario), run.version: outcome}
    kept = {version: measured[version] for version in measured if version in KUBELETS}
    text = json.dumps(kept, indent=2, sort_keys=True)
    (list_scenarios.MEASURED / f"{run.scenario}.json").write_text(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
