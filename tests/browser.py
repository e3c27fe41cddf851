"""A real browser over Chrome's DevTools protocol."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from websockets.sync.client import ClientConnection, connect

SHOTS = Path(__file__).parents[1] / "test-results" / "pages"
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    # A page that asks for a name out there is told at once that there is none; the request is on record all the same.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
DESK, PHONE = (1440, 900), (390, 844)


@dataclass
class Page:
    """One tab with a storage of its own, and everything it complained about or asked for."""

    send: Callable[..., dict[str, Any]]
    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def note(self, method: str, told: dict[str, Any]) -> None:
        """Keep what an event of the browser says about this page."""
        if method == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requests.append(told["url"])
        elif method == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(told["exceptionDetails"])[:600])
        elif method == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.errors.append(" ".join(str(one.get("value", one.get("description"))) for one in told["args"])[:600])
        elif method == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.errors.append(f"{told['entry']['text']} {told['entry'].get('url', '')}")

    @property
    def strangers(self) -> list[str]:
        """Requests that would leave this machine."""
        return [url for url in self.requests if urlsplit(url).hostname not in ("127.0.0.1", None)]

    def go(self, url: str) -> None:
        """Open an address and wait until the document is there."""
        told = self.send("Page.navigate", url=url)
        assert "errorText" not in told, told
        self.until("document.readyState === 'complete'")

    def shows(self, *texts: str) -> None:
        """Wait until a person can read all of this."""
        for text in texts:
            self.until(f"document.body.innerText.includes({json.dumps(text)})")

    def there(self, selector: str, within_s: float = 30) -> None:
        """Wait until an element is there."""
        self.until(f"document.querySelector({json.dumps(selector)}) !== null", within_s)

    def settle(self) -> None:
        """Wait until the text stands still for half a second."""
        before, still = "", 0
        while still < 5:
            time.sleep(0.1)
            now = self.text()
            before, still = now, still + 1 if now == before else 0

    def js(self, expression: str) -> Any:
        """The value of an expression in the page."""
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, (expression, told["exceptionDetails"])
        return told["result"].get("value")

    def until(self, expression: str, within_s: float = 30) -> Any:
        """Wait until an expression is true in the page; returns its value, as JSON has it."""
        end = time.monotonic() + within_s
        while not (value := self.js(expression)):
            assert time.monotonic() < end, f"never true: {expression}\n{self.text()[:2000]}\n{self.errors}"
            time.sleep(0.1)
        return value

    def text(self) -> str:
        """What a person can read."""
        return self.js("document.body.innerText") or ""

    def texts(self, selector: str) -> list[str]:
        """The text of every element that matches."""
        return self.js(f"[...document.querySelectorAll({json.dumps(selector)})].map(one => one.innerText)")

    def click(self, selector: str, nth: int = 0) -> None:
        """Press the mouse in the middle of an element."""
        place = self.until(
            f"""(() => {{
                const one = document.querySelectorAll({json.dumps(selector)})[{nth}];
                if (!one) return null;
                one.scrollIntoView({{block: "center"}});
                const box = one.getBoundingClientRect();
                return {{x: box.x + box.width / 2, y: box.y + box.height / 2}};
            }})()"""
        )
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def type(self, text: str) -> None:
        """Type into whatever has the focus."""
        self.send("Input.insertText", text=text)

    def size(self, width: int, height: int) -> None:
        """Set the viewport."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )

    def scheme(self, name: str) -> None:
        """Prefer `light` or `dark`."""
        self.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": name}])

    def shot(self, name: str, *, whole: bool = False) -> None:
        """Keep a picture of the viewport, or of the whole page."""
        picture = self.send("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        SHOTS.mkdir(parents=True, exist_ok=True)
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))


class Browser:
    """Chromium without a window."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._sent = 0
        self._pages: dict[str, Page] = {}

    def page(self) -> Page:
        """A new tab that shares nothing with the others."""
        context = self._send("Target.createBrowserContext")["browserContextId"]
        target = self._send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self._send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(lambda method, **words: self._send(method, session, **words))
        self._pages[session] = page
        for domain in ("Page", "Runtime", "Network", "Log"):
            page.send(f"{domain}.enable")
        page.size(*DESK)
        page.scheme("light")
        return page

    def _send(self, method: str, session: str | None = None, **words: Any) -> dict[str, Any]:
        self._sent += 1
        message = {"id": self._sent, "method": method, "params": words}
        self._connection.send(json.dumps(message | ({"sessionId": session} if session else {})))
        while True:
            told = json.loads(self._connection.recv(timeout=60))
            if told.get("id") == self._sent:
                assert "error" not in told, (method, told["error"])
                return told["result"]
            if page := self._pages.get(told.get("sessionId", "")):
                page.note(told["method"], told["params"])


@contextmanager
def chromium() -> Iterator[Browser]:
    """One browser for as long as the block lasts."""
    home = Path(tempfile.mkdtemp(prefix="goldlayer-browser-"))
    with (home / "log").open("wb") as log:
        words = ["chromium", *FLAGS, f"--user-data-dir={home}", "about:blank"]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        port_file = home / "DevToolsActivePort"
        end = time.monotonic() + 30
        while not (port_file.exists() and len(port_file.read_text().split()) == 2):
            assert process.poll() is None and time.monotonic() < end, (home / "log").read_text()[-3000:]
            time.sleep(0.05)
        port, path = port_file.read_text().split()
        with connect(f"ws://127.0.0.1:{port}{path}", max_size=None, open_timeout=10) as connection:
            yield Browser(connection)
    finally:
        family = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        process.wait(30)
        psutil.wait_procs(family, 30)
        shutil.rmtree(home)


@contextmanager
def tab(browser: Browser) -> Iterator[Page]:
    """A new tab; at the end it must not have complained, nor asked for anything that is not on this machine."""
    opened = browser.page()
    yield opened
    assert opened.errors == [], opened.errors
    assert opened.strangers == [], opened.strangers
