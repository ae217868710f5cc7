"""Metrics as a kubelet exposes them, in the text format of Prometheus."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_SAMPLE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)", re.ASCII)
_LABEL = re.compile(r'([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"', re.ASCII)
_ESCAPES = {"\\n": "\n", '\\"': '"', "\\\\": "\\"}


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the text."""

    name: str
    labels: Mapping[str, str]
    value: float


class Metrics:
    """The samples of one scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.samples = [_sample(line) for line in text.split("\n") if line and line[0] != "#"]

    def select(self, name: str, **labels: str) -> list[Sample]:
        """Return the samples of this name that have these labels, among others."""
        return [
            each
            for each in self.samples
            if each.name == name and labels.items() <= each.labels.items()
        ]

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of them; 0 where there is none."""
        return sum(each.value for each in self.select(name, **labels))


def _sample(line: str) -> Sample:
    match = _SAMPLE.match(line)
    if match is None:
        raise ValueError(f"{line!r} is no sample")
    name, labels, value = match.groups()
    return Sample(
        name, {key: _plain(text) for key, text in _LABEL.findall(labels or "")}, float(value)
    )


def _plain(text: str) -> str:
    return re.sub(r"\\.", lambda match: _ESCAPES.get(match[0], match[0]), text)
