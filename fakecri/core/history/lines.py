"""Lines of a recording in brief, for people: what happened last, before a test failed."""

import json
import re
from collections.abc import Iterable

from fakecri.core.history.telling import seconds
from fakecri.core.recorded import Record

WIDEST = 160

_ID = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{52}\b")


def brief(record: Record) -> str:
    """Return a line of a recording as a line to read: `n`, virtual seconds, kind, facts."""
    facts = dict(record.facts)
    words = [f"{record.n:>5} {seconds(record.v):>9}  {record.kind:<7}"]
    if "call" in facts:
        words.append(f"#{facts.pop('call')}")
    words += [str(facts.pop(key)) for key in ("rpc", "thing", "what") if key in facts]
    words += [f"{key}={_value(value)}" for key, value in facts.items() if value is not None]
    text = _ID.sub(r"\1", " ".join(words))
    return text if len(text) <= WIDEST else f"{text[:WIDEST]}..."


def _value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def briefs(records: Iterable[Record]) -> str:
    """Return some of them, a line each."""
    return "\n".join(map(brief, records))
