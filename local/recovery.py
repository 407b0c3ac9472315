"""What the server takes back (the protocol's three rules), as one pass over the open executions."""

from __future__ import annotations

import sqlite3

from . import quirks
from .options import Rules
from .waiters import Wanted

_MAX_ATTEMPTS = "(SELECT json_extract(c.retry, '$.max_attempts') FROM cues AS c WHERE c.id = executions.cue)"
_USED_UP = "The lease was lost and no attempts are left"


def take_back(db: sqlite3.Connection, rules: Rules, *, now: float) -> list[Wanted]:
    """One pass. Returns whom the executions that became claimable may concern.

    An execution taken back by rule 1 is `retrying` until the next pass, then `retry_ready` and so claimable,
    as on the hosted service; when its cue's `max_attempts` are used up it is `failed`.
    """
    if rules.quirks == quirks.CORE:
        quirks.retry_as_webhooks(db, now=now)
    claimable = [
        *_retry(db, now=now),
        *_free_silent(db, rules, now=now),
    ]
    _lapse(db, rules, now=now)
    _miss(db, rules, now=now)
    return claimable


def _retry(db: sqlite3.Connection, *, now: float) -> list[Wanted]:
    rows = db.execute(
        "UPDATE executions SET updated_at = :now,"  # noqa: S608
        f" status = CASE WHEN attempts < {_MAX_ATTEMPTS} THEN 'retry_ready' ELSE 'failed' END,"
        f" error_message = CASE WHEN attempts < {_MAX_ATTEMPTS} THEN error_message ELSE :used_up END"
        " WHERE status = 'retrying' RETURNING account, task, agent, cue, status",
        {"now": now, "used_up": _USED_UP},
    ).fetchall()
    _end_single_runs(db, [row["cue"] for row in rows if row["status"] == "failed"], now=now)
    return [_wanted(row) for row in rows if row["status"] == "retry_ready"]


def _lapse(db: sqlite3.Connection, rules: Rules, *, now: float) -> None:
    """Rule 1: nobody renewed it."""
    db.execute(
        "UPDATE executions SET status = 'retrying', updated_at = ?"
        " WHERE status = 'delivering' AND updated_at < ?",
        (now, now - rules.take_back_after),
    )


def _free_silent(db: sqlite3.Connection, rules: Rules, *, now: float) -> list[Wanted]:
    """Rule 2: claimed long ago by a worker that is silent."""
    rows = db.execute(
        "UPDATE executions SET status = 'pending', claimed_by = NULL, claimed_at = NULL, updated_at = :now"
        " WHERE status = 'delivering' AND claimed_at < :claimed_before"
        " AND NOT EXISTS (SELECT 1 FROM workers AS w WHERE w.account = executions.account"
        " AND w.worker_id = executions.claimed_by AND w.last_heartbeat >= :heard_since)"
        " RETURNING account, task, agent",
        {
            "now": now,
            "claimed_before": now - rules.lease_seconds,
            "heard_since": now - rules.worker_stale_after,
        },
    ).fetchall()
    return [_wanted(row) for row in rows]


def _miss(db: sqlite3.Connection, rules: Rules, *, now: float) -> None:
    """Rule 3: due and unclaimed for too long."""
    rows = db.execute(
        "UPDATE executions SET status = 'missed', updated_at = :now WHERE status = 'pending'"
        " AND scheduled_for < :before AND created_at < :before RETURNING cue",
        {"now": now, "before": now - rules.missed_after},
    ).fetchall()
    _end_single_runs(db, [row["cue"] for row in rows], now=now)


def _end_single_runs(db: sqlite3.Connection, cue_ids: list[str], *, now: float) -> None:
    """A single-run cue whose only run failed or was missed has failed."""
    db.executemany(
        "UPDATE cues SET status = 'failed', updated_at = ? WHERE id = ? AND status = 'active'"
        " AND schedule_type = 'once' AND next_run IS NULL",
        [(now, cue_id) for cue_id in cue_ids],
    )


def _wanted(row: sqlite3.Row) -> Wanted:
    return Wanted(row["account"], row["task"], row["agent"])
