"""A real pool in a test: `cueworker-supervise` as a process, with its configuration, state directory and log."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
from cueworker.local import discover
from support.site import Site
from support.waiting import PATIENCE, until


class Pool:
    """One supervisor. `start` may be called again after its end: the state directory stays."""

    def __init__(self, folder: Path, handlers: dict[str, Any], **settings: Any) -> None:
        self.folder = folder
        self.config = folder / "cueworker.yaml"
        self.state_dir = folder / "state"
        self.log = folder / "pool.log"
        self._local = "api_base" not in settings
        self.settings = {
            "worker_id": "test-pool",
            "workers": 2,
            "kill_grace": 1,
            "shutdown_grace": 5,
            **settings,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.configure(handlers)

    def configure(self, handlers: dict[str, Any], **settings: Any) -> None:
        """Write the configuration; `reload` makes a running pool read it."""
        self.settings |= settings
        # JSON is YAML.
        self.config.write_text(json.dumps({**self.settings, "handlers": handlers}, indent=1))
        self.config.chmod(0o600)

    def start(self, *options: str, env: dict[str, str] | None = None) -> None:
        """Start the supervisor and wait until every worker is idle or busy."""
        self.spawn(*options, env=env)
        self.wait_until_up()

    def spawn(
        self,
        *options: str,
        env: dict[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
        by: Sequence[str] = (),
    ) -> None:
        """Start the supervisor and do not wait. `by` is a command that runs the one that is added to it."""
        command = [sys.executable, "-P", "-m", "cueworker.supervisor", "--config", str(self.config)]
        command += [
            "--state-dir",
            str(self.state_dir),
            "--log-level",
            "debug",
            *(["--local"] if self._local else []),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*by, *command, *options],
                stdin=stdin,
                stdout=log,
                stderr=log,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    def wait_until_up(self) -> None:
        """Wait until the workers wait for offers."""
        until(lambda: self._is_up() or self._has_died(), f"the pool is up; see {self.log}")
        assert not self._has_died(), self.log.read_text()

    def _is_up(self) -> bool:
        names = [_title(process) for process in self.children()]
        workers = [name for name in names if name.startswith("cueworker: worker") and "starting" not in name]
        return len(workers) == self.settings["workers"] and "cueworker: steward" in names

    def _has_died(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def children(self) -> list[psutil.Process]:
        """The processes that the supervisor started, and what it adopted."""
        assert self.process is not None
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children()
        return []

    def workers(self) -> list[psutil.Process]:
        """The worker processes."""
        return [process for process in self.children() if _title(process).startswith("cueworker: worker")]

    def steward(self) -> psutil.Process:
        """The steward process."""
        return next(process for process in self.children() if _title(process) == "cueworker: steward")

    def worker_of(self, task: str) -> psutil.Process:
        """The worker that runs an execution of `task`, as soon as there is one."""

        def probe() -> psutil.Process | None:
            return next((worker for worker in self.workers() if f" {task} " in _title(worker)), None)

        return until(probe, f"a worker runs {task}")

    def site(self) -> Site:
        """The account on the pool's own local server (`--local`)."""
        found = until(lambda: discover(self.state_dir / "local"), "the local server listens")
        return Site(found.url, found.api_key)

    def send(self, signum: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        assert self.process is not None
        self.process.send_signal(signum)

    def stop(self, signum: signal.Signals = signal.SIGTERM, within: float = PATIENCE) -> int:
        """Stop the supervisor; returns its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.process.wait(within)

    def kill(self) -> None:
        """SIGKILL the supervisor."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def events(self, name: str) -> list[str]:
        """The log lines of an event so far."""
        return [line for line in self.log.read_text().splitlines() if f"[{name}]" in line]

    def wait_for_event(self, name: str, count: int = 1, within: float = PATIENCE) -> list[str]:
        """Wait until an event has been logged that often."""

        def probe() -> list[str] | None:
            found = self.events(name)
            return found if len(found) >= count else None

        return until(probe, f"{count} x {name} in {self.log}", within)

    def leftovers(self) -> dict[str, list[str]]:
        """Files of executions that are still there: none, when everything is settled."""
        records = []
        for path in (self.state_dir / "slots").iterdir():
            # The supervisor settles a dead worker's record by removing it.
            with contextlib.suppress(FileNotFoundError):
                if path.read_text().strip() != "{}":
                    records.append(path.name)
        spool = [path.name for path in (self.state_dir / "spool").iterdir()]
        outcomes: list[str] = []
        for folder in (self.state_dir / "outcomes").iterdir():
            # A worker that leaves takes its folder along.
            with contextlib.suppress(FileNotFoundError):
                outcomes += [path.name for path in folder.iterdir()]
        return {"slots": sorted(records), "spool": sorted(spool), "outcomes": sorted(outcomes)}


SETTLED: dict[str, list[str]] = {"slots": [], "spool": [], "outcomes": []}


@contextlib.contextmanager
def running(pool: Pool, *options: str, env: dict[str, str] | None = None) -> Iterator[Pool]:
    """A pool that is up, and stopped at the end: by what it takes."""
    try:
        pool.start(*options, env=env)
        yield pool
    finally:
        end(pool)


@contextlib.contextmanager
def site_of(pool: Pool, task: str, payload: dict[str, Any] | None = None) -> Iterator[Site]:
    """The account of a pool that several tests share; one execution of `task` opens its connection beforehand."""
    site = pool.site()
    try:
        site.recorded(site.fire(task, payload))
        yield site
    finally:
        site.close()


def end(pool: Pool) -> None:
    """Make sure that nothing of a pool is left, whatever the test did to it."""
    if pool.process is None or pool.process.poll() is not None:
        return
    pool.process.send_signal(signal.SIGCONT)
    pool.process.send_signal(signal.SIGQUIT)
    try:
        pool.process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        for process in psutil.Process(pool.process.pid).children(recursive=True):
            process.kill()
        pool.kill()


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()).strip()
    except psutil.Error:
        return ""
