"""A real, headless Chromium. `make test-browser` runs these tests; `make chromium` installs it on Debian."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from support.chromium import Chromium
from support.local_server import LocalServerProcess
from support.waiting import until

MISSING = "chromium and chromedriver are needed: `make chromium` installs Debian's (as root)"


def pytest_sessionstart(session: pytest.Session) -> None:
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        pytest.exit(MISSING, returncode=3)


@pytest.fixture(autouse=True)
def nothing_leaks() -> None:
    """In place of the one for all tests: the browser outlives each test, and starts processes as it likes."""


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One browser for all tests; it leaves no process behind."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.quit()

    def gone() -> bool:
        left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess, ChildProcessError, psutil.TimeoutExpired):
                process.wait(0)
        return not left

    until(gone, "the browser has left no process")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServerProcess]:
    """The server that most tests look at."""
    with LocalServerProcess(tmp_path_factory.mktemp("server") / "files") as running:
        yield running


@pytest.fixture
def browser(chromium: Chromium, tmp_path: Path) -> Iterator[Chromium]:
    """The browser with no cookies, wide and light; afterwards: no error on its console, nobody else asked."""
    chromium.fresh()
    yield chromium
    assert not chromium.complaints(), "errors on the console"
    assert not chromium.strange_requests(), "requests to somebody else"
