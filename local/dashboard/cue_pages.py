"""The cues: listed and made at `/cues`, one by one below it."""

from __future__ import annotations

import json
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from .. import cues
from ..cue_fields import new_cue
from ..errors import Refused
from ..schedule import BadTimezone, zone_of
from ..verification import MODES
from . import cue_form, words
from .cron_words import cron_in_words
from .desk import Desk
from .execution_search import newest_of_cue
from .forms import Form
from .reply import Reply, see_other
from .visit import Visit

PAGE = 100


@dataclass(frozen=True)
class CueView:
    """A cue as the pages show it: its row, and its schedule in words."""

    row: sqlite3.Row
    schedule: str
    """`every day at 09:00`, a cron line, or the moment of a single run."""
    by_hand: bool
    """Whether it runs only when somebody fires it."""
    next_run: str | None
    """When it runs next, in its own timezone."""


def view(row: sqlite3.Row) -> CueView:
    """The row of a cue in words."""
    try:
        zone = zone_of(row["timezone"])
    except BadTimezone:  # the machine forgot a timezone that it knew
        zone = zone_of("UTC")
    by_hand = row["schedule_type"] == "once" and row["at"] >= words.BY_HAND_FROM
    if by_hand:
        schedule = "only when fired by hand"
    elif row["schedule_type"] == "once":
        schedule = f"once, on {words.moment(row['at'], zone)}"
    else:
        schedule = (cron_in_words(row["cron"]) or f"cron {row['cron']}") + _zone_words(row["timezone"])
    waits = row["status"] == "active" and row["next_run"] is not None and not by_hand
    return CueView(row, schedule, by_hand, words.moment(row["next_run"], zone) if waits else None)


def _zone_words(name: str) -> str:
    return "" if name == "UTC" else f", {name}"


async def listing(desk: Desk, visit: Visit) -> Reply:
    """GET /cues."""
    account = visit.account
    number = visit.query.get("page", "1")
    page = max(1, int(number)) if number.isdecimal() and len(number) < 7 else 1

    def look(db: sqlite3.Connection) -> list[sqlite3.Row]:
        return db.execute(
            "SELECT * FROM cues WHERE account = ? ORDER BY (status NOT IN ('active', 'paused')),"
            " created_at DESC, seq DESC LIMIT ? OFFSET ?",
            (account, PAGE + 1, (page - 1) * PAGE),
        ).fetchall()

    rows = await desk.read(look)
    more = page + 1 if len(rows) > PAGE else None
    return desk.page(visit, "cues.html", cues=[view(row) for row in rows[:PAGE]], page=page, more=more)


async def blank(desk: Desk, visit: Visit) -> Reply:
    """GET /cues/new."""
    return desk.page(visit, "cue_new.html", form=cue_form.blank(), modes=MODES)


async def create(desk: Desk, visit: Visit) -> Reply:
    """POST /cues/new. What is wrong is shown beside what was typed."""
    form = visit.form
    body = cue_form.body_of(form)
    if not form.problems:
        try:
            columns = new_cue(body, now=visit.now)
            with desk.site.store.writing() as db:
                made = cues.create(
                    db, visit.account, columns, max_cues=desk.site.rules.max_cues, now=visit.now
                )
        except Refused as refusal:
            cue_form.note(form, refusal)
        else:
            desk.site.ticker.nudge()
            assert visit.session is not None
            visit.session.notices.append(f"Made the cue {made['name']}.")
            return see_other(f"/cues/{made['id']}")
    return desk.page(visit, "cue_new.html", status=422, form=form, modes=MODES)


async def detail(desk: Desk, visit: Visit) -> Reply:
    """GET /cues/{id}."""
    return await _detail(desk, visit, Form({"strategy": "merge", "once": secrets.token_urlsafe(12)}))


async def _detail(desk: Desk, visit: Visit, form: Form, *, status: int = 200) -> Reply:
    account, cue_id = visit.account, visit.call.path("id")

    def look(db: sqlite3.Connection) -> tuple[sqlite3.Row, list[sqlite3.Row]]:
        return cues.find(db, account, cue_id), newest_of_cue(db, account, cue_id, size=10)

    row, newest = await desk.read(look)
    callback: dict[str, Any] = json.loads(row["callback"])
    return desk.page(
        visit,
        "cue.html",
        status=status,
        cue=view(row),
        row=row,
        rows=newest,
        payload=json.loads(row["payload"]),
        retry=json.loads(row["retry"]),
        on_failure=json.loads(row["on_failure"]),
        verification=json.loads(row["verification"])["mode"] if row["verification"] else "none",
        callback_url=callback["url"],
        # The values may be secrets.
        callback_headers=sorted(callback["headers"]),
        form=form,
    )


async def fire(desk: Desk, visit: Visit) -> Reply:
    """POST /cues/{id}/fire. The form carries a key of its own, so that a double click fires once."""
    form = visit.form
    override = form.json_object("override")
    if form.problems:
        return await _detail(desk, visit, form, status=422)
    request = cues.Fire(
        override=override,
        replace=override is not None and form["strategy"] == "replace",
        idempotency_key=form["once"][:100] or None,
    )
    cue_id = visit.call.path("id")
    with desk.site.store.writing() as db:
        fired, wanted = cues.fire(db, visit.account, cue_id, request, now=visit.now)
    if wanted is not None:
        desk.site.waiters.wake(wanted)
    assert visit.session is not None
    visit.session.notices.append("Fired. This page follows it.")
    return see_other(f"/executions/{fired['id']}")


async def pause(desk: Desk, visit: Visit) -> Reply:
    """POST /cues/{id}/pause."""
    return _set_status(desk, visit, "paused", "Paused. It runs only when it is fired by hand.")


async def resume(desk: Desk, visit: Visit) -> Reply:
    """POST /cues/{id}/resume."""
    return _set_status(desk, visit, "active", "Resumed.")


def _set_status(desk: Desk, visit: Visit, status: str, notice: str) -> Reply:
    cue_id = visit.call.path("id")
    with desk.site.store.writing() as db:
        cues.update(db, visit.account, cue_id, {"status": status}, now=visit.now)
    desk.site.ticker.nudge()
    assert visit.session is not None
    visit.session.notices.append(notice)
    return see_other(f"/cues/{cue_id}")


async def delete(desk: Desk, visit: Visit) -> Reply:
    """POST /cues/{id}/delete: with its executions, those in flight as well."""
    account, cue_id = visit.account, visit.call.path("id")
    with desk.site.store.writing() as db:
        name = cues.find(db, account, cue_id)["name"]
        cues.delete(db, account, cue_id)
    assert visit.session is not None
    visit.session.notices.append(f"Deleted the cue {name} and its executions.")
    return see_other("/cues")
