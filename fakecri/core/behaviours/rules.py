"""Which containers a behaviour is for, and how that is written on a command line.

pod=web-* container=main image="nginx*" : exit/3/30s
pod=web-* exec="cat /tmp/ready*" : stdout/yes%0A/exit/0
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Self

from fakecri.core.behaviours.answers import Answer, ExecRule
from fakecri.core.behaviours.grammar import BehaviourError
from fakecri.core.behaviours.steps import Behaviour
from fakecri.core.references import written_forms
from fakecri.errors import UsageError

_KEYS = ("image", "pod", "container", "exec")
_KEY = re.compile(r"([A-Za-z]+)=")
_VALUE = re.compile(r'"((?:[^"\\]|\\.)*)"|([^\s"]+)')
_BARE = re.compile(r'[^\s"\\]+')
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A behaviour, answers to execs, and globs for the containers that have them.

    An empty glob matches all. `pod` is for the name, or with a slash for `namespace/name`; `image`
    for the reference, in its full or its familiar form, with or without a tag.
    """

    image: str = ""
    pod: str = ""
    container: str = ""
    behaviour: Behaviour = field(default_factory=Behaviour)
    execs: tuple[ExecRule, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if self.behaviour.pull is not None and (self.pod or self.container):
            raise UsageError("a pull knows no pod and no container: choose it by image alone")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text form. Raises BehaviourError."""
        globs, at = _read_globs(text)
        pattern = globs.pop("exec", None)
        chosen = text[at:].rstrip()
        behaviour = Behaviour()
        execs: tuple[ExecRule, ...] = ()
        if pattern is None:
            behaviour = Behaviour.parse(chosen, at + 1)
        else:
            execs = (ExecRule(pattern, Answer.parse(chosen, at + 1)),)
        image, pod, container = (globs.get(key, "") for key in ("image", "pod", "container"))
        return cls(image=image, pod=pod, container=container, behaviour=behaviour, execs=execs)

    def __str__(self) -> str:
        globs = {"image": self.image, "pod": self.pod, "container": self.container}
        words = [f"{key}={_quoted(glob)}" for key, glob in globs.items() if glob]
        if not self.execs:
            return " ".join([*words, ":", str(self.behaviour)])
        (only,) = self.execs
        return " ".join([*words, f"exec={_quoted(str(only.pattern))}", ":", str(only.answer)])

    def is_for(self, container: str, pod: str, namespace: str, images: Iterable[str]) -> bool:
        """Whether it is for a container; `images` are the full references of its image."""
        pod_name = f"{namespace}/{pod}" if "/" in self.pod else pod
        return (
            (not self.container or fnmatchcase(container, self.container))
            and (not self.pod or fnmatchcase(pod_name, self.pod))
            and self.is_for_image(images)
        )

    def is_for_image(self, images: Iterable[str]) -> bool:
        """Whether an image with one of these names matches."""
        return not self.image or any(
            fnmatchcase(form, self.image) for name in images for form in written_forms(name)
        )


def _read_globs(text: str) -> tuple[dict[str, str], int]:
    """Return the globs by their keys, and where the behaviour begins."""
    globs: dict[str, str] = {}
    at = _after_space(text, 0)
    while not text.startswith(":", at):
        key = _KEY.match(text, at)
        if key is None or key[1] not in _KEYS:
            raise BehaviourError(at + 1, f"here should be one of {', '.join(_KEYS)} with a =, or :")
        if key[1] in globs:
            raise BehaviourError(at + 1, f'"{key[1]}" is there already')
        value = _VALUE.match(text, key.end())
        if value is None:
            raise BehaviourError(key.end() + 1, f'"{key[1]}=" is followed by no glob')
        globs[key[1]] = value[2] or re.sub(r"\\(.)", r"\1", value[1], flags=re.DOTALL)
        at = _after_space(text, value.end())
    return globs, _after_space(text, at + 1)


def _after_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _quoted(glob: str) -> str:
    if _BARE.fullmatch(glob):
        return glob
    return '"' + re.sub(r'(["\\])', r"\\\1", glob) + '"'
