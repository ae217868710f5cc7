"""fakecri: the container runtime that runs nothing."""

from fakecri.core.behaviours.answers import Answer
from fakecri.core.behaviours.grammar import BehaviourError
from fakecri.core.behaviours.steps import Behaviour
from fakecri.core.faults.reading import RuleError
from fakecri.core.known_images import Recipe
from fakecri.core.loads import Load, Ramp, Steps
from fakecri.core.processes import Process, Program, Signalled
from fakecri.core.state_faults import StateFaultError
from fakecri.cri import CRI
from fakecri.errors import Code, CRIError, Stuck, UsageError
from fakecri.scopes import UnfiredRule

__all__ = [
    "CRI",
    "Answer",
    "Behaviour",
    "BehaviourError",
    "CRIError",
    "Code",
    "Load",
    "Process",
    "Program",
    "Ramp",
    "Recipe",
    "RuleError",
    "Signalled",
    "StateFaultError",
    "Steps",
    "Stuck",
    "UnfiredRule",
    "UsageError",
]
