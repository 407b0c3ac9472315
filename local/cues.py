"""Cues: made, shown, changed, deleted, fired by hand."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import execution_list, executions
from .cue_fields import Columns
from .errors import Refused, conflict, cue_not_found
from .executions import Trigger
from .schedule import Schedule, next_run
from .schema import LIVE
from .waiters import Wanted
from .wire import iso, new_cue_id, stamp

_NO_WEBHOOKS = "The local server does not deliver webhooks: executions of this cue will be missed."
_NO_FAILURE_WEBHOOK = "The local server does not deliver webhooks: on_failure.webhook will not be called."


def create(
    db: sqlite3.Connection, account: int, columns: Columns, *, max_cues: int | None, now: float
) -> dict[str, Any]:
    """Stores the cue. Raises Refused 403 over `max_cues`, 409 for a name that is taken."""
    if max_cues is not None and count(db, account) >= max_cues:
        raise Refused(403, "cue_limit_exceeded", f"Your plan allows {max_cues} cues")
    _refuse_taken_name(db, account, columns["name"])
    values = {**columns, "id": new_cue_id(), "account": account, "created_at": now, "updated_at": now}
    db.execute(
        f"INSERT INTO cues ({', '.join(values)}) VALUES ({', '.join(':' + name for name in values)})",  # noqa: S608
        values,
    )
    return to_wire(find(db, account, values["id"]))


def find(db: sqlite3.Connection, account: int, cue_id: str) -> sqlite3.Row:
    """The cue's row. Raises Refused 404."""
    row: sqlite3.Row | None = db.execute(
        "SELECT * FROM cues WHERE id = ? AND account = ?", (cue_id, account)
    ).fetchone()
    if row is None:
        raise cue_not_found()
    return row


def count(db: sqlite3.Connection, account: int) -> int:
    """Cues that are active or paused."""
    row = db.execute(
        "SELECT count(*) FROM cues WHERE account = ? AND status IN ('active', 'paused')", (account,)
    ).fetchone()
    return int(row[0])


def listing(
    db: sqlite3.Connection, account: int, status: str | None, *, limit: int, offset: int
) -> dict[str, Any]:
    """`{cues, total, limit, offset}`, newest first."""
    where = "account = :account AND (:status IS NULL OR status = :status)"
    values = {"account": account, "status": status, "limit": limit, "offset": offset}
    total = db.execute(f"SELECT count(*) FROM cues WHERE {where}", values).fetchone()[0]  # noqa: S608
    rows = db.execute(
        f"SELECT * FROM cues WHERE {where} ORDER BY created_at DESC, seq DESC LIMIT :limit OFFSET :offset",  # noqa: S608
        values,
    )
    return {"cues": [to_wire(row) for row in rows], "total": total, "limit": limit, "offset": offset}


def detail(db: sqlite3.Connection, account: int, cue_id: str, *, limit: int, offset: int) -> dict[str, Any]:
    """The cue with a page of its executions, newest first. Raises Refused 404."""
    cue = to_wire(find(db, account, cue_id))
    page = execution_list.listing(
        db, account, execution_list.Filter(cue_id=cue_id), limit=limit, offset=offset
    )
    return {
        **cue,
        "executions": page["executions"],
        "execution_total": page["total"],
        "execution_limit": limit,
        "execution_offset": offset,
    }


def update(
    db: sqlite3.Connection, account: int, cue_id: str, columns: Columns, *, now: float
) -> dict[str, Any]:
    """Changes the cue. A new payload reaches its executions that are still open and have none of their own.

    Raises Refused 404, 409.
    """
    row = find(db, account, cue_id)
    if columns.get("name", row["name"]) != row["name"]:
        _refuse_taken_name(db, account, columns["name"])
    changes = {**_rescheduled(row, columns, now=now), "updated_at": now}
    assignments = ", ".join(f"{name} = :{name}" for name in changes)
    db.execute(f"UPDATE cues SET {assignments} WHERE seq = :seq", {**changes, "seq": row["seq"]})  # noqa: S608
    if "payload" in columns:
        task, agent = executions.routing(json.loads(columns["payload"]))
        db.execute(
            "UPDATE executions SET task = ?, agent = ? WHERE account = ? AND cue = ?"  # noqa: S608
            f" AND payload IS NULL AND {LIVE} AND status <> 'delivering'",
            (task, agent, account, cue_id),
        )
    return to_wire(find(db, account, cue_id))


def _rescheduled(row: sqlite3.Row, columns: Columns, *, now: float) -> Columns:
    """The changes with what they imply for the schedule: a new schedule revives an ended cue, and a resumed
    recurring cue goes on from now instead of catching up."""
    if "next_run" in columns:
        status = "active" if row["status"] in ("completed", "failed") else row["status"]
        return {"status": status, **columns}
    if (
        columns.get("status") == "active"
        and row["status"] == "paused"
        and row["schedule_type"] == "recurring"
    ):
        return {**columns, "next_run": next_run(schedule_of(row), after=now)}
    return columns


def delete(db: sqlite3.Connection, account: int, cue_id: str) -> None:
    """Deletes the cue and its executions, those in flight as well. Raises Refused 404."""
    if not db.execute("DELETE FROM cues WHERE id = ? AND account = ?", (cue_id, account)).rowcount:
        raise cue_not_found()
    db.execute("DELETE FROM ended WHERE account = ? AND cue = ?", (account, cue_id))


@dataclass(frozen=True, kw_only=True)
class Fire:
    """A manual fire."""

    override: Mapping[str, Any] | None = None
    replace: bool = False
    send_at: float | None = None
    """Epoch seconds; the past means now."""
    idempotency_key: str | None = None


def fire(
    db: sqlite3.Connection, account: int, cue_id: str, request: Fire, *, now: float
) -> tuple[dict[str, Any], Wanted | None]:
    """Makes an execution, whatever the cue's status. The same idempotency key gives the same execution again.

    Returns the answer, and whom a new execution may concern. Raises Refused 404.
    """
    cue = find(db, account, cue_id)
    if request.idempotency_key is not None:
        before = db.execute(
            "SELECT id, scheduled_for FROM executions WHERE cue = ? AND idempotency_key = ?",
            (cue_id, request.idempotency_key),
        ).fetchone()
        if before is not None:
            return _fired(before["id"], cue_id, before["scheduled_for"]), None
    scheduled_for = max(now, request.send_at if request.send_at is not None else now)
    trigger = Trigger(
        scheduled_for=scheduled_for,
        triggered_by="manual_fire",
        payload=_overridden(cue["payload"], request),
        idempotency_key=request.idempotency_key,
    )
    execution_id, wanted = executions.create(db, cue, trigger, now=now)
    return _fired(execution_id, cue_id, scheduled_for), wanted


def _overridden(payload: str, request: Fire) -> str | None:
    if request.override is None:
        return None
    base = {} if request.replace else json.loads(payload)
    return json.dumps({**base, **request.override})


def _fired(execution_id: str, cue_id: str, scheduled_for: float) -> dict[str, Any]:
    return {
        "id": execution_id,
        "cue_id": cue_id,
        "scheduled_for": stamp(scheduled_for),
        "status": "pending",
        "triggered_by": "manual_fire",
    }


def fire_due(db: sqlite3.Connection, *, now: float) -> list[Wanted]:
    """Fires every active cue whose time has come, once each however many runs were missed, and sets its next
    run. Returns whom the new executions may concern."""
    due = db.execute(
        "SELECT * FROM cues WHERE status = 'active' AND next_run IS NOT NULL AND next_run <= ?"
        " ORDER BY next_run",
        (now,),
    ).fetchall()
    concerned = []
    for cue in due:
        trigger = Trigger(scheduled_for=cue["next_run"], triggered_by="schedule")
        concerned.append(executions.create(db, cue, trigger, now=now)[1])
        following = next_run(schedule_of(cue), after=now)
        db.execute("UPDATE cues SET next_run = ? WHERE seq = ?", (following, cue["seq"]))
    return concerned


def schedule_of(row: sqlite3.Row) -> Schedule:
    """The schedule in a row of `cues`."""
    return Schedule(row["schedule_type"], row["timezone"], row["cron"], row["at"])


def _refuse_taken_name(db: sqlite3.Connection, account: int, name: str) -> None:
    if db.execute("SELECT 1 FROM cues WHERE account = ? AND name = ?", (account, name)).fetchone():
        raise conflict("duplicate_cue_name", f"A cue named '{name}' exists already")


def to_wire(row: sqlite3.Row) -> dict[str, Any]:
    """A row of `cues` as JSON."""
    schedule: dict[str, Any] = {"type": row["schedule_type"], "timezone": row["timezone"]}
    if row["schedule_type"] == "recurring":
        schedule["cron"] = row["cron"]
    else:
        schedule["at"] = iso(row["at"])
    return {
        "id": row["id"],
        "name": row["name"],
        "description": row["description"],
        "status": row["status"],
        "transport": row["transport"],
        "schedule": schedule,
        "callback": json.loads(row["callback"]),
        "payload": json.loads(row["payload"]),
        "retry": json.loads(row["retry"]),
        "next_run": iso(row["next_run"]),
        "last_run": iso(row["last_run"]),
        "run_count": row["run_count"],
        "fired_count": row["fired_count"],
        "on_failure": json.loads(row["on_failure"]),
        "verification": json.loads(row["verification"]) if row["verification"] else None,
        "warning": _warning(row),
        "created_at": stamp(row["created_at"]),
        "updated_at": stamp(row["updated_at"]),
    }


def _warning(row: sqlite3.Row) -> str | None:
    if row["transport"] == "webhook":
        return _NO_WEBHOOKS
    return _NO_FAILURE_WEBHOOK if json.loads(row["on_failure"])["webhook"] else None
