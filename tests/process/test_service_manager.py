"""A real supervisor under a service manager's socket: what it says from its start to its end, and when it is silent."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

from support.pool import Pool, end
from support.waiting import PATIENCE, until

WATCHDOG = 0.4
"""Seconds: a sign of life comes twice in that time."""


class Manager:
    """A service manager's socket and all that came through it."""

    def __init__(self, listening: socket.socket) -> None:
        self._listening = listening
        self.messages: list[str] = []

    def hear(self, pattern: str, within: float = PATIENCE) -> str:
        """Wait for a message that has such a line; forget it and those before it."""
        give_up = time.monotonic() + within
        while True:
            for number, message in enumerate(self.messages):
                if re.search(pattern, message, re.MULTILINE):
                    del self.messages[: number + 1]
                    return message
            self._listening.settimeout(max(0.001, give_up - time.monotonic()))
            self.messages.append(self._listening.recv(4096).decode())

    def is_silent(self, seconds: float) -> bool:
        """Whether nothing comes for that long, after what is there already."""
        self._listening.setblocking(False)
        try:
            while True:
                self._listening.recv(4096)
        except BlockingIOError:
            self._listening.settimeout(seconds)
        try:
            self._listening.recv(4096)
        except TimeoutError:
            return True
        return False


def test_a_service_managers_view_of_a_pool(tmp_path: Path) -> None:
    told = tmp_path / "told"
    handlers = {"tell": f"env > {told}"}
    pool = Pool(tmp_path, handlers, workers=2)
    address = f"@cueworker-process-{os.getpid()}"
    env = {
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": str(int(WATCHDOG * 1e6)),
        "CREDENTIALS_DIRECTORY": "/none",
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + address[1:])
        manager = Manager(listening)
        try:
            pool.spawn(env=env)
            assert pool.process is not None
            assert f"MAINPID={pool.process.pid}" in manager.hear("^READY=1")
            manager.hear("^STATUS=2 workers: 0 busy, [12] idle; 0 reports wait")
            manager.hear("^WATCHDOG=1")
            manager.hear("^WATCHDOG=1")

            pool.send(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in manager.hear("^RELOADING=1")
            manager.hear("^READY=1")

            site = pool.site()
            assert site.recorded(site.fire("tell"))["status"] == "success"
            site.close()
            names = {line.split("=")[0] for line in told.read_text().splitlines()}
            assert not names & {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "CREDENTIALS_DIRECTORY"}

            # A supervisor that does not turn gives no sign of life, and gives one again as soon as it does.
            pool.send(signal.SIGSTOP)
            until(lambda: _is_stopped(pool.process.pid), "the supervisor is stopped")  # type: ignore[union-attr]
            assert manager.is_silent(4 * WATCHDOG)
            pool.send(signal.SIGCONT)
            manager.hear("^WATCHDOG=1")

            pool.send(signal.SIGTERM)
            seconds = float(pool.settings["shutdown_grace"])
            asked = re.search(r"EXTEND_TIMEOUT_USEC=(\d+)", manager.hear("^STOPPING=1"))
            assert asked is not None and int(asked[1]) / 1e6 >= seconds
            assert pool.process.wait(PATIENCE) == 0
        finally:
            end(pool)


def test_an_unreachable_server_is_no_reason_to_be_restarted(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening, socket.socket() as refusing:
        refusing.bind(("127.0.0.1", 0))  # not listening: every connection is refused
        path = tmp_path / "notify"
        listening.bind(str(path))
        manager = Manager(listening)
        server = f"http://127.0.0.1:{refusing.getsockname()[1]}"
        pool = Pool(tmp_path, {"noop": "true"}, api_base=server, api_key="k", workers=1)
        try:
            pool.spawn(env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(WATCHDOG * 1e6))})
            manager.hear("^READY=1")
            pool.wait_for_event("listing.failed")
            manager.hear("^WATCHDOG=1")
            manager.hear("^WATCHDOG=1")
        finally:
            end(pool)


def _is_stopped(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] == "T"
