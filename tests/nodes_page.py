"""The manifests that docs/nodes.md shows."""

import re
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).parents[1] / "docs" / "nodes.md"


def documents() -> list[dict[str, Any]]:
    """Return all objects of the page, in their order."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return [document for block in blocks for document in yaml.safe_load_all(block)]


def document(kind: str) -> dict[str, Any]:
    """Return the object of this kind, of which there is one."""
    (found,) = (each for each in documents() if each["kind"] == kind)
    return found


def node_arguments() -> list[str]:
    """Return what the container of hollow nodes gives `fakecri node`."""
    (container,) = document("StatefulSet")["spec"]["template"]["spec"]["containers"]
    arguments: list[str] = container["args"]
    return arguments
