"""The executions: listed and searched at `/executions`, one by one below it."""

from __future__ import annotations

import json
import sqlite3
from typing import Any
from urllib.parse import urlencode

from .. import executions, outcomes
from ..errors import Refused, execution_not_found
from ..execution_list import STATUSES
from ..executions import REPLAYABLE
from ..validate import is_web_url
from . import execution_story as story
from .desk import Desk
from .execution_search import GROUPS, SCANNED, Search, find
from .reply import Reply, see_other
from .visit import Visit

_JUDGED = ("reported_success", "verification_pending")
"""Outcomes that a person may verify, or refuse to."""
_MOST_CUES = 200
"""Cues that the filter offers."""


async def listing(desk: Desk, visit: Visit) -> Reply:
    """GET /executions."""
    search, account = Search.of(visit.query), visit.account

    def look(db: sqlite3.Connection) -> dict[str, Any]:
        cues = db.execute(
            "SELECT id, name FROM cues WHERE account = ? ORDER BY (id = ?) DESC, created_at DESC LIMIT ?",
            (account, search.cue, _MOST_CUES),
        ).fetchall()
        return {"cues": sorted(cues, key=_by_name), "page": find(db, account, search)}

    found = await desk.read(look)
    page = found["page"]
    return desk.page(
        visit,
        "executions.html",
        **found,
        search=search,
        statuses=(*GROUPS, *STATUSES),
        scanned=SCANNED,
        first_page=search.older_than is None and search.newer_than is None,
        newer=_address(search, after=page.newer),
        older=_address(search, before=page.older),
    )


def _by_name(row: sqlite3.Row) -> str:
    return str(row["name"]).casefold()


def _address(search: Search, **place: str | None) -> str | None:
    (value,) = place.values()
    return None if value is None else "/executions?" + urlencode({**search.conditions(), **place})


async def detail(desk: Desk, visit: Visit) -> Reply:
    """GET /executions/{id}."""
    account, execution_id = visit.account, visit.call.path("id")
    row = await desk.read(lambda db: _find(db, account, execution_id))
    return desk.page(visit, "execution.html", **_told(row, now=visit.now))


def _find(db: sqlite3.Connection, account: int, execution_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(
        "SELECT e.*, c.name AS cue_name, c.retry, c.verification,"
        " coalesce(e.payload, c.payload) AS effective FROM executions AS e"
        " JOIN cues AS c ON c.id = e.cue WHERE e.id = ? AND e.account = ?",
        (execution_id, account),
    ).fetchone()
    if row is None:
        raise execution_not_found()
    return row


def _told(row: sqlite3.Row, *, now: float) -> dict[str, Any]:
    outcome = json.loads(row["outcome"]) if row["outcome"] else {"result": None, "error": None}
    stored = json.loads(row["evidence"]) if row["evidence"] else {}
    evidence = {name: stored.get(name) for name in outcomes.EVIDENCE}
    metadata = outcome.get("metadata")
    entry = story.worker_entry(metadata)
    others = {key: value for key, value in (metadata or {}).items() if key != story.WORKER_ENTRY}
    url = evidence["result_url"]
    return {
        "row": row,
        "steps": story.timeline(row, now=now),
        "payload": json.loads(row["effective"]),
        "overridden": row["payload"] is not None,
        "max_attempts": json.loads(row["retry"])["max_attempts"],
        "outcome": outcome,
        "evidence": evidence if stored else None,
        "url": url if isinstance(url, str) and is_web_url(url) else None,
        "artifacts": story.artifacts(evidence["artifacts"]),
        "metadata": others,
        "entry": entry,
        "ending": story.ending(entry),
        "changes": story.changes(entry),
        "replayable": row["status"] in REPLAYABLE,
        "judged": row["outcome_state"] in _JUDGED,
    }


async def replay(desk: Desk, visit: Visit) -> Reply:
    """POST /executions/{id}/replay."""
    with desk.site.store.writing() as db:
        made, wanted = executions.replay(db, visit.account, visit.call.path("id"), now=visit.now)
    desk.site.waiters.wake(wanted)
    assert visit.session is not None
    visit.session.notices.append("Replayed. This is the new execution.")
    return see_other(f"/executions/{made['id']}")


async def verify(desk: Desk, visit: Visit) -> Reply:
    """POST /executions/{id}/verify, by whoever looks at it."""
    execution_id, reason = visit.call.path("id"), visit.form.text("reason")
    if reason is not None and len(reason) > 500:
        raise Refused(
            400, "reason_too_long", "The reason must have at most 500 characters. Nothing was changed."
        )
    valid = visit.form["verdict"] == "valid"
    with desk.site.store.writing() as db:
        outcomes.verify(db, visit.account, execution_id, valid=valid, reason=reason, now=visit.now)
    assert visit.session is not None
    visit.session.notices.append("Marked as verified." if valid else "Marked as not verified.")
    return see_other(f"/executions/{execution_id}")
