"""Since which Kubernetes minor each method, field and enum value of the contract exists.

`ages.tsv` is generated from the table of the contract by `python -m fakecri.api.regenerate`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Age:
    """Since when something is in the contract."""

    since: int
    """The minor whose API had it first: 30 for 1.30."""
    in_v1alpha2: bool
    """Whether the last v1alpha2 had it, too."""


@cache
def ages() -> Mapping[str, Age]:
    """Return all ages, by name: `RuntimeService.Version`, `Mount.image`, `Protocol.TCP`."""
    table = files(__package__).joinpath("ages.tsv").read_text(encoding="ascii")
    return {
        name: Age(int(since.partition(".")[2]), old == "yes")
        for name, since, old in (line.split("\t") for line in table.splitlines())
    }
