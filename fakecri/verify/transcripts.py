"""Accounts of a runtime on file, so that everyone can compare another one with it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fakecri.errors import UsageError
from fakecri.replay.files import open_text
from fakecri.verify.accounts import Fields
from fakecri.verify.sequences import Sequence, parse_sequence

PREFIX = "transcript:"
"""What an endpoint begins with that is a file."""


@dataclass
class Transcript:
    """What sequences came to on a runtime."""

    about: Mapping[str, str]
    """`runtime`, `version`, `date` and `image`."""
    accounts: dict[str, Fields] = field(default_factory=dict)
    sequences: list[Sequence] = field(default_factory=list)

    def play(self, sequence: Sequence) -> Fields:
        """Return the account of a sequence that is on file."""
        return self.accounts[sequence.name]

    def add(self, sequence: Sequence, account: Fields) -> None:
        """Take an account in."""
        self.sequences.append(sequence)
        self.accounts[sequence.name] = account

    @property
    def text(self) -> str:
        """The transcript as JSON; what is to be read together stands on a line."""
        about = [f" {json.dumps(key)}: {json.dumps(each)}," for key, each in self.about.items()]
        blocks = ",\n".join(_block(each, self.accounts[each.name]) for each in self.sequences)
        return "\n".join(["{", *about, f' "sequences": [\n{blocks}\n ]', "}", ""])


def _block(sequence: Sequence, account: Fields) -> str:
    steps = [
        {"step": step.row, "account": each}
        for step, each in zip(sequence.steps, account["steps"], strict=True)
    ]
    heads = {"name": sequence.name, "spec": sequence.spec}
    parts = [f"   {json.dumps(key)}: {json.dumps(each)}" for key, each in heads.items()]
    parts += [_lines("steps", steps), _lines("state", account["state"])]
    rest = {key: each for key, each in account.items() if key not in {"steps", "state"}}
    parts += [f"   {json.dumps(key)}: {_line(each)}" for key, each in rest.items()]
    return "  {\n" + ",\n".join(parts) + "\n  }"


def _lines(key: str, rows: Iterable[Any]) -> str:
    return f'   "{key}": [\n' + ",\n".join(f"    {_line(each)}" for each in rows) + "\n   ]"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def read_transcript(path: Path) -> Transcript:
    """Read a file. UsageError where it is none of these."""
    text = open_text(path)
    try:
        return _parsed(json.loads(text), str(path))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UsageError(f"{path}: no transcript: {error!r}") from error


def _parsed(fields: Any, source: str) -> Transcript:
    about = {key: str(each) for key, each in fields.items() if key != "sequences"}
    made = Transcript(about)
    for row in fields["sequences"]:
        steps = [each["step"] for each in row["steps"]]
        sequence = parse_sequence(
            {"name": row["name"], "spec": row["spec"], "steps": steps}, source
        )
        account = {key: each for key, each in row.items() if key not in {"name", "spec"}}
        made.add(sequence, account | {"steps": [each["account"] for each in row["steps"]]})
    return made
