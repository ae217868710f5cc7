"""The static pods of a kubelet: files in a directory that it watches."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Manifest = Mapping[str, Any]
"""A pod, as the API has it. What every pod has alike may be left out."""


class Manifests:
    """Writes and removes manifests. A kubelet has one whole or not at all."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def put(self, pod: Manifest) -> None:
        """Write a manifest, or write it anew."""
        metadata = {"namespace": "default", **pod.get("metadata", {})}
        whole = {"apiVersion": "v1", "kind": "Pod", **pod, "metadata": metadata}
        place = self._place(metadata["name"])
        written = place.with_name(f".{place.name}")  # a kubelet passes these over
        written.write_text(json.dumps(whole, indent=2))
        written.rename(place)

    def put_all(self, pods: Iterable[Manifest]) -> None:
        """Write several manifests."""
        for pod in pods:
            self.put(pod)

    @contextmanager
    def placed(self, *pods: Manifest) -> Iterator[None]:
        """Let pods be there while the context lasts; that they go then is not waited for."""
        try:
            self.put_all(pods)
            yield
        finally:
            for pod in pods:
                self._place(pod["metadata"]["name"]).unlink(missing_ok=True)

    def remove(self, name: str) -> None:
        """Remove the manifest of a pod. FileNotFoundError where there is none."""
        self._place(name).unlink()

    def _place(self, name: str) -> Path:
        return self._directory / f"{name}.json"
