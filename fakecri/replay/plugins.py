"""The plugins of NRI that a recording tells of, answering as they did."""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message

from fakecri.api import nri_pb2 as nri
from fakecri.core.nri.plugins import NRIError, PluginGone
from fakecri.core.recording import Record, RecordingError
from fakecri.core.scheduler import Future
from fakecri.core.world import World
from fakecri.errors import Code

Outcome = Message | NRIError


class RecordedPlugin:
    """A plugin whose answers come in the order in which they came when they were recorded."""

    def __init__(self, world: World, name: str) -> None:
        self.index, _, self.name = name.partition("-")
        self._scheduler = world.scheduler
        self._asked: deque[Future[Any]] = deque()
        self._known: deque[Outcome] = deque()
        """Answers to what it has not been asked yet."""

    def call(self, _method: str, _request: Message) -> Future[Any]:
        """Return what is answered when the recording says so."""
        future: Future[Any] = Future(self._scheduler)
        self._asked.append(future)
        self._meet()
        return future

    def answer(self, outcome: Outcome) -> None:
        """Answer what was asked first of all that is not answered."""
        self._known.append(outcome)
        self._meet()

    def _meet(self) -> None:
        while self._asked and self._known:
            future, outcome = self._asked.popleft(), self._known.popleft()
            if isinstance(outcome, NRIError):
                future.set_error(outcome)
            else:
                future.set_result(outcome)

    def close(self) -> None:
        """Answer nothing more."""
        asked, self._asked = self._asked, deque()
        for future in asked:
            future.set_error(PluginGone())


class RecordedPlugins:
    """All plugins of a recording. Everything here happens in a turn of the host."""

    def __init__(self, world: World, to_live: Callable[[Any], Any]) -> None:
        """`to_live` puts the ids that the runtime has given in place of those recorded."""
        self._world = world
        self._to_live = to_live
        self._plugins: dict[str, RecordedPlugin] = {}

    def play(self, record: Record) -> None:
        """Do what a line of kind `nri` tells."""
        name, what = record.facts["plugin"], record.facts["what"]
        if what == "asked" and record.facts.get("method") == "Configure":
            plugin = self._plugins[name] = RecordedPlugin(self._world, name)
            self._world.nri.connect(plugin)
            return
        known = self._plugins.get(name)
        if known is None:
            return
        if what == "disconnected":
            self._world.nri.disconnect(known)
        elif what == "wants":
            request = self._message(record, "request", nri.UpdateContainersRequest)
            self._world.nri.update_containers(known, request)
        elif what in {"answered", "failed"}:
            known.answer(self._outcome(record))

    def _outcome(self, record: Record) -> Outcome:
        error: Mapping[str, str] | None = record.facts.get("error")
        if error is not None:
            if record.facts.get("gone"):
                return PluginGone(error["text"])
            return NRIError(Code[error["code"]], error["text"])
        method = record.facts.get("method", "")
        kind = getattr(nri, f"{method}Response", nri.Empty)
        response: Message = self._message(record, "response", kind)
        return response

    def _message(self, record: Record, field: str, kind: type[Message]) -> Any:
        fields = self._to_live(record.facts.get(field, {}))
        try:
            return ParseDict(fields, kind(), ignore_unknown_fields=True)
        except Exception as error:  # noqa: BLE001  # whatever protobuf makes of what somebody wrote
            raise RecordingError(
                f"record {record.n} has no {kind.DESCRIPTOR.name}: {error}"
            ) from None
