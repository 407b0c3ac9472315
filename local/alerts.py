"""Alerts: a success that failed its verification, and a cue that fails time after time."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from .wire import new_execution_id, stamp

STREAK = 3
"""Failures in a row that make an alert, once for each streak."""


def verification_failed(db: sqlite3.Connection, execution_id: str, *, now: float) -> None:
    """A success was reported, but it does not verify."""
    message = f"Execution {execution_id} reported success but failed verification."
    _add(db, execution_id, "verification_failed", message, {"outcome_state": "verification_failed"}, now=now)


def failed_again(db: sqlite3.Connection, execution_id: str, *, streak: int, now: float) -> None:
    """A cue failed; an alert when this completes a streak."""
    if streak == STREAK:
        message = f"The cue has {streak} consecutive failed executions."
        _add(db, execution_id, "consecutive_failures", message, {"consecutive_failures": streak}, now=now)


def _add(
    db: sqlite3.Connection,
    execution_id: str,
    kind: str,
    message: str,
    metadata: dict[str, Any],
    *,
    now: float,
) -> None:
    db.execute(
        "INSERT INTO alerts (id, account, cue, execution, alert_type, severity, message, metadata,"
        " created_at) SELECT ?, account, cue, id, ?, 'warning', ?, ?, ? FROM executions WHERE id = ?",
        (new_execution_id(), kind, message, json.dumps(metadata), now, execution_id),
    )


def listing(db: sqlite3.Connection, account: int, *, limit: int, offset: int) -> dict[str, Any]:
    """`{alerts, total, limit, offset}`, newest first."""
    total: int = db.execute("SELECT count(*) FROM alerts WHERE account = ?", (account,)).fetchone()[0]
    rows = db.execute(
        "SELECT * FROM alerts WHERE account = ? ORDER BY created_at DESC, rowid DESC LIMIT ? OFFSET ?",
        (account, limit, offset),
    )
    alerts = [
        {
            "id": row["id"],
            "cue_id": row["cue"],
            "execution_id": row["execution"],
            "alert_type": row["alert_type"],
            "severity": row["severity"],
            "message": row["message"],
            "metadata": json.loads(row["metadata"]),
            "acknowledged": False,
            "created_at": stamp(row["created_at"]),
        }
        for row in rows
    ]
    return {"alerts": alerts, "total": total, "limit": limit, "offset": offset}
