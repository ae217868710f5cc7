"""Rules as data and as text, for those who make or read them in Python: see docs/faults.md."""

from fakecri.core.faults.grammar import parse_rule
from fakecri.core.faults.printing import text_of
from fakecri.core.faults.reading import RuleError
from fakecri.core.faults.rules import Action, Condition, Duration, Phase, Rule, Term, When
from fakecri.core.faults.texts import parse_rules

__all__ = [
    "Action",
    "Condition",
    "Duration",
    "Phase",
    "Rule",
    "RuleError",
    "Term",
    "When",
    "parse_rule",
    "parse_rules",
    "text_of",
]
