"""fakecri: the container runtime that runs nothing."""

from fakecri.core.known_images import Recipe
from fakecri.core.processes import Process, Program, Signalled
from fakecri.cri import CRI
from fakecri.errors import Code, CRIError, Stuck, UsageError

__all__ = [
    "CRI",
    "CRIError",
    "Code",
    "Process",
    "Program",
    "Recipe",
    "Signalled",
    "Stuck",
    "UsageError",
]
