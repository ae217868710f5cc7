"""What a test needs of this machine: without it the test skips, and fails where it is required."""

import os
import shutil
from collections.abc import Sequence

import pytest

REQUIRE = "FAKECRI_REQUIRE_REAL"


def skip_for(reasons: Sequence[str]) -> None:
    """Skip a test where there are reasons to; with `FAKECRI_REQUIRE_REAL=1` that is a failure."""
    if reasons and os.environ.get(REQUIRE) == "1":
        pytest.fail(f"{REQUIRE}=1, and " + "; ".join(reasons), pytrace=False)
    if reasons:
        pytest.skip("; ".join(reasons))


def busybox() -> str:
    """Return where the busybox of this machine is."""
    path = shutil.which("busybox")
    skip_for([] if path else ["busybox: not found"])
    return path or ""
