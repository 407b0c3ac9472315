"""Executions as the listing and the detail endpoints show them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, replace
from typing import Any

from .errors import execution_not_found
from .schema import LIVE
from .wire import iso, stamp

STATUSES = (
    "pending",
    "delivering",
    "success",
    "failed",
    "retrying",
    "retry_ready",
    "missed",
    "outcome_timeout",
)


@dataclass(frozen=True)
class Filter:
    """What GET /v1/executions may ask for."""

    cue_id: str | None = None
    statuses: tuple[str, ...] = ()
    worker_id: str | None = None
    outcome_state: str | None = None
    triggered_by: str | None = None

    def clause(self, account: int) -> tuple[str, list[Any]]:
        """The WHERE clause and its values."""
        where, values = "account = ?", [account]  # type: tuple[str, list[Any]]
        for column, value in (
            ("cue", self.cue_id),
            ("claimed_by", self.worker_id),
            ("outcome_state", self.outcome_state),
            ("triggered_by", self.triggered_by),
        ):
            if value is not None:
                where += f" AND {column} = ?"
                values.append(value)
        if self.statuses:
            where += f" AND status IN ({', '.join('?' * len(self.statuses))})"
            values.extend(self.statuses)
        return where, values


def listing(
    db: sqlite3.Connection, account: int, wanted: Filter, *, limit: int, offset: int
) -> dict[str, Any]:
    """`{executions, total, limit, offset, has_more, oldest_claimed_at}`, newest first, without payloads.

    `oldest_claimed_at` is about the claims that are held now, so that it costs nothing however many ended.
    """
    total = count(db, account, wanted)
    where, values = wanted.clause(account)
    oldest: float | None = db.execute(
        "SELECT min(claimed_at) FROM executions INDEXED BY executions_by_status"  # noqa: S608
        f" WHERE {where} AND status = 'delivering'",
        values,
    ).fetchone()[0]
    rows = _page(db, account, wanted, limit=limit, offset=offset) if offset < total else []
    return {
        "executions": [to_wire(row) for row in rows],
        "total": total,
        "limit": limit,
        "offset": offset,
        "has_more": offset + limit < total,
        "oldest_claimed_at": iso(oldest),
    }


def count(db: sqlite3.Connection, account: int, wanted: Filter) -> int:
    """How many executions there are: the live ones counted, the ended ones as the database's triggers did, unless
    it is asked for what they do not tell apart."""
    where, values = wanted.clause(account)
    if wanted.triggered_by is not None:
        counted: int = db.execute(f"SELECT count(*) FROM executions WHERE {where}", values).fetchone()[0]  # noqa: S608
        return counted
    live: int = db.execute(
        f"SELECT count(*) FROM executions INDEXED BY executions_live WHERE {where} AND {LIVE}",  # noqa: S608
        values,
    ).fetchone()[0]
    return live + _ended(db, account, wanted)


def _ended(db: sqlite3.Connection, account: int, wanted: Filter) -> int:
    where, values = replace(wanted, cue_id=wanted.cue_id or "").clause(account)
    ended: int = db.execute(f"SELECT coalesce(sum(n), 0) FROM ended WHERE {where}", values).fetchone()[0]  # noqa: S608
    return ended


def _page(
    db: sqlite3.Connection, account: int, wanted: Filter, *, limit: int, offset: int
) -> list[sqlite3.Row]:
    """The newest of each status, merged: each walks an index, where one query for several statuses would sort."""
    walks, walked = [], []  # type: tuple[list[str], list[Any]]
    for status in dict.fromkeys(wanted.statuses) or (None,):
        one = replace(wanted, statuses=() if status is None else (status,))
        where, values = one.clause(account)
        walks.append(
            f"SELECT * FROM (SELECT seq, created_at FROM executions INDEXED BY {best_index(db, account, one)}"  # noqa: S608
            f" WHERE {where} ORDER BY created_at DESC, seq DESC LIMIT ?)"
        )
        walked += [*values, offset + limit]
    newest = f"{' UNION ALL '.join(walks)} ORDER BY created_at DESC, seq DESC LIMIT ? OFFSET ?"
    return db.execute(
        f"SELECT e.* FROM ({newest}) AS n CROSS JOIN executions AS e ON e.seq = n.seq"  # noqa: S608
        " ORDER BY n.created_at DESC, n.seq DESC",
        [*walked, limit, offset],
    ).fetchall()


def best_index(db: sqlite3.Connection, account: int, wanted: Filter) -> str:
    """The index whose walk from the newest on meets the fewest rows that are not wanted."""
    walks = {
        "executions_of_cue": Filter(cue_id=wanted.cue_id),
        "executions_by_worker": Filter(worker_id=wanted.worker_id),
        "executions_by_outcome": Filter(outcome_state=wanted.outcome_state),
        "executions_by_status": Filter(statuses=wanted.statuses),
    }
    possible = {index: walk for index, walk in walks.items() if walk != Filter()}
    if len(possible) < 2:
        return next(iter(possible), "executions_of_account")
    return min(possible, key=lambda index: _ended(db, account, possible[index]))


def detail(db: sqlite3.Connection, account: int, execution_id: str) -> dict[str, Any]:
    """One execution with its payload. Raises Refused 404."""
    row = db.execute(
        "SELECT e.*, coalesce(e.payload, c.payload) AS effective FROM executions AS e"
        " JOIN cues AS c ON c.id = e.cue WHERE e.id = ? AND e.account = ?",
        (execution_id, account),
    ).fetchone()
    if row is None:
        raise execution_not_found()
    return {**to_wire(row), "payload": json.loads(row["effective"])}


def to_wire(row: sqlite3.Row) -> dict[str, Any]:
    """A row of `executions` as JSON."""
    outcome = None
    if row["outcome_recorded_at"] is not None:
        outcome = {
            "success": bool(row["outcome_success"]),
            **json.loads(row["outcome"]),
            "recorded_at": stamp(row["outcome_recorded_at"]),
        }
    return {
        "id": row["id"],
        "cue_id": row["cue"],
        "task": row["task"],
        "scheduled_for": stamp(row["scheduled_for"]),
        "status": row["status"],
        "triggered_by": row["triggered_by"],
        "replayed_from": row["replayed_from"],
        "attempts": row["attempts"],
        "error_message": row["error_message"],
        "claimed_by_worker": row["claimed_by"],
        "claimed_at": iso(row["claimed_at"]),
        "started_at": iso(row["started_at"]),
        "delivered_at": iso(row["delivered_at"]),
        "last_attempt_at": iso(row["last_attempt_at"]),
        "outcome": outcome,
        "outcome_state": row["outcome_state"],
        "evidence": json.loads(row["evidence"]) if row["evidence"] else None,
        "created_at": stamp(row["created_at"]),
        "updated_at": stamp(row["updated_at"]),
    }
