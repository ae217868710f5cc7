"""Stories of real bugs: a file each, told to a naive client and, live, to a real kubelet.

What reads the files is pure. What plays their steps knows a Stage alone; the one with a real
kubelet is in `stage`. See docs/scenario_files.md.
"""

from fakecri.scenarios.files import Scenario, find, library, names

__all__ = ["Scenario", "find", "library", "names"]
