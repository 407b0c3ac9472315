"""What the pages share: the site, the sessions, a reader of the database, and the frame around every page."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from starlette.types import Receive, Scope

from .. import logins
from ..call import Call
from ..errors import Refused
from ..site import Site
from ..version import version
from .forms import Form
from .rendering import render
from .reply import Reply
from .sessions import BrowserSessions, Session, is_current
from .visit import Visit

T = TypeVar("T")
_LONGEST_QUERY = 3.0
"""Seconds after which a search is given up."""
_STEPS = 20_000
"""Instructions of SQLite's between two looks at the clock."""


class Desk:
    """Owned by the event loop's thread."""

    def __init__(self, site: Site, sessions: BrowserSessions) -> None:
        self.site = site
        self.sessions = sessions
        main = next(row for row in site.store.db.execute("PRAGMA database_list") if row["name"] == "main")
        self._database = Path(main["file"]).as_uri() + "?mode=ro"

    def visit(self, scope: Scope, receive: Receive) -> Visit:
        """The request, with its session if there is a good one."""
        call = Call(scope, receive, now=time.time())
        visit = Visit(
            call,
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            cookie_name=f"cueworker_{scope['server'][1]}",
        )
        visit.session = self._session(visit)
        return visit

    def _session(self, visit: Visit) -> Session | None:
        secret = visit.secret
        session = self.sessions.find(secret) if secret else None
        if session is None:
            return None
        key_is_good = self.site.keys.account_of(session.key) == session.account
        if not key_is_good or not is_current(session, now=visit.now):
            self.sessions.end(secret)
            return None
        return session

    async def read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        """What the query finds, on a connection and in a thread of its own: a long search holds up no worker.

        It sees one moment of what is committed. Raises Refused 503 when it takes too long.
        """
        return await asyncio.to_thread(self._read, query)

    def _read(self, query: Callable[[sqlite3.Connection], T]) -> T:
        give_up = time.monotonic() + _LONGEST_QUERY
        with contextlib.closing(sqlite3.connect(self._database, uri=True, isolation_level=None)) as db:
            db.row_factory = sqlite3.Row
            db.set_progress_handler(lambda: time.monotonic() > give_up, _STEPS)
            db.execute("BEGIN")
            try:
                return query(db)
            except sqlite3.OperationalError as error:
                if time.monotonic() <= give_up:
                    raise
                raise Refused(503, "too_slow", "This search took too long; narrow it down.") from error

    def page(self, visit: Visit, template: str, /, status: int = 200, **context: Any) -> Reply:
        """The template in its frame."""
        session = visit.session
        notices: list[str] = []
        waiting = 0
        if session is not None:
            waiting = len(logins.pending(self.site.store.db, visit.now, account=session.account))
            if not visit.live:
                notices, session.notices = session.notices, []
        text = render(
            template,
            {
                "now": visit.now,
                "path": visit.path,
                "session": session,
                "csrf": session.csrf if session is not None else "",
                "notices": notices,
                "logins_waiting": waiting,
                "version": version(),
                "form": Form(),
                # What answers a form is not to be fetched again.
                "is_live": session is not None and visit.method == "GET" and status == 200,
                **context,
            },
        )
        return Reply(status, text.encode("utf-8", "replace"))
