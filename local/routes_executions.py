"""Endpoints of executions: list, claim, keep, report, judge, replay."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Any

from . import execution_list, executions, outcomes, quirks
from .call import Answer, Call, ClientGone
from .errors import unprocessable
from .site import Site
from .validate import Fields
from .waiters import Wanted
from .wire import stamp


async def claimable(site: Site, call: Call) -> Answer:
    """GET /v1/executions/claimable, held for up to `wait` seconds while there is nothing to list."""
    wanted = Wanted(call.account, call.query.get("task") or None, call.query.get("agent") or None)
    wait = _seconds(call.query.get("wait", "0"))
    if site.rules.quirks == quirks.CORE:
        return Answer({"executions": quirks.claimable(site.store.db, wanted, now=call.now)})
    found = executions.claimable(site.store.db, wanted, now=call.now)
    if not found and wait:
        found = await _held(site, call, wanted, min(wait, site.rules.max_wait))
    return Answer({"executions": found}, headers={"X-Cueworker-Wait": f"{site.rules.max_wait:g}"})


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise unprocessable([("query.wait", "wait must be a number of seconds")])
    return seconds


async def _held(site: Site, call: Call, wanted: Wanted, seconds: float) -> list[dict[str, Any]]:
    """Waits for a matching execution. Nothing is missed between the empty listing and the wait: the event
    loop runs nothing else in between."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    gone = asyncio.ensure_future(call.hung_up())
    try:
        while not site.waiters.closed and (left := deadline - loop.time()) > 0:
            await site.waiters.wait(wanted, left, gone)
            if gone.done():
                raise ClientGone
            if found := executions.claimable(site.store.db, wanted, now=time.time()):
                return found
        return []
    finally:
        gone.cancel()


async def claim(site: Site, call: Call) -> Answer:
    """POST /v1/executions/{id}/claim."""
    worker, execution_id = _worker(call), call.path("id")
    with site.store.writing() as db:
        if site.rules.quirks == quirks.CORE:
            quirks.refuse_unclaimable(db, call.account, execution_id)
        executions.claim(db, call.account, execution_id, worker, now=call.now)
    return _claimed(site, execution_id)


async def claim_next(site: Site, call: Call) -> Answer:
    """POST /v1/executions/claim."""
    worker = _worker(call)
    with site.store.writing() as db:
        execution_id = executions.claim_next(db, call.account, worker, now=call.now)
    return _claimed(site, execution_id)


def _worker(call: Call) -> str:
    fields = Fields(call.body)
    worker = fields.string("worker_id", longest=255, required=True, empty=False)
    fields.finish()
    outcomes.refuse_unstorable({}, unstorable=call.unstorable)
    return worker or ""


def _claimed(site: Site, execution_id: str) -> Answer:
    lease = site.rules.lease_seconds
    seconds = int(lease) if lease == int(lease) else lease
    return Answer({"claimed": True, "execution_id": execution_id, "lease_seconds": seconds})


async def heartbeat(site: Site, call: Call) -> Answer:
    """POST /v1/executions/{id}/heartbeat; without `X-Worker-Id` the owner is not checked."""
    execution_id = call.path("id")
    with site.store.writing() as db:
        executions.heartbeat(db, call.account, execution_id, call.worker, now=call.now)
    until = stamp(call.now + site.rules.lease_seconds)
    return Answer({"execution_id": execution_id, "lease_extended_until": until, "acknowledged": True})


async def outcome(site: Site, call: Call) -> Answer:
    """POST /v1/executions/{id}/outcome."""
    report = outcomes.parse_outcome(call.body)
    with site.store.writing() as db:
        return Answer(
            outcomes.record(
                db, call.account, call.path("id"), report, unstorable=call.unstorable, now=call.now
            )
        )


async def evidence(site: Site, call: Call) -> Answer:
    """PATCH /v1/executions/{id}/evidence."""
    added, metadata = outcomes.parse_evidence(call.body)
    with site.store.writing() as db:
        return Answer(
            outcomes.add_evidence(
                db, call.account, call.path("id"), added, metadata, unstorable=call.unstorable, now=call.now
            )
        )


async def verify(site: Site, call: Call) -> Answer:
    """POST /v1/executions/{id}/verify; an empty body means valid."""
    fields = Fields(call.optional_body)
    valid, reason = fields.boolean("valid"), fields.string("reason", longest=500)
    fields.finish()
    if call.optional_body:
        outcomes.refuse_unstorable({}, unstorable=call.unstorable)
    with site.store.writing() as db:
        return Answer(
            outcomes.verify(
                db, call.account, call.path("id"), valid=valid is not False, reason=reason, now=call.now
            )
        )


async def verification_pending(site: Site, call: Call) -> Answer:
    """POST /v1/executions/{id}/verification-pending."""
    with site.store.writing() as db:
        return Answer(outcomes.mark_pending(db, call.account, call.path("id"), now=call.now))


async def replay(site: Site, call: Call) -> Answer:
    """POST /v1/executions/{id}/replay."""
    with site.store.writing() as db:
        content, wanted = executions.replay(db, call.account, call.path("id"), now=call.now)
    site.waiters.wake(wanted)
    return Answer(content)


async def listing(site: Site, call: Call) -> Answer:
    """GET /v1/executions."""
    limit, offset = call.page(20)
    query = call.query
    statuses = tuple(s for s in (query.get("status") or query.get("status__in") or "").split(",") if s)
    fields = Fields(query, place="query")
    if any(status not in execution_list.STATUSES for status in statuses):
        fields.problem("status", f"status must be one of: {', '.join(execution_list.STATUSES)}")
    fields.finish()
    wanted = execution_list.Filter(
        cue_id=query.get("cue_id") or None,
        statuses=statuses,
        worker_id=_worker_meant(call),
        outcome_state=query.get("outcome_state") or None,
        triggered_by=query.get("triggered_by") or None,
    )
    found = execution_list.listing(site.store.db, call.account, wanted, limit=limit, offset=offset)
    if site.rules.quirks == quirks.CORE:
        found["executions"] = [quirks.trimmed(execution) for execution in found["executions"]]
    return Answer(found)


def _worker_meant(call: Call) -> str | None:
    """`me` is the worker that asks, by its `X-Worker-Id`; without one it is all that came with this account's keys."""
    worker = call.query.get("worker_id") or None
    return call.worker if worker == "me" else worker


async def detail(site: Site, call: Call) -> Answer:
    """GET /v1/executions/{id}."""
    found = execution_list.detail(site.store.db, call.account, call.path("id"))
    return Answer(quirks.trimmed(found) if site.rules.quirks == quirks.CORE else found)
