"""Endpoints of logging in: the device-code flow, sessions, the key itself."""

from __future__ import annotations

import re

from . import logins, usage
from .authentication import key_ended
from .call import Answer, Call
from .errors import bad_request
from .keys import digest, email_of, new_key
from .outcomes import refuse_unstorable
from .site import Site
from .validate import Fields

_HOST = re.compile(rb"[A-Za-z0-9.-]+(:\d+)?|\[[0-9A-Fa-f:.]+\](:\d+)?")
_SHORTEST, _LONGEST = 6, 128
"""Characters of a device code: whoever guesses one gets the key."""


async def device_code(site: Site, call: Call) -> Answer:
    """POST /v1/auth/device-code; needs no key."""
    code = _device_code(Fields(call.body))
    if not _SHORTEST <= len(code) <= _LONGEST:
        raise bad_request("invalid_device_code", f"Device code must be {_SHORTEST}-{_LONGEST} characters")
    with site.store.writing() as db:
        login = logins.begin(db, code, now=call.now)
    url = f"{_base(call)}/logins/{login.code}"
    return Answer(
        {"verification_url": url, "expires_in": logins.EXPIRES_IN, "user_code": login.code}, status=201
    )


async def submit_email(site: Site, call: Call) -> Answer:
    """POST /v1/auth/device-code/submit-email; needs no key. No e-mail is sent."""
    fields = Fields(call.body)
    email = fields.email("email")
    code = _device_code(fields)
    refuse_unstorable({}, unstorable=call.unstorable)
    with site.store.writing() as db:
        logins.submit_email(db, code, email, now=call.now)
    return Answer({"status": "email_sent"})


async def poll(site: Site, call: Call) -> Answer:
    """POST /v1/auth/device-code/poll; needs no key."""
    code = _device_code(Fields(call.body))
    with site.store.writing() as db:
        said = logins.poll(db, code, now=call.now)
        if isinstance(said, str):
            return Answer({"status": said})
        told: dict[str, object] = {"status": "approved", "email": said.email}
        if said.existing:
            ticket = site.sessions.ticket(said.account, now=call.now)
            return Answer({**told, "existing_user": True, "session_token": ticket})
        key = new_key()
        site.keys.add(db, said.account, key, label=f"login of {said.email}", now=call.now)
    return Answer({**told, "api_key": key})


def _device_code(fields: Fields) -> str:
    code = fields.string("device_code", required=True)
    fields.finish()
    return code or ""


def _base(call: Call) -> str:
    """The server's address as this client reaches it, which need not be the one that it listens on."""
    host = call.headers.get(b"host", b"")
    return f"http://{host.decode()}" if _HOST.fullmatch(host) else ""


async def session(site: Site, call: Call) -> Answer:
    """POST /v1/auth/session: the ticket of an approved login becomes a session; needs no key."""
    fields = Fields(call.body)
    ticket = fields.string("token", required=True)
    fields.finish()
    account, token = site.sessions.redeem(ticket or "", now=call.now)
    return Answer({"session_token": token, "email": email_of(site.store.db, account)})


async def reveal_key(site: Site, call: Call) -> Answer:
    """GET /v1/auth/key. No key can be read back, so that a session is given one of its own."""
    if not call.caller.session:
        return Answer({"api_key": call.caller.token})
    key = site.sessions.key_of(call.caller.token)
    if ended := site.keys.ended(digest(key)):
        raise key_ended(ended)
    with site.store.writing() as db:
        label = f"login of {email_of(db, call.account)}"
        site.keys.add(db, call.account, key, label=label, now=call.now)
    return Answer({"api_key": key})


async def regenerate_key(site: Site, call: Call) -> Answer:
    """POST /v1/auth/key/regenerate: a new key; the one of this request is dead at once."""
    if call.headers.get(b"x-confirm-destructive") != b"true":
        raise bad_request(
            "confirmation_required",
            "This action is destructive. Set X-Confirm-Destructive: true header to confirm.",
        )
    old = None if call.caller.session else call.caller.digest
    with site.store.writing() as db:
        key = site.keys.rotate(db, call.account, old, now=call.now)
    return Answer({"api_key": key, "previous_key_revoked": True})


async def whoami(site: Site, call: Call) -> Answer:
    """GET /v1/auth/me: asked by the official command line; PROTOCOL.md does not name it."""
    told = usage.report(
        site.store.db, call.account, site.rules, requests_used=call.requests_used, now=call.now
    )
    cues, executions = told["cues"], told["executions"]
    return Answer(
        {
            "email": email_of(site.store.db, call.account),
            "plan": told["plan"],
            "active_cues": cues["active"],
            "active_cue_limit": cues["limit"],
            "executions_this_month": executions["used"],
            "monthly_execution_limit": executions["limit"],
            "rate_limit_per_minute": site.rules.rate_limit,
        }
    )
