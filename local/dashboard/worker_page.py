"""The workers and what each runs, at `/workers`."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass

from ..workers import DEAD_AFTER
from . import execution_search
from .desk import Desk
from .reply import Reply
from .visit import Visit

MOST_RUNNING = 200
"""Running executions that the page shows."""


@dataclass(frozen=True)
class Worker:
    """One worker id, which is a pool: each of its slots runs one execution."""

    worker_id: str
    state: str
    """`active`, `stale`, `dead`, or `unknown` for one that holds claims and never registered."""
    last_heartbeat: float | None
    since: float | None
    handlers: list[str]
    running: list[sqlite3.Row]


async def listing(desk: Desk, visit: Visit) -> Reply:
    """GET /workers."""
    account, now, stale_after = visit.account, visit.now, desk.site.rules.worker_stale_after
    found = await desk.read(lambda db: look(db, account, stale_after=stale_after, now=now))
    return desk.page(visit, "workers.html", workers=found, stale_after=stale_after)


def look(db: sqlite3.Connection, account: int, *, stale_after: float, now: float) -> list[Worker]:
    """The account's workers, the one heard of last first; then those that only hold claims."""
    running: dict[str, list[sqlite3.Row]] = {}
    search = execution_search.Search(status="delivering")
    for row in execution_search.find(db, account, search, size=MOST_RUNNING).rows:
        running.setdefault(row["claimed_by"], []).append(row)
    workers = []
    for row in db.execute(
        "SELECT * FROM workers WHERE account = ? ORDER BY last_heartbeat DESC, worker_id LIMIT 500",
        (account,),
    ):
        silent = now - row["last_heartbeat"]
        workers.append(
            Worker(
                row["worker_id"],
                "active" if silent < stale_after else "stale" if silent < DEAD_AFTER else "dead",
                row["last_heartbeat"],
                row["registered_since"],
                json.loads(row["handlers"]) if row["handlers"] else [],
                running.pop(row["worker_id"], []),
            )
        )
    unknown = [Worker(name, "unknown", None, None, [], rows) for name, rows in sorted(running.items())]
    return workers + unknown
