"""A real kubelet beside a runtime: started, fed with manifests, read, and stopped.

A kubelet needs root, and changes the machine that it runs on; what it changed is put back.
"""

from fakecri.kubelet.journal import KubeletEvent, Line
from fakecri.kubelet.machine import MachineError
from fakecri.kubelet.metrics import Metrics
from fakecri.kubelet.node import KubeletNode
from fakecri.kubelet.process import Kubelet, KubeletError, NotSeen, version_of

__all__ = [
    "Kubelet",
    "KubeletError",
    "KubeletEvent",
    "KubeletNode",
    "Line",
    "MachineError",
    "Metrics",
    "NotSeen",
    "version_of",
]
