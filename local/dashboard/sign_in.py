"""Signing in, by a key or by a one-time link, and out."""

from __future__ import annotations

from ..keys import digest
from .desk import Desk
from .reply import Reply, see_other
from .sessions import LONGEST
from .visit import Visit


async def ask(desk: Desk, visit: Visit) -> Reply:
    """GET /login: the form; with a token of `cueworker dashboard`, the way in."""
    if "token" in visit.query:
        return _with_link(desk, visit)
    if visit.session is not None:
        return see_other(_next(visit.query.get("next", "")))
    return desk.page(visit, "sign_in.html", next=_next(visit.query.get("next", "")))


def _with_link(desk: Desk, visit: Visit) -> Reply:
    if visit.method != "GET" or b"sec-purpose" in visit.call.headers:
        # A browser that fetches ahead, or looks whether there is something, would use up the link.
        return Reply(204)
    link = desk.sessions.redeem(visit.query["token"], now=visit.now)
    if link is None or desk.site.keys.account_of(link.key) != link.account:
        problem = "This link was used already, or is too old. Run cueworker dashboard again for a new one."
        return desk.page(visit, "sign_in.html", status=403, next="/", problem=problem)
    # A page that goes on by itself, no redirect: after one that another site began, browsers would hold back
    # the cookie, which is SameSite=Strict.
    return _opened(desk, visit, link.account, link.key, desk.page(visit, "signed_in.html"))


async def with_key(desk: Desk, visit: Visit) -> Reply:
    """POST /login."""
    key = digest(visit.form["key"].strip())
    goal = _next(visit.form["next"])
    account = desk.site.keys.account_of(key)
    if account is None:
        visit.form.problem("key", "This key opens no account here.")
        return desk.page(visit, "sign_in.html", status=403, next=goal, form=visit.form)
    return _opened(desk, visit, account, key, see_other(goal))


async def out(desk: Desk, visit: Visit) -> Reply:
    """POST /logout."""
    desk.sessions.end(visit.secret)
    return see_other("/login", visit.cookie("", seconds=0))


def _opened(desk: Desk, visit: Visit, account: int, key: str, reply: Reply) -> Reply:
    if visit.secret:
        desk.sessions.end(visit.secret)
    secret, _ = desk.sessions.open(account, key, now=visit.now)
    headers = {**reply.headers, **visit.cookie(secret, seconds=LONGEST)}
    return Reply(reply.status, reply.body, headers=headers)


def _next(path: str) -> str:
    """A path of ours to go on to; anything that might lead elsewhere is the overview."""
    good = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if good and path.isascii() else "/"
