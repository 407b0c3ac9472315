"""The ASGI application: routes, keys, the limit, the envelope, and answers after the commit."""

from __future__ import annotations

import itertools
import json
import logging
import math
import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from . import allowance
from .authentication import authenticate
from .call import Answer, Call, ClientGone
from .errors import AnsweredInternal, Refused, internal_error
from .limiter import Admission, SlidingWindow
from .site import Site

Handler = Callable[[Site, Call], Awaitable[Answer]]
Headers = dict[str, str]
Refuser = Callable[[Scope, Receive, Send, Refused], Awaitable[None]]

log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode
_run = secrets.token_hex(6)
_numbers = itertools.count()
"""A request's id is unique, no secret: the run's random part and a number."""


class Endpoint:
    """One handler as an ASGI application."""

    def __init__(self, site: Site, handler: Handler, *, needs_key: bool = True) -> None:
        self._site = site
        self._handler = handler
        self._needs_key = needs_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive, now=time.time())
        headers: Headers = {}
        try:
            if self._needs_key:
                _authenticate(self._site, call, headers)
                headers |= allowance.warning(
                    self._site.store.db, call.account, self._site.rules, now=call.now
                )
            await call.read_body(within=self._site.rules.body_within)
            answer = await self._handler(self._site, call)
            await self._site.store.settled()
        except ClientGone:
            return
        except Refused as refusal:
            await send_refusal(send, refusal, headers)
        except (sqlite3.Error, ArithmeticError, LookupError, OSError, TypeError, ValueError):
            log.exception("%s %s failed", scope["method"], scope["path"])
            await send_refusal(send, internal_error(), headers)
        else:
            await _send(send, answer.status, answer.content, {**headers, **answer.headers})


def _authenticate(site: Site, call: Call, headers: Headers) -> None:
    """Finds the key's account and counts the request. Raises Refused 401, 429."""
    call.account, call.caller = authenticate(site, call)
    if site.rules.rate_limit is None:
        return
    window = site.windows.setdefault(call.caller.digest, SlidingWindow(site.rules.rate_limit))
    admission = window.admit(time.monotonic())
    headers.update(_limit_headers(admission, now=call.now))
    call.requests_used = admission.limit - admission.remaining
    if not admission.admitted:
        raise Refused(
            429,
            "rate_limit_exceeded",
            f"Rate limit of {admission.limit} requests per minute exceeded",
            headers={"Retry-After": str(max(1, math.ceil(admission.frees_in)))},
        )


def _limit_headers(admission: Admission, *, now: float) -> Headers:
    return {
        "X-RateLimit-Limit": str(admission.limit),
        "X-RateLimit-Remaining": str(admission.remaining),
        "X-RateLimit-Reset": str(math.ceil(now + admission.frees_in)),
    }


async def send_refusal(send: Send, refusal: Refused, headers: Mapping[str, str]) -> None:
    """Sends the envelope. Raises AnsweredInternal after a 500."""
    await _send(send, refusal.status, refusal.envelope(), {**headers, **refusal.headers})
    if refusal.status == 500:
        raise AnsweredInternal


async def _send(
    send: Send, status: int, content: Mapping[str, object] | None, headers: Mapping[str, str]
) -> None:
    body = b"" if content is None else _json(content)
    raw = [(b"x-request-id", f"req_{_run}{next(_numbers):08x}".encode())]
    if content is not None:
        raw.append((b"content-type", b"application/json"))
    if status != 204:
        raw.append((b"content-length", str(len(body)).encode()))
    raw.extend((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items())
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _json(content: Mapping[str, object]) -> bytes:
    try:
        return _encode(content)
    except UnicodeEncodeError:  # an error's message that quotes a lone surrogate
        return json.dumps(content).encode()


async def refuse_with_envelope(_scope: Scope, _receive: Receive, send: Send, refusal: Refused) -> None:
    """Answers a request that no endpoint gets."""
    await send_refusal(send, refusal, {})


class Application:
    """Routes a request to its endpoint; `refuse` answers for paths and methods without one."""

    def __init__(self, routes: list[Route], refuse: Refuser = refuse_with_envelope) -> None:
        self._routes = routes
        self._refuse = refuse
        self._router: ASGIApp = Router(routes, redirect_slashes=False, default=self._not_found)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"] = self  # makes the router raise its 405 instead of answering it as plain text
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            allowed = ", ".join(sorted(self._methods_of(scope)))
            refusal = Refused(
                error.status_code, "method_not_allowed", "Method not allowed", headers={"Allow": allowed}
            )
            await self._refuse(scope, receive, send, refusal)

    async def _not_found(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._refuse(scope, receive, send, Refused(404, "not_found", "Not found"))

    def _methods_of(self, scope: Scope) -> set[str]:
        return {
            method
            for route in self._routes
            if route.matches(scope)[0] is not Match.NONE
            for method in route.methods or ()
        }
