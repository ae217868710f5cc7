"""All behaviours of a world: which one a container has, and what an exec in it runs.

Later rules win over earlier ones, rules over annotations, annotations over what the image is. Each
of three things is looked up by itself: what the container does, when its probes fail, and what an
exec is answered with.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from fakecri.core.behaviours.answers import (
    Answer,
    ExecRule,
    answering,
    ready,
    unready,
)
from fakecri.core.behaviours.grammar import BehaviourError
from fakecri.core.behaviours.magic import LABEL, find_magic, pull_rules
from fakecri.core.behaviours.rules import Rule
from fakecri.core.behaviours.steps import (
    PULLS,
    Behaviour,
    Step,
    Unready,
)
from fakecri.core.executables import missing
from fakecri.core.processes import Program
from fakecri.core.records import Container
from fakecri.core.references import Reference
from fakecri.core.registry_hosts import RegistryHost
from fakecri.errors import InvalidError

RUN_ANNOTATION = "fakecri.dev/run."
EXEC_ANNOTATION = "fakecri.dev/exec."


class Behaviours:
    """The rules, and whether annotations of pods count."""

    def __init__(self, *, annotations: bool = False) -> None:
        self.annotations = annotations
        self._rules: list[Rule] = []

    def add(self, rule: Rule) -> Callable[[], None]:
        """Let a rule hold for what starts from now on; return what takes it back."""
        self._rules.insert(0, rule)

        def remove() -> None:
            with suppress(ValueError):
                self._rules.remove(rule)

        return remove

    def check(self, name: str, annotations: Mapping[str, str]) -> None:
        """Raise the CRIError of a malformed annotation of a container that is to be made."""
        if self.annotations:
            tuple(_annotated(name, annotations))

    def find(self, container: Container) -> Behaviour | None:
        """Return what the main process does, where that was chosen."""
        return self._having(container, _is_main)

    def find_windows(self, container: Container) -> tuple[Unready, ...]:
        """Return when its probes fail, where that was chosen."""
        found = self._having(container, lambda step: isinstance(step, Unready))
        return tuple(found.of(Unready)) if found else ()

    def find_exec(
        self, container: Container, argv: tuple[str, ...], program: Program | None
    ) -> Program | None:
        """Return what an exec runs instead of `program`, which is None where there is none.

        None: nothing was chosen. Raises MissingExecutableError where that was chosen.
        """
        process = container.process
        age_ns = process.scheduler.now_ns - process.started_ns if process else 0
        windows = self.find_windows(container)
        if any(each.covers(age_ns) for each in windows):
            return unready
        answer = self._answer(container, argv)
        if answer is None:
            return ready if windows and program is None else None
        if any(each.covers(age_ns) for each in answer.windows):
            return unready
        if answer.missing:
            raise missing(argv[0] if argv else "")
        return answering(answer)

    def _answer(self, container: Container, argv: tuple[str, ...]) -> Answer | None:
        for rule in self._rules_of(container):
            for each in rule.execs:
                answer = each.find(argv)
                if answer is not None:
                    return answer
        return None

    def _having(self, container: Container, wanted: Callable[[Step], bool]) -> Behaviour | None:
        for rule in self._rules_of(container):
            if any(map(wanted, rule.behaviour.steps)):
                return rule.behaviour
        return None

    def _rules_of(self, container: Container) -> Iterator[Rule]:
        name, pod = container.config.metadata.name, container.parent.config
        for rule in self._rules:
            if rule.is_for(name, pod.metadata.name, pod.metadata.namespace, container.image_names):
                yield rule
        if self.annotations:
            yield from _annotated(name, pod.annotations)
        label = container.image.recipe.labels.get(LABEL)
        if label:
            yield Rule(behaviour=Behaviour.parse(label))

    def find_pull(self, reference: Reference) -> RegistryHost | None:
        """Return how a registry behaves to a pull of an image, where that was chosen."""
        names = [str(reference)]
        for rule in self._rules:
            if rule.behaviour.pull is not None and rule.is_for_image(names):
                return pull_rules(rule.behaviour.pull)
        magic = find_magic(reference)
        return pull_rules(magic.pull) if magic and magic.pull else None


def _is_main(step: Step) -> bool:
    return not isinstance(step, (*PULLS, Unready))


def _annotated(name: str, annotations: Mapping[str, str]) -> Iterator[Rule]:
    run = annotations.get(RUN_ANNOTATION + name)
    if run is not None:
        yield Rule(behaviour=_parsed(RUN_ANNOTATION + name, run))
    execs = annotations.get(EXEC_ANNOTATION + name)
    if execs is not None:
        yield Rule(execs=tuple(_exec_rules(EXEC_ANNOTATION + name, execs)))


def _parsed(key: str, text: str) -> Behaviour:
    with _refusing(key):
        return Behaviour.parse(text)


def _exec_rules(key: str, text: str) -> Iterator[ExecRule]:
    for number, line in enumerate(text.splitlines(), start=1):
        with _refusing(f"{key}: line {number}"):
            if line.strip():
                yield ExecRule.parse(line)


@contextmanager
def _refusing(where: str) -> Iterator[None]:
    try:
        yield
    except BehaviourError as error:
        raise InvalidError(f"annotation {where}: {error}: invalid argument") from error
