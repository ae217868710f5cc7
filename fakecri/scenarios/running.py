"""Runs a scenario: a runtime, a kubelet on it, the steps, and a report."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from fakecri.api import runtime_pb2 as pb
from fakecri.errors import UsageError
from fakecri.kubelet import KubeletError, KubeletNode, NotSeen, version_of
from fakecri.scenarios.files import CANNOT_RUN, Live, Scenario
from fakecri.scenarios.pages import render
from fakecri.scenarios.playing import Played, Player
from fakecri.scenarios.reports import EventReport, Report, RuleReport, begun, note_played
from fakecri.scenarios.stage import NodeStage, cri_options

NODE = "node"
"""What the node is called: the pod of a manifest `web` is `web-node`."""


def run(
    scenario: Scenario,
    program: Path,
    *,
    seed: int = 0,
    record: Path | None = None,
    report: Path | None = None,
    said: Callable[[Played], None] = lambda _: None,
) -> Report:
    """Run a scenario with a kubelet; return what came of it.

    `record` gets the recording, packed if its name ends with `.gz`; the directory `report` the
    recording, the report as JSON and as a page, and what the kubelet said. UsageError for what
    cannot be begun or written. `said` hears of each step.
    """
    live = scenario.live or Live("", cannot_run="nothing says yet how it goes with a kubelet")
    result = begun(scenario, live, version_of(program), seed)
    if result.expected == CANNOT_RUN:
        return result
    # Whatever cannot be written is refused before the kubelet starts.
    if report is not None:
        _make(report)
    if record is not None:
        _make(record.parent)
        with _refused(record):
            record.open("ab").close()
    with TemporaryDirectory(prefix="fakecri-scenario-") as name:
        directory = Path(name)
        with closing(_node(live, program, directory, seed)) as node:
            _play(result, live, node, said)
        if record is not None:
            _keep(directory / "recording.jsonl", record)
            result.recording = str(record)
        if report is not None:
            _write(result, directory, report)
    return result


def _node(live: Live, program: Path, directory: Path, seed: int) -> KubeletNode:
    return KubeletNode(
        program,
        directory,
        name=NODE,
        settings=live.settings,
        gates=live.gates,
        seed=seed,
        **cri_options(live),
    )


def _play(result: Report, live: Live, node: KubeletNode, said: Callable[[Played], None]) -> None:
    for image in live.images:
        node.cri.image_service.pull_image(pb.ImageSpec(image=image))
    stage = NodeStage(node, live)
    try:
        if all(step.text != "kubelet start" for step in live.steps):
            node.kubelet.start()
    except (KubeletError, NotSeen) as error:
        result.why = f"the kubelet does not start: {error}"
        return
    player = Player(stage, live.steps)
    player.play(said)
    note_played(result, player)
    result.rules = [
        RuleReport(rule.text, rule.fired, rule.why_unfired or "")
        for scope in stage.armed
        for rule in scope.rules
    ]
    result.kubelet_events = _events(node)
    result.calls = _calls(node)


def _calls(node: KubeletNode) -> dict[str, dict[str, int]]:
    calls = node.cri.calls
    counts = Counter(each.rpc for each in calls)
    failed = Counter(each.rpc for each in calls if each.error is not None)
    return {rpc: {"count": counts[rpc], "failed": failed[rpc]} for rpc in sorted(counts)}


def _events(node: KubeletNode) -> list[EventReport]:
    began_s = node.cri.host.world.began_ns / 1e9
    found: dict[tuple[str, ...], list[float]] = {}
    for each in node.kubelet.events():
        key = (each.pod, each.container, each.type, each.reason, each.message)
        found.setdefault(key, []).append(round(each.when_s - began_s, 3))
    return [EventReport(min(at), max(at), len(at), *key) for key, at in found.items()]


def _keep(recording: Path, target: Path) -> None:
    content = recording.read_bytes()
    packed = gzip.compress(content, mtime=0) if target.suffix == ".gz" else content
    _write_bytes(target, packed)


def _write(result: Report, directory: Path, target: Path) -> None:
    recording = (directory / "recording.jsonl").read_bytes()
    _write_bytes(target / "recording.jsonl", recording)
    _write_bytes(target / "kubelet.log", (directory / "kubelet.log").read_bytes())
    _write_bytes(target / "report.json", result.as_json().encode())
    _write_bytes(target / "report.html", render(result, recording).encode())


def _make(directory: Path) -> None:
    with _refused(directory):
        directory.mkdir(parents=True, exist_ok=True)


def _write_bytes(target: Path, content: bytes) -> None:
    with _refused(target):
        target.write_bytes(content)


@contextmanager
def _refused(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror or error}") from error
