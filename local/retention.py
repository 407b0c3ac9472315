"""What the server forgets: executions that ended long ago, and the single-run cues and alerts that belong to them."""

from __future__ import annotations

import sqlite3

from .schema import LIVE

BATCH = 500
"""Rows that one pass deletes at most: milliseconds, so that no request waits for it."""


def prune(db: sqlite3.Connection, *, before: float) -> bool:
    """Deletes what ended, or was told, before `before` (epoch seconds), oldest first: one batch.

    Returns whether there may be more. An execution's age counts from its creation, but it goes only once it has
    ended. A single-run cue goes with its last execution; recurring ones, and what never ran, stay.
    """
    accounts = [row[0] for row in db.execute("SELECT id FROM accounts")]
    left = [_prune_account(db, account, before) for account in accounts]
    return any(left)


def _prune_account(db: sqlite3.Connection, account: int, before: float) -> bool:
    gone = db.execute(
        "DELETE FROM executions WHERE seq IN (SELECT seq FROM executions WHERE account = ?"  # noqa: S608
        f" AND created_at < ? AND updated_at < ? AND NOT {LIVE} ORDER BY created_at LIMIT ?) RETURNING cue",
        (account, before, before, BATCH),
    ).fetchall()
    if gone:
        db.execute("DELETE FROM ended WHERE account = ? AND n = 0", (account,))
    db.executemany(
        "DELETE FROM cues WHERE id = ? AND schedule_type = 'once' AND status IN ('completed', 'failed')"
        " AND updated_at < ? AND NOT EXISTS (SELECT 1 FROM executions AS e WHERE e.cue = cues.id)",
        [(cue, before) for cue in {row["cue"] for row in gone}],
    )
    alerts = db.execute(
        "DELETE FROM alerts WHERE rowid IN"
        " (SELECT rowid FROM alerts WHERE account = ? AND created_at < ? ORDER BY created_at LIMIT ?)",
        (account, before, BATCH),
    ).rowcount
    return len(gone) == BATCH or alerts == BATCH
