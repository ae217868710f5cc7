"""Images that do what their name says: `fakecri.test/exit/3`, with any tag."""

from functools import lru_cache

from fakecri.core.behaviours.grammar import BehaviourError
from fakecri.core.behaviours.steps import (
    Behaviour,
    Http,
    PullFail,
    PullHang,
    PullRate,
    PullSlow,
)
from fakecri.core.known_images import Recipe
from fakecri.core.references import Reference
from fakecri.core.registry_hosts import Failure, RegistryHost

DOMAIN = "fakecri.test"
"""The registry that they are in. The name is reserved: no real host can have it."""

LABEL = "fakecri.dev/run"
"""The label of an image that says what its containers do."""

_MIB = 1 << 20


@lru_cache(maxsize=1024)
def magic_recipe(path: str) -> Recipe:
    """Return the image of a path. Raises BehaviourError."""
    behaviour = Behaviour.parse(path)
    return Recipe(
        entrypoint=("/behave",),
        labels={LABEL: str(behaviour)},
        exposed_ports=tuple(f"{each.port}/tcp" for each in behaviour.of(Http)),
        size_bytes=3 * _MIB,
    )


def find_magic(reference: Reference) -> Behaviour | None:
    """Return the behaviour that a reference names; None where it is none."""
    if reference.domain != DOMAIN:
        return None
    try:
        return Behaviour.parse(reference.path)
    except BehaviourError:
        return None


_ANSWERS = 4  # to the requests for a digest, a manifest, a config and layers


def pull_rules(chosen: PullSlow | PullRate | PullHang | PullFail) -> RegistryHost:
    """Return the rules of a registry for a pull."""
    host = RegistryHost(DOMAIN)
    if isinstance(chosen, PullSlow):
        host.latency_ns = -(-chosen.time_ns // _ANSWERS)
    elif isinstance(chosen, PullRate):
        host.bytes_per_s = chosen.rate.number
    else:
        host.add(Failure("hang" if isinstance(chosen, PullHang) else chosen.kind))
    return host
