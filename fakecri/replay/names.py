"""Names for the ids of a run, by what they are of: the same in every run that does the same."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from google.protobuf.message import Message

from fakecri.core.references import find_normalised
from fakecri.replay.tokens import LASTING, Text, Token, is_whole, split

_POD_LABELS = ("io.kubernetes.pod.namespace", "io.kubernetes.pod.name")


class Names:
    """The ids that were seen so far. Where two things have one name, the later one is `name~2`."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._ids: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._sorted: list[str] = []

    def name(self, id_: str) -> str:
        """Return the name of an id, or nothing. Of a prefix of one id it is its name, cut."""
        if id_ in self._names:
            return self._names[id_]
        whole = self._find_whole(id_)
        return f"{self._names[whole]}[:{len(id_)}]" if whole else ""

    def find_id(self, name: str) -> str | None:
        """Return the id with a name."""
        whole, cut, length = name.partition("[:")
        id_ = self._ids.get(whole)
        return id_[: int(length[:-1])] if id_ and cut else id_

    def _find_whole(self, prefix: str) -> str | None:
        """Return the one id that begins so."""
        if len(self._sorted) != len(self._names):
            self._sorted = sorted(self._names)
        at = bisect_left(self._sorted, prefix)
        found = [each for each in self._sorted[at : at + 2] if each.startswith(prefix)]
        return found[0] if len(found) == 1 else None

    def give(self, id_: str, name: str) -> None:
        """Name an id, unless it has a name, or is no id at all."""
        parts = tuple(split(id_))
        if id_ in self._names or len(parts) != 1 or not isinstance(parts[0], Token):
            return
        if parts[0].kind not in LASTING or not is_whole(parts[0]):
            return
        count = self._counts[name] = self._counts.get(name, 0) + 1
        name = name if count == 1 else f"{name}~{count}"
        self._names[id_], self._ids[name] = name, id_

    def parts(self, text: str) -> str | Text:
        """Return the parts of a text, its ids with their names; the text where there are none."""
        parts: list[str | Token] = []
        for part in split(text):
            if isinstance(part, Token) and part.kind in LASTING:
                name = self.name(part.text)
                if name or is_whole(part):
                    parts.append(Token(part.kind, part.text, name))
                    continue
                part = part.text  # noqa: PLW2901  # some number
            parts.append(part)
        if not any(isinstance(part, Token) for part in parts):
            return text
        return tuple(parts)

    # What messages tell.

    def learn(self, request: Message, answers: Iterable[Message] = ()) -> None:
        """Name what a call made, named or listed."""
        self._visit(request, "")
        for answer in answers:
            self._learn_made(request, answer)
            self._visit(answer, "")

    def _learn_made(self, request: Any, answer: Any) -> None:
        match answer.DESCRIPTOR.name:
            case "RunPodSandboxResponse":
                self.give(answer.pod_sandbox_id, f"sandbox {_pod(request.config.metadata)}")
            case "CreateContainerResponse":
                sandbox = self.name(request.pod_sandbox_id)
                self._give_container(answer.container_id, sandbox, request.config.metadata)
            case "PullImageResponse":
                self.give(answer.image_ref, _image(request.image.image))

    def _give_container(self, id_: str, sandbox: str, metadata: Any) -> None:
        pod = sandbox.removeprefix("sandbox ").rpartition("#")[0]
        if pod:  # else some later message may tell
            self.give(id_, f"container {pod}/{metadata.name}#{metadata.attempt}")

    def _visit(self, message: Any, sandbox: str) -> None:
        """Name what a message and all that is in it tell of; `sandbox`: the one it stands in."""
        learn = _TOLD.get(message.DESCRIPTOR.name)
        if learn is not None:
            learn(self, message, sandbox)
        for field, value in message.ListFields():
            if field.message_type is None or field.message_type.GetOptions().map_entry:
                continue
            for each in value if field.is_repeated else (value,):
                if each.DESCRIPTOR.name == "PodSandboxStatus":
                    sandbox = f"sandbox {_pod(each.metadata)}"
                self._visit(each, sandbox)

    def _sandbox(self, message: Any, _: str) -> None:
        self.give(message.id, f"sandbox {_pod(message.metadata)}")
        self._uid(message, _)

    def _uid(self, message: Any, _: str) -> None:
        metadata = message.metadata
        self.give(metadata.uid, f"uid {metadata.namespace}/{metadata.name}")

    def _creation(self, message: Any, _: str) -> None:
        if message.HasField("sandbox_config"):
            name = _pod(message.sandbox_config.metadata)
            self.give(message.pod_sandbox_id, f"sandbox {name}")

    def _container(self, message: Any, sandbox: str) -> None:
        if message.DESCRIPTOR.name == "Container":
            sandbox = self.name(message.pod_sandbox_id) or sandbox
        self._give_container(message.id, sandbox or _labelled(message.labels), message.metadata)

    def _image(self, message: Any, _: str) -> None:
        for each in (*message.repo_tags, *message.repo_digests):
            self.give(message.id, _image(each))


_TOLD: Mapping[str, Callable[[Names, Any, str], None]] = {
    "PodSandbox": Names._sandbox,  # noqa: SLF001  # the class's own table
    "PodSandboxStatus": Names._sandbox,  # noqa: SLF001  # likewise
    "PodSandboxAttributes": Names._sandbox,  # noqa: SLF001  # likewise
    "PodSandboxConfig": Names._uid,  # noqa: SLF001  # likewise
    "CreateContainerRequest": Names._creation,  # noqa: SLF001  # likewise
    "Container": Names._container,  # noqa: SLF001  # likewise
    "ContainerStatus": Names._container,  # noqa: SLF001  # likewise
    "ContainerAttributes": Names._container,  # noqa: SLF001  # likewise
    "Image": Names._image,  # noqa: SLF001  # likewise
}


def _pod(metadata: Any) -> str:
    return f"{metadata.namespace}/{metadata.name}#{metadata.attempt}"


def _labelled(labels: Mapping[str, str]) -> str:
    namespace, name = (labels.get(each, "") for each in _POD_LABELS)
    return f"sandbox {namespace}/{name}#" if name else ""


def _image(reference: str) -> str:
    repository, _, digest = reference.partition("@")
    return f"image {(find_normalised(reference) or reference) if not digest else repository}"
