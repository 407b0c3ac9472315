"""The real local server as a child process, for tests that need a peer."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from .server_client import DEADLINE, ServerClient

API_KEY = "cue_sk_" + "0123456789abcdef" * 2


class LocalServerProcess(ServerClient):
    """`python -m cueworker.local` on a free port.

    Flags are its options: `rate_limit=60` is `--rate-limit=60`.

    It can be started again after `stop` or `kill`; it then keeps its directory, key and port.
    """

    def __init__(self, state_dir: Path, *, api_key: str = API_KEY, **flags: object) -> None:
        super().__init__("", api_key)
        self.state_dir = state_dir
        self.log: list[str] = []
        """What the server wrote to standard error, line by line."""
        self._flags = flags
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> Self:
        """Starts the process and waits until it says that it listens."""
        port = urlsplit(self.url).port if self.url else 0
        options = [f"--{name.replace('_', '-')}={value}" for name, value in self._flags.items()]
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-P", "-m", "cueworker.local"),
                *(f"--port={port}", f"--state-dir={self.state_dir}", f"--api-key={self.api_key}"),
                f"--die-with-parent={os.getpid()}",
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        settled = threading.Event()
        self._reader = threading.Thread(target=self._read, args=(self._process, settled), daemon=True)
        self._reader.start()
        if not settled.wait(DEADLINE) or not self.url:
            self.kill()
            raise AssertionError("the local server did not start: " + "".join(self.log))
        return self

    def _read(self, process: subprocess.Popen[str], settled: threading.Event) -> None:
        assert process.stderr is not None
        for line in process.stderr:
            self.log.append(line)
            if line.startswith("listening on "):
                self.url = line.removeprefix("listening on ").strip()
                settled.set()
        settled.set()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        return self._end(lambda process: process.terminate())

    def kill(self) -> int:
        """SIGKILL; returns the exit code."""
        return self._end(lambda process: process.kill())

    def _end(self, how: Any) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        how(process)
        try:
            return process.wait(DEADLINE)
        finally:
            process.kill()
            process.wait()
            assert self._reader is not None and process.stderr is not None
            self._reader.join(DEADLINE)
            process.stderr.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@pytest.fixture
def local_server(tmp_path: Path) -> Iterator[LocalServerProcess]:
    """A fresh local server with the default rules."""
    with LocalServerProcess(tmp_path / "local-server") as server:
        yield server


@pytest.fixture(scope="session")
def shared_local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServerProcess]:
    """One local server with the default rules for all tests that need only an account of it."""
    with LocalServerProcess(tmp_path_factory.mktemp("shared-local-server")) as server:
        yield server


@pytest.fixture
def local_account(shared_local_server: LocalServerProcess) -> ServerClient:
    """A fresh account on the shared server: nobody else's cues, and quicker than a server of one's own."""
    body = {"email": f"{uuid.uuid4()}@test.example"}
    key = shared_local_server.ok("POST", "/v1/auth/register", body)["api_key"]
    return ServerClient(shared_local_server.url, key)
