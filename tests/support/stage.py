"""A pool, the server it works for, and the proxy between the two."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.local_server import LocalServerProcess
from support.pool import SETTLED, Pool, end
from support.proxy import FaultProxy
from support.site import Site
from support.waiting import until


@dataclass(frozen=True)
class Stage:
    """What a test of the network plays on."""

    server: LocalServerProcess
    proxy: FaultProxy
    pool: Pool
    site: Site
    """The test's own view of the server: past the proxy, and with a key (a request limit) of its own."""

    def history(self, execution_id: str) -> list[dict[str, Any]]:
        """What the pool's history says of an execution."""
        file = self.pool.state_dir / "history.jsonl"
        lines = file.read_text().splitlines() if file.exists() else []
        return [entry for entry in map(json.loads, lines) if entry["execution_id"] == execution_id]

    def wait_until_settled(self) -> None:
        """Wait until the pool keeps nothing of any execution any more."""
        until(lambda: self.pool.leftovers() == SETTLED, f"everything is settled: {self.pool.log}")

    def statuses(self, action: str, execution_id: str) -> list[int]:
        """The server's answers to an action of the pool on an execution, in the order of the requests."""
        found = [exchange.upstream for exchange in self.proxy.of(action, execution_id)]
        return [status for status in found if status is not None]


@contextlib.contextmanager
def staged(
    folder: Path,
    handlers: dict[str, Any],
    flags: Mapping[str, Any] | None = None,
    is_up: bool = True,
    **settings: Any,
) -> Iterator[Stage]:
    """A running pool behind a proxy before a server with these flags; `is_up` False: it is not started."""
    with (
        serving(folder, flags) as (server, site),
        acting(folder, handlers, server, **settings) as (proxy, pool),
    ):
        if is_up:
            pool.start()
        yield Stage(server, proxy, pool, site)


@contextlib.contextmanager
def serving(
    folder: Path, flags: Mapping[str, Any] | None = None
) -> Iterator[tuple[LocalServerProcess, Site]]:
    """A server, and the test's own view of it."""
    state_dir = folder / "server"
    with (
        LocalServerProcess(state_dir, **(flags or {})) as server,
        contextlib.closing(Site(server.url, (state_dir / "api_key").read_text().strip())) as site,
    ):
        yield server, site


@contextlib.contextmanager
def acting(
    folder: Path, handlers: dict[str, Any], server: LocalServerProcess, **settings: Any
) -> Iterator[tuple[FaultProxy, Pool]]:
    """A pool that is not started yet, behind a proxy of its own."""
    with FaultProxy(server.url) as proxy:
        pool = Pool(folder, handlers, api_base=proxy.url, api_key=server.api_key, **settings)
        try:
            yield proxy, pool
        finally:
            # A pool that leaves waits for its answers.
            proxy.clear()
            end(pool)
