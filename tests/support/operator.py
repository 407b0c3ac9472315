"""An operator of a test's pool: the real `cueworker` command, and the control socket by hand."""

from __future__ import annotations

import json
import socket
from typing import Any

from support.cli import Done, cueworker
from support.pool import Pool
from support.waiting import until


class Operator:
    """Somebody at the machine that a pool runs on."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._directory = ("--state-dir", str(pool.state_dir))

    def command(self, *arguments: str) -> Done:
        """Run a subcommand for this pool, whatever comes of it."""
        return cueworker(arguments[0], *self._directory, *arguments[1:], home=self.pool.folder)

    def does(self, *arguments: str) -> str:
        """Run one that has to succeed; what it says."""
        done = self.command(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def connect(self) -> socket.socket:
        """A connection to the control socket."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(20)
        until(lambda: self._reaches(connection), "there is a place in the line")
        return connection

    def _reaches(self, connection: socket.socket) -> bool:
        try:
            connection.connect(str(self.pool.state_dir / "control.sock"))
        except BlockingIOError:
            return False
        return True

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        """One request and its answer."""
        with self.connect() as connection:
            connection.sendall(json.dumps({"command": command, **arguments}).encode() + b"\n")
            with connection.makefile("rb") as answer:
                found: dict[str, Any] = json.loads(answer.readline())
        return found

    def slots(self) -> list[dict[str, Any]]:
        """The pool's slots."""
        found: list[dict[str, Any]] = self.ask("status")["slots"]
        return found

    def running(self) -> dict[str, dict[str, Any]]:
        """The executions that run, by id."""
        executions = (slot["execution"] for slot in self.slots())
        return {found["id"]: found for found in executions if found is not None and found["id"] is not None}

    def sees_running(self, execution_id: str) -> dict[str, Any]:
        """Wait until an execution's handler runs."""

        def probe() -> dict[str, Any] | None:
            found = self.running().get(execution_id)
            return found if found is not None and found["elapsed"] is not None else None

        return until(probe, f"{execution_id} runs")
