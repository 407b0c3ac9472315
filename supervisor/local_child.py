"""The embedded server as a child of the supervisor (`--local`)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

from ..local.discovery import KEY_FILE, LocalServer, discover
from ..pool.events import emit

READY_WITHIN = 20.0
"""Seconds that the server may take to listen."""


PENDING_KEY = "cue_sk_the_local_server_has_its_own"
PENDING_BASE = "http://127.0.0.1"
"""Stand in for the key and the address of a local server that is not running yet."""


class LocalServerFailed(Exception):
    """The embedded server did not come up; the message says what it said."""


class LocalChild:
    """Starts the server, and starts it again on the same port when it died."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._adopted: int | None = None
        self.server: LocalServer | None = None

    @property
    def pid(self) -> int | None:
        """The server's process, while it has not been reaped."""
        return self._adopted if self._process is None else self._process.pid

    def adopt(self, pid: int) -> LocalServer | None:
        """Take over a server that this process's earlier program started; None if it does not run."""
        self.server = discover(self._state_dir)
        if self.server is None or self.server.pid != pid:
            return None
        self._adopted = pid
        return self.server

    def start(self) -> LocalServer:
        """Start it and wait until it listens. Raises LocalServerFailed."""
        self.spawn()
        assert self._process is not None
        give_up = time.monotonic() + READY_WITHIN
        while time.monotonic() < give_up:
            found = discover(self._state_dir)
            if found is not None and found.pid == self._process.pid:
                self.server = found
                emit("local.started", url=found.url)
                return found
            if self._process.poll() is not None:
                raise LocalServerFailed(
                    f"the local server ended at once with code {self._process.returncode}; its reason is above. "
                    f"Its files are in {self._state_dir}"
                )
            time.sleep(0.02)
        self.kill()
        raise LocalServerFailed(f"the local server did not listen within {READY_WITHIN:g} s")

    @property
    def key_file(self) -> Path:
        """Where the server keeps its own key."""
        return self._state_dir / KEY_FILE

    def look_again(self) -> LocalServer:
        """The server with the key that it has now; what is known of it, while it does not run."""
        assert self.server is not None, "it has been started"
        self.server = discover(self._state_dir) or self.server
        return self.server

    def spawn(self) -> None:
        """Start the process, on the port that it had before if it had one. Raises OSError."""
        port = 0 if self.server is None else urlsplit(self.server.url).port
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "cueworker.local",
                *("--port", str(port)),
                *("--state-dir", str(self._state_dir)),
                *("--die-with-parent", str(os.getpid())),
            ],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def reaped(self, returncode: int) -> None:
        """The supervisor has reaped the process."""
        if self._process is not None:
            self._process.returncode = returncode
        self._process = self._adopted = None

    def terminate(self) -> None:
        """Ask it to leave."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self._signal(signal.SIGKILL)

    def _signal(self, signum: signal.Signals) -> None:
        # Not by Popen's methods: they look whether it is dead, and would reap it behind the supervisor's back.
        if self.pid is not None:
            os.kill(self.pid, signum)
