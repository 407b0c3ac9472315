"""Endpoints of this server alone, for its commands and its owner: keys, and logins that wait for a decision."""

from __future__ import annotations

from typing import Any

from . import logins
from .call import Answer, Call
from .keys import new_key
from .logins import Login
from .outcomes import refuse_unstorable
from .site import Site
from .validate import Fields
from .wire import stamp


async def list_keys(site: Site, call: Call) -> Answer:
    """GET /v1/auth/keys."""
    return Answer({"keys": site.keys.listing(site.store.db, call.account, current=call.caller.digest)})


async def make_key(site: Site, call: Call) -> Answer:
    """POST /v1/auth/keys: a further key of the account, told this once."""
    fields = Fields(call.optional_body)
    label = fields.string("label", longest=100) or ""
    fields.finish()
    if call.optional_body:
        refuse_unstorable({}, unstorable=call.unstorable)
    key = new_key()
    with site.store.writing() as db:
        key_id = site.keys.add(db, call.account, key, label=label, now=call.now)
    return Answer({"id": key_id, "label": label, "api_key": key}, status=201)


async def revoke_key(site: Site, call: Call) -> Answer:
    """DELETE /v1/auth/keys/{id}. `replaced` tells that it was the key of the server's own directory, where a new one
    lies now."""
    key_id = call.path("id")
    with site.store.writing() as db:
        replaced = site.keys.revoke(db, call.account, key_id, now=call.now)
    return Answer({"id": key_id, "revoked": True, "replaced": replaced})


async def list_logins(site: Site, call: Call) -> Answer:
    """GET /v1/auth/logins."""
    waiting = logins.pending(site.store.db, call.now, account=call.account)
    return Answer({"logins": [_to_wire(login) for login in waiting]})


async def approve_login(site: Site, call: Call) -> Answer:
    """POST /v1/auth/logins/{code}/approve."""
    with site.store.writing() as db:
        login = logins.approve(db, call.path("code"), account=call.account, now=call.now)
    return Answer({**_to_wire(login), "status": "approved"})


async def deny_login(site: Site, call: Call) -> Answer:
    """POST /v1/auth/logins/{code}/deny."""
    with site.store.writing() as db:
        login = logins.deny(db, call.path("code"), account=call.account, now=call.now)
    return Answer({**_to_wire(login), "status": "denied"})


def _to_wire(login: Login) -> dict[str, Any]:
    return {
        "code": login.code,
        "email": login.email,
        "asked_at": stamp(login.asked_at),
        "expires_at": stamp(login.expires_at),
    }
