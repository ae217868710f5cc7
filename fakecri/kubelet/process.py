"""One kubelet, as a process: its configuration, its life, and what can be read of it."""

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar

from fakecri.contexts import UntilLeft
from fakecri.errors import UsageError
from fakecri.kubelet.cgroups import CgroupTree
from fakecri.kubelet.configuration import LOOPBACK, Places, Settings, configuration
from fakecri.kubelet.journal import Journal, KubeletEvent, Line, event_of
from fakecri.kubelet.machine import Borrowed
from fakecri.kubelet.manifests import Manifests
from fakecri.kubelet.metrics import Metrics
from fakecri.kubelet.ports import HeldPorts

T = TypeVar("T")

HTTP_TIMEOUT_S = 60.0
READY_S = 60.0
"""How long a kubelet may take until it answers."""
PATIENCE_S = 60.0
"""How long one waits for what a kubelet does, unless one says."""
TERM_S = 20.0
"""How long it may take to end after SIGTERM."""

_PARENT = ThreadPoolExecutor(1, "fakecri-parent")
"""The thread that starts kubelets, as they end with it: it lives as long as the process."""
_LEASH = str(Path(__file__).with_name("leash.py"))

_POLL_S = 0.05
_numbers = count()
_TOLD_LINES = 12
_OK = 200
_ANSWERS = {_OK, 401, 403}
"""Who asks is refused where there is an API server that the kubelet has it from."""


class KubeletError(UsageError):
    """A kubelet does not run, or does not answer."""


class NotSeen(AssertionError):  # noqa: N818  # it reads as what it is
    """What was waited for did not come."""


class Kubelet(UntilLeft):
    """A kubelet on a CRI socket, which stands alone unless its flags give it an API server.

    `with Kubelet(...) as kubelet:` starts it, and at the end stops it and puts the machine back.
    Where this process is killed, the kubelet is too.
    """

    def __init__(  # all that can be chosen, by keyword
        self,
        program: Path,
        endpoint: str,
        directory: Path,
        *,
        name: str = "node",
        settings: Settings | None = None,
        gates: Mapping[str, bool] | None = None,
        flags: Sequence[str] = (),
    ) -> None:
        """`endpoint`: the socket, as `unix:///path`. `directory` gets all files of the kubelet.

        `name` is that of the node: a DNS label. `settings` are keys of KubeletConfiguration,
        `gates` feature gates, `flags` more of the command line. With `cgroupsPerQOS` it gets a
        tree of control groups of its own, unless `cgroupRoot` says which.
        """
        self.program = Path(program)
        if not os.access(self.program, os.X_OK):
            raise KubeletError(f"{program} is no program")
        self.name = name
        self.places = Places(Path(directory).resolve())
        self.manifests = Manifests(self.places.manifests)
        self.read_only_port = self.tls_port = 0
        self._ports: HeldPorts | None = None
        self._endpoint = endpoint
        self._settings = {**(settings or {}), **({"featureGates": dict(gates)} if gates else {})}
        self._flags = tuple(flags)
        self._cgroups: CgroupTree | None = None
        if self._settings.get("cgroupsPerQOS") and "cgroupRoot" not in self._settings:
            self._cgroups = CgroupTree(f"fakecri-{os.getpid()}-{next(_numbers)}")
            self._settings["cgroupRoot"] = self._cgroups.root
        self._process: subprocess.Popen[bytes] | None = None
        self._borrowed: Borrowed | None = None
        self.places.make()
        self.places.log.touch()
        self._journal = Journal(self.places.log)

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def _left(self, error: BaseException | None) -> None:  # noqa: ARG002  # it ends all the same
        self.close()

    def start(self) -> None:
        """Start it, and return when it answers. KubeletError, with its last words, if it ends."""
        if self._process is not None and self.status is None:
            raise KubeletError("this kubelet runs already")
        if self._borrowed is None:
            self._borrowed = Borrowed(self.places.directory)
        if self._cgroups is not None:
            self._cgroups.make()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        if self._ports is None:
            self._ports = HeldPorts(2, self._settings.get("address", LOOPBACK))
        ports = self._ports.numbers
        settings = configuration(self.places, self._endpoint, ports, self._settings)
        self.tls_port, self.read_only_port = settings["port"], settings["readOnlyPort"]
        self.places.configuration.write_text(json.dumps(settings, indent=2))
        self._journal.mark()
        _PARENT.submit(self._spawn).result()
        self.until(self._answers, "the kubelet's first answer", READY_S)

    def _spawn(self) -> None:
        leash = (sys.executable, "-I", "-S", _LEASH, str(os.getpid()))
        with self.places.log.open("ab") as log:
            # In a session of its own: what a terminal interrupts is who stops it.
            self._process = subprocess.Popen(  # noqa: S603  # the program that was asked for
                [*leash, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def command(self) -> list[str]:
        """Return its command line."""
        places = self.places
        return [
            str(self.program),
            f"--config={places.configuration}",
            f"--root-dir={places.root}",
            f"--cert-dir={places.directory / 'certificates'}",
            f"--hostname-override={self.name}",
            *(f"--node-ip={each}" for each in _own_addresses()),
            "--v=3",
            *self._flags,
        ]

    def _answers(self) -> bool:
        if self.status is not None:
            raise KubeletError(f"the kubelet ended with status {self.status}: {self.last_words()}")
        get = self.get if self.read_only_port else self.tls_get
        try:
            return get("/healthz")[0] in _ANSWERS
        except OSError:
            return False

    def last_words(self) -> str:
        """Return the end of its log."""
        return self._journal.last(_TOLD_LINES)

    @property
    def pid(self) -> int:
        """Its process id. KubeletError before it was started."""
        return self._started().pid

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._started().poll()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise KubeletError("this kubelet was not started")
        return self._process

    def stop(self, number: int = signal.SIGTERM) -> int | None:
        """End it, by a signal; return its exit status. Harmless when it has ended."""
        if self._process is None:
            return None
        if self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(TERM_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        return self._process.returncode

    def restart(self) -> None:
        """Stop it and start it again, on the same files and ports."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop it, and put the machine back. Harmless when done."""
        self.stop()
        if self._borrowed is not None:
            self._borrowed.give_back()
            self._borrowed = None
        if self._cgroups is not None:
            self._cgroups.remove()
        if self._ports is not None:
            self._ports.give_back()
            self._ports = None

    # Reading.

    def get(self, path: str) -> tuple[int, str]:
        """Return status and body of a path of the read-only port. OSError if nobody answers."""
        return _get(
            http.client.HTTPConnection(LOOPBACK, self.read_only_port, timeout=HTTP_TIMEOUT_S),
            path,
        )

    def tls_get(self, path: str) -> tuple[int, str]:
        """Return status and body of a path of the TLS port. OSError if nobody answers."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE  # it is self-signed
        return _get(
            http.client.HTTPSConnection(
                LOOPBACK, self.tls_port, timeout=HTTP_TIMEOUT_S, context=context
            ),
            path,
        )

    def _read(self, path: str) -> str:
        status, body = self.get(path)
        if status != _OK:
            raise KubeletError(f"{path}: {status} {body}")
        return body

    def pods(self) -> list[dict[str, Any]]:
        """Return the pods of /pods: API objects as JSON has them."""
        return json.loads(self._read("/pods")).get("items") or []

    def pod(self, name: str) -> dict[str, Any] | None:
        """Return the pod of a manifest of this name, or None."""
        names = {name, f"{name}-{self.name.lower()}"}
        return next((each for each in self.pods() if each["metadata"]["name"] in names), None)

    def phase(self, name: str) -> str:
        """Return a pod's phase; empty while it has none."""
        return str((self.pod(name) or {}).get("status", {}).get("phase", ""))

    def container(self, pod: str, name: str) -> dict[str, Any]:
        """Return the status of a container, or of an init container; {} while there is none."""
        status = (self.pod(pod) or {}).get("status", {})
        kinds = ("containerStatuses", "initContainerStatuses")
        all_ = [each for kind in kinds for each in status.get(kind) or []]
        return next((each for each in all_ if each["name"] == name), {})

    def summary(self) -> dict[str, Any]:
        """Return /stats/summary."""
        summary: dict[str, Any] = json.loads(self._read("/stats/summary"))
        return summary

    def metrics(self, path: str = "/metrics") -> Metrics:
        """Return what it measures."""
        return Metrics(self._read(path))

    def lines(self, text: str = "") -> list[Line]:
        """Return the lines of its log that have this text."""
        return [each for each in self._journal.lines() if text in each.text]

    def events(self, reason: str = "", pod: str = "") -> list[KubeletEvent]:
        """Return the Kubernetes events, of a reason or about a pod if given."""
        names = {pod, f"{pod}-{self.name.lower()}"}
        return [
            event
            for event in map(event_of, self._journal.lines())
            if event and reason in {"", event.reason} and (not pod or event.pod in names)
        ]

    def until(
        self,
        condition: Callable[[], T],
        what: str,
        within_s: float = PATIENCE_S,
        every_s: float = _POLL_S,
    ) -> T:
        """Wait until a condition is true; return what it returned. NotSeen, with the log's end.

        It is asked again after `every_s`.
        """
        end_s = time.monotonic() + within_s
        while not (result := condition()):
            if time.monotonic() > end_s:
                waited = f"waited {within_s:g} s for {what}"
                raise NotSeen(f"{waited}; the log ends:\n{self.last_words()}")
            time.sleep(every_s)
        return result


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, str]:
    with closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        except http.client.HTTPException as error:  # such as half an answer of one that is killed
            raise ConnectionError(f"{path}: {error!r}") from error


def _own_addresses() -> list[str]:
    """Return the address that this machine has for others, if it has one.

    A kubelet that is not told asks DNS for its node's name, each time that it syncs a pod.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))  # which sends nothing
        except OSError:
            return []
        address = ip_address(probe.getsockname()[0])
    return [] if address.is_loopback or address.is_link_local else [str(address)]


def version_of(program: Path) -> str:
    """Return a kubelet's version, such as v1.36.3. KubeletError where it does not tell."""
    try:
        answer = subprocess.run(  # noqa: S603  # the program that was asked for
            [program, "--version"],
            check=False,
            capture_output=True,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise KubeletError(f"{program} does not tell its version: {error.strerror}") from error
    if answer.returncode:
        raise KubeletError(
            f"{program} does not tell its version: it ends with status {answer.returncode}"
        )
    match = re.fullmatch(r"Kubernetes (v\S+)\s*", answer.stdout)
    if match is None:
        says = answer.stdout.strip().partition("\n")[0]
        raise KubeletError(f"{program} is no kubelet: it says {says!r}")
    return match[1]
