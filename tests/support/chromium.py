"""A headless Chromium, driven as its user would: by keys, clicks and looks."""

from __future__ import annotations

import base64
import json
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.common.exceptions import (
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from support.repository import ROOT
from support.waiting import until

SHOTS = ROOT / ".test-output" / "browser"
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_AXE = (files("axe_core_python") / "axe.min.js").read_text("utf-8")


class Chromium:
    """One browser with one window, and what its pages complained about or asked for."""

    def __init__(self, folder: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or "chromium"
        for flag in (*_FLAGS, f"--user-data-dir={folder}", "--window-size=1280,900"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self._own: set[str] = set()
        SHOTS.mkdir(parents=True, exist_ok=True)

    def quit(self) -> None:
        """Ends the browser."""
        self.driver.quit()

    def fresh(self) -> None:
        """As if it had just been installed."""
        self.leave()
        self._do("Network.clearBrowserCookies")
        self._do("Emulation.setScriptExecutionDisabled", value=False)
        self.look()
        self.complaints()
        self.strange_requests()
        self._own = set()

    def _do(self, command: str, **arguments: Any) -> Any:
        return self.driver.execute_cdp_cmd(command, arguments)

    def look(self, *, width: int = 1280, dark: bool = False) -> None:
        """On a screen of this many pixels, in the light or in the dark."""
        self._do(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        self._do("Emulation.setScrollbarsHidden", hidden=True)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._do("Emulation.setEmulatedMedia", features=[scheme])

    def without_javascript(self) -> None:
        """No script of a page runs from now on."""
        self._do("Emulation.setScriptExecutionDisabled", value=True)

    def go(self, address: str) -> None:
        """Opens an address; its origin is one that may be asked for things."""
        self._own.add(_origin(address))
        self.driver.get(address)

    def leave(self) -> None:
        """Closes the page, before what it listens to ends."""
        self.driver.get("about:blank")

    def allow(self, address: str) -> None:
        """A link to this origin will be followed."""
        self._own.add(_origin(address))

    def one(self, selector: str) -> WebElement:
        """The element, as soon as there is one."""

        def probe() -> WebElement | None:
            try:
                return self.driver.find_element(By.CSS_SELECTOR, selector)
            except NoSuchElementException:
                return None

        return until(probe, f"{selector} on {self.driver.current_url}")

    def click(self, text: str, kind: str = "a, button, summary") -> None:
        """Clicks the link or button with this text or label, as soon as there is one."""

        def probe() -> bool:
            try:
                for element in self.driver.find_elements(By.CSS_SELECTOR, kind):
                    if text in (element.text, element.accessible_name):
                        element.click()
                        return True
            except (StaleElementReferenceException, ElementNotInteractableException):
                pass  # the page changed in between
            return False

        until(probe, f"{text!r} can be clicked on {self.driver.current_url}")

    @property
    def text(self) -> str:
        """What the page shows; nothing while it is being changed for another."""
        try:
            return self.driver.find_element(By.TAG_NAME, "body").text
        except (NoSuchElementException, StaleElementReferenceException):
            return ""

    def shows(self, *texts: str) -> None:
        """Waits until the page shows all of these."""

        def probe() -> bool:
            seen = self.text
            return all(text in seen for text in texts)

        try:
            until(probe, f"the page shows {texts}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it shows: {self.text}") from error

    def press(self, *keys: str) -> None:
        """Keys for whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def tab_to(self, name: str, most: int = 60) -> WebElement:
        """Presses Tab until the element with this text or label has the focus, which must be seen."""
        for _ in range(most):
            self.press(Keys.TAB)
            element = self.driver.switch_to.active_element
            if name in (element.text, element.accessible_name):
                outline = element.value_of_css_property("outline-style")
                assert outline != "none", f"{name} does not show that it has the focus"
                return element
        raise AssertionError(f"Tab does not lead to {name}")

    def script(self, code: str, *arguments: Any) -> Any:
        """What a piece of JavaScript returns, in the page."""
        return self.driver.execute_script(code, *arguments)

    def shot(self, name: str) -> None:
        """Keeps a picture of the whole page."""
        picture = self._do("Page.captureScreenshot", captureBeyondViewport=True, format="png")
        (SHOTS / f"{name}.png").write_bytes(base64.b64decode(picture["data"]))

    def barriers(self) -> list[str]:
        """What axe-core finds on the page that keeps somebody out."""
        found = self.driver.execute_async_script(
            _AXE + ";const done = arguments[arguments.length - 1];"
            "axe.run(document, {resultTypes: ['violations']}).then(r => done(r.violations))"
        )
        return [
            f"{problem['id']}: {problem['help']}: {[node['html'][:200] for node in problem['nodes'][:3]]}"
            for problem in found
        ]

    def complaints(self) -> list[str]:
        """What the console said since the last look, but for answers that are no success."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if "status of 4" not in entry["message"]
        ]

    def strange_requests(self) -> list[str]:
        """Addresses that pages asked for since the last look, of origins that no test opened."""
        asked = []
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
        return [url for url in asked if _origin(url) not in self._own and url.startswith(("http", "ws"))]


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"
