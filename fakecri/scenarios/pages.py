"""A report as one page for a browser, with the timeline of its recording in it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from importlib import resources
from itertools import starmap
from typing import Any

from fakecri.core.recording import Recording
from fakecri.scenarios.playing import DONE, MISSED, SKIPPED
from fakecri.scenarios.reports import EventReport, Report, RuleReport, StepReport
from fakecri.timeline import render_html

_GOOD, _BAD, _DULL = "good", "bad", "dull"


def render(report: Report, recording: bytes) -> str:
    """Return the page, as HTML 5; it needs nothing else."""
    timeline = render_html(Recording.parse(recording.split(b"\n"), tolerant=True))
    title = f"{report.scenario} on kubelet {report.kubelet}"
    parts = [
        f"<h1>{_(report.scenario)} <span>on kubelet {_(report.kubelet)}</span></h1>",
        _verdict(report),
        _texts(report),
        _table("What was done, and what was seen", _STEPS, map(_step, report.steps), "steps"),
        _table("Rules", ("rule", "calls struck"), map(_rule, report.rules)),
        "<h2>Timeline</h2>",
        # It has a policy of its own, and cannot reach the page around it.
        f'<iframe title="Timeline" sandbox="allow-scripts" srcdoc="{escape(timeline)}"></iframe>',
        _table("What the kubelet told", _EVENTS, map(_event, report.kubelet_events)),
        _table("Calls", ("RPC", "calls", "failed"), starmap(_call, report.calls.items())),
    ]
    return (
        _page().replace("[[title]]", _(title)).replace("[[body]]", "\n".join(filter(None, parts)))
    )


_STEPS = ("at", "step", "what came of it", "after")
_EVENTS = ("at", "times", "pod", "type", "reason", "message")


def _(value: object) -> str:
    return escape(str(value))


def _code(text: str) -> str:
    return f"<code>{_(text)}</code>"


@cache
def _page() -> str:
    return resources.files("fakecri.scenarios").joinpath("page.html").read_text("utf-8")


def _verdict(report: Report) -> str:
    facts: list[tuple[str, Any]] = [
        ("outcome", report.outcome),
        ("as its file says", "yes" if report.as_expected else f"no: {report.expected}"),
        ("recovered after", "" if report.recovered_s is None else f"{report.recovered_s:.1f} s"),
        ("", "it did not recover" if report.did_not_recover else ""),
        ("took", f"{report.took_s:.1f} s"),
        ("seed", report.seed),
        ("settings", _pairs(report.settings)),
        ("feature gates", _pairs(report.gates)),
        ("runtime", _pairs(report.cri)),
        ("threads", " ".join(report.threads)),
    ]
    cells = "".join(
        f"<dt>{_(name)}</dt><dd>{_(value)}</dd>" for name, value in facts if value != ""
    )
    return f'<dl class="{_GOOD if report.as_expected else _BAD}">{cells}</dl>'


def _pairs(table: Any) -> str:
    return ", ".join(f"{key}: {value}" for key, value in table.items())


def _texts(report: Report) -> str:
    texts = [
        ("", report.about),
        ("Expected: ", report.expect),
        ("Such a fault in general: ", report.symptom),
        ("Found: ", report.note),
        ("Why: ", report.why),
    ]
    return "\n".join(f"<p><b>{_(head)}</b>{_(text)}</p>" for head, text in texts if text)


def _table(title: str, heads: Sequence[str], rows: Iterable[str], kind: str = "") -> str:
    """Return a table of such rows; nothing where there are none."""
    body = "\n".join(rows)
    if not body:
        return ""
    head = "".join(f"<th>{_(each)}</th>" for each in heads)
    return f'<h2>{_(title)}</h2>\n<table class="{kind}"><tr>{head}</tr>\n{body}</table>'


def _row(*cells: str, kind: str = "") -> str:
    """Return a row; its cells are HTML."""
    return f'<tr class="{kind}">{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'


def _step(step: StepReport) -> str:
    look = {MISSED: _BAD, SKIPPED: _DULL, DONE: "fault" if step.injects else _DULL}
    is_watched = step.result not in {DONE, SKIPPED}
    came = f"<b>{_(step.result)}</b> {_(step.told)}" if is_watched else _(step.told)
    after = f"{step.after_s:.1f} s" if is_watched else ""
    kind = look.get(step.result, _GOOD)
    return _row(f"{step.at_s:.1f} s", _code(step.text), came, after, kind=kind)


def _rule(rule: RuleReport) -> str:
    return _row(_code(rule.text), _(rule.fired))


def _event(each: EventReport) -> str:
    times = f"{each.count}, until {each.last_s:.1f} s" if each.count > 1 else "1"
    about = f"{each.pod}/{each.container}" if each.container else each.pod
    texts = (f"{each.at_s:.1f} s", times, about, each.type, each.reason, each.message)
    return _row(*map(_, texts))


def _call(rpc: str, counts: Mapping[str, int]) -> str:
    return _row(_code(rpc), str(counts["count"]), str(counts["failed"] or ""))
