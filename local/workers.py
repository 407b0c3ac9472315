"""Registered workers and how lately each was heard of."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from .errors import Refused
from .wire import stamp

DEAD_AFTER = 900.0
"""Seconds of silence."""


def heartbeat(
    db: sqlite3.Connection, account: int, worker_id: str, handlers: list[str] | None, *, now: float
) -> None:
    """Registers the worker or renews it. Leaving `handlers` out erases the list, as the service does."""
    db.execute(
        "INSERT INTO workers VALUES (:account, :worker, :handlers, :now, :now) ON CONFLICT DO UPDATE"
        " SET handlers = excluded.handlers, last_heartbeat = excluded.last_heartbeat",
        {
            "account": account,
            "worker": worker_id,
            "handlers": None if handlers is None else json.dumps(handlers),
            "now": now,
        },
    )


def listing(db: sqlite3.Connection, account: int, *, stale_after: float, now: float) -> dict[str, Any]:
    """`{workers: […]}`, the one heard of last first."""
    rows = db.execute(
        "SELECT * FROM workers WHERE account = ? ORDER BY last_heartbeat DESC, worker_id", (account,)
    )
    return {"workers": [_to_wire(row, stale_after=stale_after, now=now) for row in rows]}


def warning(db: sqlite3.Connection, account: int, *, heard_since: float) -> str | None:
    """What to say of a worker cue while no worker lives; None when one does."""
    heard = db.execute(
        "SELECT 1 FROM workers WHERE account = ? AND last_heartbeat >= ? LIMIT 1", (account, heard_since)
    ).fetchone()
    return None if heard else "No active workers found. Start a worker to process this cue."


def delete(db: sqlite3.Connection, account: int, worker_id: str) -> None:
    """Forgets the worker. Raises Refused 404."""
    if not db.execute(
        "DELETE FROM workers WHERE account = ? AND worker_id = ?", (account, worker_id)
    ).rowcount:
        raise Refused(404, "worker_not_found", "Worker not found")


def _to_wire(row: sqlite3.Row, *, stale_after: float, now: float) -> dict[str, Any]:
    silent = max(0.0, now - row["last_heartbeat"])
    status = "active" if silent < stale_after else "stale" if silent < DEAD_AFTER else "dead"
    return {
        "worker_id": row["worker_id"],
        "handlers": json.loads(row["handlers"]) if row["handlers"] else None,
        "last_heartbeat": stamp(row["last_heartbeat"]),
        "seconds_since_heartbeat": int(silent),
        "heartbeat_status": status,
        "registered_since": stamp(row["registered_since"]),
    }
