"""Endpoints of cues."""

from __future__ import annotations

from . import quirks, workers
from .call import Answer, Call, holds_nul
from .cue_fields import cue_update, new_cue
from .cues import Fire, create, delete, detail, fire, listing, update
from .errors import bad_request
from .outcomes import refuse_unstorable
from .site import Site
from .validate import Fields
from .wire import parse_time


async def create_cue(site: Site, call: Call) -> Answer:
    """POST /v1/cues."""
    columns = new_cue(call.body, now=call.now)
    _refuse_nul(call, "payload")
    refuse_unstorable({}, unstorable=call.unstorable)
    with site.store.writing() as db:
        cue = create(db, call.account, columns, max_cues=site.rules.max_cues, now=call.now)
        if cue["transport"] == "worker":
            heard_since = call.now - site.rules.worker_stale_after
            cue["warning"] = workers.warning(db, call.account, heard_since=heard_since) or cue["warning"]
    site.ticker.nudge()
    return Answer(cue, status=201)


async def list_cues(site: Site, call: Call) -> Answer:
    """GET /v1/cues."""
    limit, offset = call.page(50)
    status = call.query.get("status") or None
    return Answer(listing(site.store.db, call.account, status, limit=limit, offset=offset))


async def get_cue(site: Site, call: Call) -> Answer:
    """GET /v1/cues/{id}."""
    limit, offset = call.page(10, names=("execution_limit", "execution_offset"))
    cue = detail(site.store.db, call.account, call.path("id"), limit=limit, offset=offset)
    if site.rules.quirks == quirks.CORE:
        cue["executions"] = [quirks.trimmed(execution) for execution in cue["executions"]]
    return Answer(cue)


async def update_cue(site: Site, call: Call) -> Answer:
    """PATCH /v1/cues/{id}."""
    columns = cue_update(call.body, now=call.now)
    _refuse_nul(call, "payload")
    refuse_unstorable({}, unstorable=call.unstorable)
    with site.store.writing() as db:
        cue = update(db, call.account, call.path("id"), columns, now=call.now)
    site.ticker.nudge()
    return Answer(cue)


async def delete_cue(site: Site, call: Call) -> Answer:
    """DELETE /v1/cues/{id}."""
    with site.store.writing() as db:
        delete(db, call.account, call.path("id"))
    return Answer(status=204)


async def fire_cue(site: Site, call: Call) -> Answer:
    """POST /v1/cues/{id}/fire; the body is optional."""
    request = _fire_request(call)
    if site.rules.quirks == quirks.CORE:
        request = quirks.plain(request)
    with site.store.writing() as db:
        content, wanted = fire(db, call.account, call.path("id"), request, now=call.now)
    if wanted is not None:
        site.waiters.wake(wanted)
    if request.send_at is not None:
        site.ticker.nudge()
    return Answer(content)


def _fire_request(call: Call) -> Fire:
    body = call.optional_body
    fields = Fields(body)
    override = fields.mapping("payload_override")
    strategy = fields.choice("merge_strategy", ("merge", "replace"))
    key = fields.string("idempotency_key", longest=255, empty=False)
    send_at = None
    if (text := fields.string("send_at")) is not None:
        try:
            send_at = parse_time(text)
        except ValueError:
            fields.problem("send_at", "send_at must be an ISO 8601 time")
    fields.finish()
    if body:
        _refuse_nul(call, "payload_override")
        refuse_unstorable({}, unstorable=call.unstorable)
    return Fire(override=override, replace=strategy == "replace", send_at=send_at, idempotency_key=key)


def _refuse_nul(call: Call, name: str) -> None:
    """Raises Refused 400 `invalid_payload`: the one unstorable thing that the service looks for itself."""
    if call.unstorable and holds_nul(call.body.get(name)):
        raise bad_request("invalid_payload", "Payload contains null bytes which are not supported")
