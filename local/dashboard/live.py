"""The live view's events: something changed, look again."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from ..errors import Refused
from .desk import Desk
from .page import refuse_other_hosts
from .reply import SECURITY, Reply

INTERVAL = 0.5
"""Seconds between two events at least, however much happens."""
ALIVE = 15.0
"""Seconds of silence after which the stream says that it is there."""


async def stream(desk: Desk, scope: Scope, receive: Receive, send: Send) -> None:
    """GET /events: `change` events until the browser leaves, the session ends or the server stops.

    They hold nothing, so they tell nobody anything about accounts that are not theirs.
    """
    visit = desk.visit(scope, receive)
    try:
        refuse_other_hosts(desk, scope, visit)
    except Refused as refusal:
        await Reply(refusal.status, refusal.message.encode(), "text/plain").send(send)
        return
    if visit.session is None:
        # No 204: after it a browser would not try again, after 401 neither, and the page says why.
        await Reply(401, b"Sign in first", "text/plain").send(send)
        return
    headers = {**SECURITY, "Content-Type": "text/event-stream", "Cache-Control": "no-store"}
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 200, "headers": raw})
    changes = desk.site.store.changes
    seen = changes.count
    gone = asyncio.ensure_future(visit.call.hung_up())
    try:
        await _say(send, b"retry: 1000\n\n")
        while not changes.closed:
            await changes.after(seen, ALIVE, gone)
            if gone.done() or changes.closed:
                break
            if desk.visit(scope, receive).session is None:
                # The page that looks again is led to the sign-in.
                await _say(send, b"event: change\ndata:\n\n")
                break
            if changes.count == seen:
                await _say(send, b": alive\n\n")
                continue
            seen = changes.count
            await _say(send, b"event: change\ndata:\n\n")
            await asyncio.wait({gone}, timeout=INTERVAL)
        if not gone.done():
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


async def _say(send: Send, text: bytes) -> None:
    await send({"type": "http.response.body", "body": text, "more_body": True})
