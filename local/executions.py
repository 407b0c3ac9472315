"""The life of an execution: made, listed, claimed, kept, replayed. Times are epoch seconds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from .errors import Refused, conflict, execution_not_found
from .schema import OPEN
from .waiters import Wanted
from .wire import new_execution_id, stamp

LISTING_LIMIT = 50
REPLAYABLE = ("success", "failed", "missed", "outcome_timeout")
_OPEN_OF_E = OPEN.replace("status", "e.status").replace("transport", "e.transport")
_CLAIM = (
    "UPDATE executions SET status = 'delivering', claimed_by = :worker, claimed_at = :now, started_at = :now,"
    " last_attempt_at = :now, updated_at = :now, attempts = attempts + 1"
)


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """Why and when a cue runs."""

    scheduled_for: float
    triggered_by: str
    payload: str | None = None
    """The execution's own payload as JSON text; None is the cue's."""
    idempotency_key: str | None = None
    replayed_from: str | None = None


def routing(payload: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """The task and the agent a payload names; only strings count."""
    task, agent = payload.get("task"), payload.get("agent")
    return (task if isinstance(task, str) else None, agent if isinstance(agent, str) else None)


def create(db: sqlite3.Connection, cue: sqlite3.Row, trigger: Trigger, *, now: float) -> tuple[str, Wanted]:
    """Makes a pending execution of the cue: its id, and whom it may concern."""
    task, agent = routing(json.loads(trigger.payload if trigger.payload is not None else cue["payload"]))
    execution_id = new_execution_id()
    values = {
        "id": execution_id,
        "account": cue["account"],
        "cue": cue["id"],
        "transport": cue["transport"],
        "task": task,
        "agent": agent,
        "payload": trigger.payload,
        "scheduled_for": trigger.scheduled_for,
        "triggered_by": trigger.triggered_by,
        "replayed_from": trigger.replayed_from,
        "idempotency_key": trigger.idempotency_key,
        "created_at": now,
        "updated_at": now,
    }
    db.execute(
        f"INSERT INTO executions ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)})",  # noqa: S608
        values,
    )
    db.execute("UPDATE cues SET fired_count = fired_count + 1 WHERE seq = ?", (cue["seq"],))
    return execution_id, Wanted(cue["account"], task, agent)


def claimable(db: sqlite3.Connection, wanted: Wanted, *, now: float) -> list[dict[str, Any]]:
    """What may be claimed now, oldest `scheduled_for` first, at most 50. The filters come before the limit,
    as on the hosted service."""
    where = "e.account = ? AND e.scheduled_for <= ?"
    values: list[Any] = [wanted.account, now]
    for column, value in (("task", wanted.task), ("agent", wanted.agent)):
        if value is not None:
            where += f" AND e.{column} = ?"
            values.append(value)
    rows = db.execute(
        # CROSS JOIN keeps the walk over the open executions outside, whatever the planner estimates.
        "SELECT e.id, e.cue, c.name, e.task, e.scheduled_for, coalesce(e.payload, c.payload), e.attempts"  # noqa: S608
        f" FROM executions AS e CROSS JOIN cues AS c ON c.id = e.cue WHERE {where} AND {_OPEN_OF_E}"
        f" ORDER BY e.scheduled_for, e.seq LIMIT {LISTING_LIMIT}",
        values,
    )
    return [
        {
            "execution_id": execution_id,
            "cue_id": cue,
            "cue_name": name,
            "task": task,
            "scheduled_for": stamp(scheduled_for),
            "payload": msgspec.Raw(payload.encode()),
            "attempt": attempts,
        }
        for execution_id, cue, name, task, scheduled_for, payload, attempts in rows
    ]


def claim(db: sqlite3.Connection, account: int, execution_id: str, worker: str, *, now: float) -> None:
    """Claims one execution for the worker.

    Raises Refused 409 when it is missing, taken, not due, in the wrong state, or the worker's own already:
    claiming is not idempotent.
    """
    taken = db.execute(
        f"{_CLAIM} WHERE id = :id AND account = :account AND scheduled_for <= :now AND {OPEN} RETURNING id",
        {"worker": worker, "now": now, "id": execution_id, "account": account},
    ).fetchall()
    if not taken:
        raise conflict("claim_failed", "Execution not available for claiming")


def claim_next(db: sqlite3.Connection, account: int, worker: str, *, now: float) -> str:
    """Claims the oldest execution that is due, of any task. Raises Refused 409 when there is none."""
    taken = db.execute(
        f"{_CLAIM} WHERE seq = (SELECT seq FROM executions WHERE account = :account AND scheduled_for <= :now"  # noqa: S608
        f" AND {OPEN} ORDER BY scheduled_for, seq LIMIT 1) RETURNING id",
        {"worker": worker, "now": now, "account": account},
    ).fetchall()
    if not taken:
        raise conflict("claim_failed", "No executions available for claiming")
    return str(taken[0]["id"])


def heartbeat(
    db: sqlite3.Connection, account: int, execution_id: str, worker: str | None, *, now: float
) -> None:
    """Renews a claim. Raises Refused 404; 409 when it is not being worked on; 403 when `worker` is given and
    another one holds it."""
    row = db.execute(
        "SELECT seq, status, claimed_by FROM executions WHERE id = ? AND account = ?", (execution_id, account)
    ).fetchone()
    if row is None:
        raise execution_not_found()
    if row["status"] != "delivering":
        raise conflict("execution_not_claiming", "Execution is not currently being claimed")
    if worker and row["claimed_by"] != worker:
        raise Refused(403, "not_execution_owner", "Only the claiming worker can heartbeat")
    db.execute("UPDATE executions SET updated_at = ? WHERE seq = ?", (now, row["seq"]))


def replay(
    db: sqlite3.Connection, account: int, execution_id: str, *, now: float
) -> tuple[dict[str, Any], Wanted]:
    """Makes a new execution with the payload of a finished one. Raises Refused 404; 409 while it is open."""
    old = db.execute(
        "SELECT cue, status, payload FROM executions WHERE id = ? AND account = ?", (execution_id, account)
    ).fetchone()
    if old is None:
        raise execution_not_found()
    if old["status"] not in REPLAYABLE:
        raise conflict("execution_in_flight", "Cannot replay an execution that is still in progress")
    cue = db.execute("SELECT * FROM cues WHERE id = ?", (old["cue"],)).fetchone()
    trigger = Trigger(
        scheduled_for=now, triggered_by="replay", payload=old["payload"], replayed_from=execution_id
    )
    new_id, wanted = create(db, cue, trigger, now=now)
    return {
        "id": new_id,
        "cue_id": cue["id"],
        "scheduled_for": stamp(now),
        "status": "pending",
        "triggered_by": "replay",
        "replayed_from": execution_id,
    }, wanted
