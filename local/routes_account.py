"""Endpoints of the server and the account: health, registration, workers, usage, alerts."""

from __future__ import annotations

from . import alerts, usage, workers
from .call import Answer, Call
from .keys import new_account, new_key
from .outcomes import refuse_unstorable
from .site import Site
from .validate import Fields
from .version import version
from .wire import stamp


async def health(site: Site, call: Call) -> Answer:
    """GET /health; needs no key."""
    site.store.db.execute("SELECT 1")
    return Answer(
        {
            "status": "healthy",
            "version": version(),
            "timestamp": stamp(call.now),
            "services": {"database": "ok", "poller": "ok"},
        }
    )


async def register(site: Site, call: Call) -> Answer:
    """POST /v1/auth/register: a new account with its key; needs no key."""
    fields = Fields(call.body)
    email = fields.email("email")
    fields.finish()
    refuse_unstorable({}, unstorable=call.unstorable)
    key = new_key()
    with site.store.writing() as db:
        account = new_account(db, email.lower(), now=call.now)
        site.keys.add(db, account, key, label="registration", now=call.now)
    return Answer({"api_key": key, "email": email}, status=201)


async def worker_heartbeat(site: Site, call: Call) -> Answer:
    """POST /v1/worker/heartbeat."""
    fields = Fields(call.body)
    worker = fields.string("worker_id", longest=255, required=True, empty=False)
    handlers = fields.items("handlers")
    if handlers is not None and not all(isinstance(handler, str) for handler in handlers):
        fields.problem("handlers", "handlers must be a list of strings")
    fields.finish()
    refuse_unstorable({}, unstorable=call.unstorable)
    with site.store.writing() as db:
        workers.heartbeat(db, call.account, worker or "", handlers, now=call.now)
        site.keys.save_uses(db)
    return Answer({"acknowledged": True, "server_time": stamp(call.now)})


async def list_workers(site: Site, call: Call) -> Answer:
    """GET /v1/workers."""
    stale_after = site.rules.worker_stale_after
    return Answer(workers.listing(site.store.db, call.account, stale_after=stale_after, now=call.now))


async def delete_worker(site: Site, call: Call) -> Answer:
    """DELETE /v1/workers/{id}."""
    with site.store.writing() as db:
        workers.delete(db, call.account, call.path("id"))
    return Answer(status=204)


async def get_usage(site: Site, call: Call) -> Answer:
    """GET /v1/usage."""
    content = usage.report(
        site.store.db, call.account, site.rules, requests_used=call.requests_used, now=call.now
    )
    return Answer(content)


async def list_alerts(site: Site, call: Call) -> Answer:
    """GET /v1/alerts."""
    limit, offset = call.page(20)
    return Answer(alerts.listing(site.store.db, call.account, limit=limit, offset=offset))
