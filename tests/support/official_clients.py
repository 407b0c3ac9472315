"""The official CueAPI clients from PyPI, unchanged, each in a virtual environment of its own.

Two of the packages install the same import name. What a driver (`tests/clients/`) does with a client it tells in JSON
lines, and at last which of the client's public functions it called.
"""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .cli import surroundings
from .repository import ROOT

PACKAGES = {"sdk": "cueapi-sdk==0.1.3", "cli": "cueapi==0.2.0", "worker": "cueapi-worker==0.3.0"}
DRIVERS = ROOT / "tests" / "clients"

INSTALLED_WITHIN = 110.0
DRIVEN_WITHIN = 60.0
"""Seconds on a busy machine."""


@dataclass(frozen=True)
class Driven:
    """What a driver told."""

    steps: dict[str, Any]
    """What came back, by the step's name."""
    public: set[str]
    """The client's public methods and commands, as it has them."""
    called: set[str]
    """Those that were called."""

    def assert_complete(self, outside: dict[str, str]) -> None:
        """Each public method and command was called, but for those `outside` of PROTOCOL.md, each with its reason."""
        assert set(outside) <= self.public, f"no longer there: {sorted(set(outside) - self.public)}"
        wanted = self.public - set(outside)
        missing = sorted(wanted - self.called)
        done = len(wanted) - len(missing)
        print(
            f"client methods and commands driven: {done} of {len(wanted)} ({len(outside)} outside of PROTOCOL.md)"
        )
        assert not missing, f"not driven: {', '.join(missing)}"


class OfficialClient:
    """One client in its environment."""

    def __init__(self, name: str, folder: Path) -> None:
        self._name = name
        self._folder = folder

    def start(self, home: Path, *arguments: str) -> subprocess.Popen[str]:
        """Start the client's driver with `home` as home folder."""
        # A browser that a client opens must not be this machine's.
        env = surroundings(
            home, PYTHONPATH=str(DRIVERS), BROWSER="true", PATH=f"{self._bin}:{os.environ['PATH']}"
        )
        env.pop("PYTHONSAFEPATH", None)
        return subprocess.Popen(
            [str(self._bin / "python"), str(DRIVERS / f"drive_{self._name}.py"), *arguments],
            cwd=home,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    @property
    def _bin(self) -> Path:
        return self._folder / "bin"


def finish(driver: subprocess.Popen[str]) -> Driven:
    """Wait for a driver; fails with its traceback if it met what it did not expect."""
    try:
        out, err = driver.communicate(timeout=DRIVEN_WITHIN)
    finally:
        driver.kill()
        driver.wait()
    assert driver.returncode == 0, f"{out}\n{err}"
    *steps, last = [json.loads(line) for line in out.splitlines()]
    return Driven(
        {step["step"]: step["returned"] for step in steps}, set(last["public"]), set(last["called"])
    )


@pytest.fixture(scope="session")
def official_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], OfficialClient]]:
    """Gives the client of that name; its environment is made once for all of pytest-xdist's workers."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent

    def client(name: str) -> OfficialClient:
        folder = shared / f"client-{name}"
        with (shared / f"client-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "ready").exists():
                _install(PACKAGES[name], folder)
                (folder / "ready").touch()
        return OfficialClient(name, folder)

    yield client


def _install(package: str, folder: Path) -> None:
    venv = [sys.executable, "-P", "-m", "venv", "--clear", "--without-pip", str(folder)]
    pip = [sys.executable, "-P", "-m", "pip", "--python", str(folder / "bin" / "python"), "install"]
    for command in (venv, [*pip, "--quiet", "--disable-pip-version-check", "--no-compile", package]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALLED_WITHIN, check=False)
        assert done.returncode == 0, f"{package} cannot be installed from PyPI:\n{done.stdout}{done.stderr}"
