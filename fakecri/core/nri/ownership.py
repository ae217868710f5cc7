"""Which plugin has set which field of a container: no two of them set the same."""

from fakecri.api import nri_pb2 as nri
from fakecri.core.executables import quoted
from fakecri.errors import CRIError

MARK = "-"
"""Before a name: what has it is to be removed. Before a plugin's: it has removed, and not set."""


def removed(name: str) -> str | None:
    """Return the name of what is to be removed, or None: nothing is."""
    return name.removeprefix(MARK) if name.startswith(MARK) else None


class Owners:
    """Who has set what."""

    def __init__(self) -> None:
        self.message = nri.OwningPlugins()

    def claim(self, container_id: str, field: int, plugin: str, key: str | None = None) -> None:
        """Have a plugin set a field, or what has a name in it. CRIError where another one has."""
        owners = self.message.owners[container_id]
        held = owners.simple if key is None else owners.compound[field].owners
        place = field if key is None else key
        other = held.get(place, "")  # type: ignore[arg-type]  # which is its key
        clearer = removed(other)
        if other and clearer != plugin:
            what = f"{nri.Field.Name(nri.Field.ValueType(field))} {key or ''}"
            raise CRIError(
                f"plugins {quoted(plugin)} and {quoted(clearer or other)} both tried to set {what}"
            )
        held[place] = plugin  # type: ignore[index]  # likewise

    def clear(self, container_id: str, field: int, plugin: str, key: str | None = None) -> None:
        """Have a plugin remove what was set: it may set it anew, and no other one may."""
        owners = self.message.owners[container_id]
        if key is None:
            owners.simple[field] = MARK + plugin
        else:
            owners.compound[field].owners[key] = MARK + plugin

    def join(self, container_id: str, field: int, plugin: str) -> None:
        """Have a plugin add to a field that several may add to."""
        simple = self.message.owners[container_id].simple
        simple[field] = f"{simple[field]},{plugin}" if field in simple else plugin
