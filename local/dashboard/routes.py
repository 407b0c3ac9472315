"""Which path leads to which page. The pages' modules are named, and imported when one is first asked for."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, NamedTuple

from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from ..app import Endpoint, send_refusal
from ..call import Answer, Call
from ..errors import Refused
from ..site import Site
from .sessions import LINK_LIMIT, BrowserSessions

if TYPE_CHECKING:
    from .desk import Desk


class _Entry(NamedTuple):
    method: str
    path: str
    module: str
    function: str
    signed_in: bool = True


_PAGES = (
    _Entry("GET", "/", "overview_page", "overview"),
    _Entry("GET", "/executions", "execution_pages", "listing"),
    _Entry("GET", "/executions/{id}", "execution_pages", "detail"),
    _Entry("POST", "/executions/{id}/replay", "execution_pages", "replay"),
    _Entry("POST", "/executions/{id}/verify", "execution_pages", "verify"),
    _Entry("GET", "/cues", "cue_pages", "listing"),
    _Entry("GET", "/cues/new", "cue_pages", "blank"),
    _Entry("POST", "/cues/new", "cue_pages", "create"),
    _Entry("GET", "/cues/{id}", "cue_pages", "detail"),
    _Entry("POST", "/cues/{id}/fire", "cue_pages", "fire"),
    _Entry("POST", "/cues/{id}/pause", "cue_pages", "pause"),
    _Entry("POST", "/cues/{id}/resume", "cue_pages", "resume"),
    _Entry("POST", "/cues/{id}/delete", "cue_pages", "delete"),
    _Entry("GET", "/workers", "worker_page", "listing"),
    _Entry("GET", "/logins", "login_pages", "listing"),
    _Entry("GET", "/logins/{code}", "login_pages", "one"),
    _Entry("POST", "/logins/{code}/approve", "login_pages", "approve"),
    _Entry("POST", "/logins/{code}/deny", "login_pages", "deny"),
    _Entry("GET", "/login", "sign_in", "ask", signed_in=False),
    _Entry("POST", "/login", "sign_in", "with_key", signed_in=False),
    _Entry("POST", "/logout", "sign_in", "out"),
)


class Dashboard:
    """The pages of one server, and who is signed in to them."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._sessions = BrowserSessions()
        self._desk: Desk | None = None

    def routes(self) -> list[Route]:
        """Every page, the live events, the static files, and the endpoint that makes one-time links."""
        return [
            *(Route(page.path, _Lazily(self, page), methods=[page.method]) for page in _PAGES),
            Route("/events", _Events(self), methods=["GET"]),
            Route("/static/{name}", _static, methods=["GET"]),
            Route("/dashboard/link", Endpoint(self._site, self._make_link), methods=["POST"]),
        ]

    async def refuse(self, scope: Scope, receive: Receive, send: Send, refusal: Refused) -> None:
        """Answers a path that nobody has: a browser gets a page, everybody else the envelope."""
        headers = dict(scope["headers"])
        if scope["path"].startswith("/v1/") or b"text/html" not in headers.get(b"accept", b""):
            await send_refusal(send, refusal, {})
            return
        from .page import Page

        async def refuse(_desk: object, _visit: object) -> Any:
            raise refusal

        await Page(self.desk, refuse, signed_in=False)(scope, receive, send)

    @property
    def desk(self) -> Desk:
        """What the pages share, made when the first one is asked for."""
        if self._desk is None:
            from .desk import Desk

            self._desk = Desk(self._site, self._sessions)
        return self._desk

    async def _make_link(self, _site: Site, call: Call) -> Answer:
        """POST /dashboard/link, with an API key: `{path, expires_in}`, good for one browser."""
        if call.caller.session:
            raise Refused(403, "api_key_required", "A link is made with an API key, not with a session")
        token = self._sessions.offer(call.account, call.caller.digest, now=call.now)
        return Answer({"path": f"/login?token={token}", "expires_in": LINK_LIMIT}, status=201)


class _Lazily:
    """One page as an ASGI application."""

    def __init__(self, dashboard: Dashboard, entry: _Entry) -> None:
        self._dashboard = dashboard
        self._entry = entry
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._app is None:
            from .page import Page

            module = importlib.import_module(f".{self._entry.module}", __package__)
            handler = getattr(module, self._entry.function)
            self._app = Page(self._dashboard.desk, handler, signed_in=self._entry.signed_in)
        await self._app(scope, receive, send)


class _Events:
    """The live events as an ASGI application."""

    def __init__(self, dashboard: Dashboard) -> None:
        self._dashboard = dashboard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from .live import stream

        await stream(self._dashboard.desk, scope, receive, send)


class _Static:
    """The static files as an ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        from .static_files import serve

        await serve(scope["path_params"]["name"], scope, send)


_static = _Static()
