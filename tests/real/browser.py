"""A real browser, driven over the DevTools protocol: Debian's chromium, without a screen.

The protocol goes over two pipes, so no port is opened. The browser has a profile in a directory of
its own, which goes with it.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from tests.real import install
from tests.real.runtimes import until

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 60.0

_OPTIONS = (
    "--headless",
    "--no-sandbox",  # which root has not
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)


class BrowserError(Exception):
    """The browser refuses a command, or says nothing for too long."""


@dataclass
class Browser:
    """The browser's end of the pipes, and what it said that was no answer."""

    read_fd: int
    write_fd: int
    process: subprocess.Popen[bytes]
    home: Path
    """Where its profile is, as long as it runs."""
    events: list[dict[str, Any]] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=lambda: count(1))
    _rest: bytes = b""

    def command(self, method: str, session: str = "", **parameters: Any) -> dict[str, Any]:
        """Send a command; return its result."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.write_fd, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._message()
            if answer.get("id") != number:
                self.events.append(answer)
            elif "error" in answer:
                raise BrowserError(f"{method}: {answer['error']}")
            else:
                result: dict[str, Any] = answer["result"]
                return result

    def wait_for(self, event: str, session: str) -> dict[str, Any]:
        """Wait for an event that has not been waited for yet; return its parameters."""
        while True:
            for place, each in enumerate(self.events):
                if each.get("method") == event and each.get("sessionId") == session:
                    return dict(self.events.pop(place)["params"])
            self.events.append(self._message())

    def _message(self) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_S
        while b"\0" not in self._rest:
            left_s = deadline - time.monotonic()
            ready, _, _ = select.select([self.read_fd], [], [], max(left_s, 0))
            piece = os.read(self.read_fd, 1 << 20) if ready else b""
            if not piece:
                raise BrowserError("it has gone" if ready else f"no word for {PATIENCE_S} s")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message


@dataclass
class Page:
    """One page of the browser."""

    browser: Browser
    session: str

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command for this page."""
        return self.browser.command(method, self.session, **parameters)

    def open(self, path: Path) -> None:
        """Load a file, and wait until it is there and painted."""
        document = self.do("Page.navigate", url=path.as_uri())["loaderId"]
        while not self._has_loaded(document):
            pass
        self.settle()

    def _has_loaded(self, document: str) -> bool:
        """Wait for the next event in a document's life: the blank one has its own."""
        event = self.browser.wait_for("Page.lifecycleEvent", self.session)
        return (event["loaderId"], event["name"]) == (document, "load")

    def settle(self) -> None:
        """Wait until what was asked for is painted."""
        frame = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
        self.evaluate(f"{frame}.then(() => true)")

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, or of the promise that it is."""
        answer = self.do(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise BrowserError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def click(self, x: float, y: float) -> None:
        """Click with the left button."""
        for kind in ("mousePressed", "mouseReleased"):
            self.do("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
        self.settle()

    def wheel(self, x: float, y: float, *, dx: float = 0, dy: float = 0) -> None:
        """Turn the wheel at a point."""
        self.do("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=dx, deltaY=dy)
        self.settle()

    def key(self, key: str, text: str = "", modifiers: int = 0) -> None:
        """Press a key and let it go; 8 of `modifiers` is shift."""
        down = {"type": "keyDown", "key": key, "modifiers": modifiers}
        self.do("Input.dispatchKeyEvent", **down, **({"text": text} if text else {}))
        self.do("Input.dispatchKeyEvent", type="keyUp", key=key, modifiers=modifiers)
        self.settle()

    def write(self, text: str) -> None:
        """Write into what has the focus."""
        self.do("Input.insertText", text=text)
        self.settle()

    def screenshot(self) -> bytes:
        """Return what is seen, as PNG."""
        return base64.b64decode(self.do("Page.captureScreenshot", format="png")["data"])

    def look(self, width: int, height: int, *, dark: bool = False) -> None:
        """Give the page a size in pixels, and a colour scheme."""
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])

    @property
    def complaints(self) -> list[str]:
        """What the page's scripts got wrong, and what the console has of errors."""
        self.settle()
        return [
            json.dumps(each["params"])
            for each in self.browser.events
            if each.get("sessionId") == self.session and _complains(each)
        ]

    @property
    def requests(self) -> list[str]:
        """The addresses that the page asked for."""
        return [
            each["params"]["request"]["url"]
            for each in self.browser.events
            if each.get("method") == "Network.requestWillBeSent"
        ]


def _complains(event: dict[str, Any]) -> bool:
    method, parameters = event.get("method"), event.get("params", {})
    return (
        method == "Runtime.exceptionThrown"
        or (method == "Runtime.consoleAPICalled" and parameters["type"] in {"error", "warning"})
        or (method == "Log.entryAdded" and parameters["entry"]["level"] in {"error", "warning"})
    )


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Start the browser; at the end it is gone, and so is what it wrote."""
    program = install.find("chromium").path
    assert program is not None
    with _home() as home:
        (to_read, its_write), (its_read, to_write) = _pipe(), _pipe()
        # The protocol's own numbers are 3 and 4; a shell puts the pipes there.
        start = f'exec "$0" "$@" 3<&{its_read} 4>&{its_write} {its_read}<&- {its_write}>&-'
        process = subprocess.Popen(
            ["bash", "-c", start, program, *_OPTIONS, f"--user-data-dir={home}/profile"],
            pass_fds=(its_read, its_write),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "XDG_CACHE_HOME": home},
            start_new_session=True,
        )
        os.close(its_read)
        os.close(its_write)
        browser = Browser(to_read, to_write, process, Path(home))
        try:
            yield browser
            with suppress(BrowserError):  # it may go without a word
                browser.command("Browser.close")
        finally:
            os.close(to_write)
            _end(process)
            os.close(to_read)


@contextmanager
def _home() -> Iterator[str]:
    """A directory that has gone at the end, though the browser's processes end one by one."""
    home = mkdtemp(prefix="fcri-browser-")
    try:
        yield home
    finally:
        until(lambda: _is_removed(home), "the end of the browser's directory")


def _is_removed(directory: str) -> bool:
    rmtree(directory, ignore_errors=True)
    return not Path(directory).exists()


def _pipe() -> tuple[int, int]:
    """Return the ends of a pipe, under numbers that are not those of the protocol."""
    low = os.pipe()
    high = [fcntl.fcntl(each, fcntl.F_DUPFD_CLOEXEC, 10) for each in low]
    for each in low:
        os.close(each)
    return high[0], high[1]


def _end(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE_S)
    with suppress(ProcessLookupError):  # all of it has ended
        os.killpg(process.pid, signal.SIGKILL)  # a group of its own: nobody else is in it
    process.wait()


@contextmanager
def open_page(browser: Browser) -> Iterator[Page]:
    """Open a page of its own, that tells all it does."""
    target = browser.command("Target.createTarget", url="about:blank")["targetId"]
    attached = browser.command("Target.attachToTarget", targetId=target, flatten=True)
    browser.events.clear()
    page = Page(browser, attached["sessionId"])
    for domain in ("Page", "Runtime", "Log", "Network"):
        page.do(f"{domain}.enable")
    page.do("Page.setLifecycleEventsEnabled", enabled=True)
    page.look(1400, 860)
    yield page
    browser.command("Target.closeTarget", targetId=target)
