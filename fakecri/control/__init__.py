"""The control service: what a test can do to a runtime from another process, in any language.

`Control` is its client. What it serves is in `control.proto`.
"""

from fakecri.control.client import Control, ControlError

__all__ = ["Control", "ControlError"]
