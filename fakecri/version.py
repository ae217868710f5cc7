"""Which fakecri this is."""

from functools import cache
from importlib import metadata


@cache
def own_version() -> str:
    """Return the version of the package, as it is installed."""
    try:
        return metadata.version("fakecri")
    except metadata.PackageNotFoundError:
        return "(not installed)"
