"""Device-code logins that wait for a decision, at `/logins`."""

from __future__ import annotations

from .. import logins
from ..errors import Refused
from .desk import Desk
from .reply import Reply, see_other
from .visit import Visit


async def listing(desk: Desk, visit: Visit) -> Reply:
    """GET /logins."""
    waiting = logins.pending(desk.site.store.db, visit.now, account=visit.account)
    return desk.page(visit, "logins.html", waiting=waiting)


async def one(desk: Desk, visit: Visit) -> Reply:
    """GET /logins/{code}: where the address that a device shows leads to."""
    code = logins.normal_code(visit.call.path("code"))
    waiting = logins.pending(desk.site.store.db, visit.now, account=visit.account)
    found = next((login for login in waiting if login.code == code), None)
    return desk.page(visit, "login_request.html", status=200 if found else 404, login=found, code=code)


async def approve(desk: Desk, visit: Visit) -> Reply:
    """POST /logins/{code}/approve."""
    return _decide(desk, visit, approved=True)


async def deny(desk: Desk, visit: Visit) -> Reply:
    """POST /logins/{code}/deny."""
    return _decide(desk, visit, approved=False)


def _decide(desk: Desk, visit: Visit, *, approved: bool) -> Reply:
    decide = logins.approve if approved else logins.deny
    assert visit.session is not None
    try:
        with desk.site.store.writing() as db:
            login = decide(db, visit.call.path("code"), account=visit.account, now=visit.now)
    except Refused as refusal:
        raise Refused(
            404, refusal.code, "This login waits no more: it was decided, or it expired. Ask for a new one."
        ) from refusal
    visit.session.notices.append(
        f"Approved {login.code}. The device gets its key the next time it asks."
        if approved
        else f"Denied {login.code}. The device gets no key."
    )
    return see_other("/logins")
