"""One page, or the target of one form, as an ASGI application: what stands before it and after it."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from ..call import ClientGone
from ..errors import Refused, internal_error
from .desk import Desk
from .forms import Form
from .hosts import is_ours, same_origin
from .reply import Reply, see_other
from .visit import Visit

Handler = Callable[[Desk, Visit], Awaitable[Reply]]

log = logging.getLogger(__name__)

_TITLES = {
    400: "That did not work",
    403: "Not allowed",
    404: "Not found",
    405: "Not found",
    408: "Too slow",
    409: "Not possible now",
    413: "Too much",
    503: "Too slow",
}


class Page:
    """One handler with the guards before it."""

    def __init__(self, desk: Desk, handler: Handler, *, signed_in: bool) -> None:
        self._desk = desk
        self._handler = handler
        self._signed_in = signed_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        visit = self._desk.visit(scope, receive)
        try:
            refuse_other_hosts(self._desk, scope, visit)
            await visit.call.read_body(within=self._desk.site.rules.body_within)
            reply = await self._reply(visit)
            await self._desk.site.store.settled()
        except ClientGone:
            return
        except Refused as refusal:
            reply = self._problem(visit, refusal)
        except Exception:  # a template that fails, too, is to end as a page
            log.exception("%s %s failed", scope["method"], scope["path"])
            reply = self._problem(visit, internal_error())
        await reply.send(send)

    async def _reply(self, visit: Visit) -> Reply:
        if self._signed_in and visit.session is None:
            return _to_sign_in(visit)
        if visit.method == "POST":
            _refuse_other_origins(visit)
            visit.form = Form.parse(visit.call.raw)
            if self._signed_in:
                _refuse_forged(visit)
        if visit.session is not None and not visit.live:
            visit.session.last_used = visit.now
        return await self._handler(self._desk, visit)

    def _problem(self, visit: Visit, refusal: Refused) -> Reply:
        title = _TITLES.get(refusal.status, "Something went wrong")
        reply = self._desk.page(
            visit, "problem.html", status=refusal.status, title=title, message=refusal.message
        )
        return Reply(reply.status, reply.body, headers=refusal.headers)


def refuse_other_hosts(desk: Desk, scope: Scope, visit: Visit) -> None:
    """Raises Refused 403 for a request to a name that is not ours: see `hosts`."""
    header = visit.call.headers.get(b"host", b"").decode("latin-1")
    address, port = scope["server"]
    if not is_ours(header, listened=desk.site.host, reached=address):
        visit.session = None
        raise Refused(
            403,
            "wrong_host",
            f"This server does not answer to that name. Open http://127.0.0.1:{port}/ instead.",
        )


def _to_sign_in(visit: Visit) -> Reply:
    # What a form of an ended session sent is not done later, behind its sender's back.
    wanted = visit.path + (f"?{visit.query_string}" if visit.query_string else "")
    return see_other("/login" if visit.method == "POST" or wanted == "/" else f"/login?next={quote(wanted)}")


def _refuse_other_origins(visit: Visit) -> None:
    """Raises Refused 403 for a form that another site sent. Browsers name the origin of every form."""
    headers = visit.call.headers
    origin = headers.get(b"origin")
    if origin is not None and not same_origin(
        origin.decode("latin-1"), headers.get(b"host", b"").decode("latin-1")
    ):
        raise Refused(403, "wrong_origin", "Another site sent this form, so nothing was done.")
    if headers.get(b"sec-fetch-site", b"same-origin") not in (b"same-origin", b"none"):
        raise Refused(403, "wrong_origin", "Another site sent this form, so nothing was done.")


def _refuse_forged(visit: Visit) -> None:
    """Raises Refused 403 for a form that is not from one of the session's own pages."""
    assert visit.session is not None
    if not hmac.compare_digest(visit.form["csrf"].encode(), visit.session.csrf.encode()):
        raise Refused(
            403,
            "forged_form",
            "This form is not from a page of your session, so nothing was done. Go back,"
            " reload the page and send it again.",
        )
