"""The server's clock: fires schedules, lets send times come, takes lost executions back, forgets old ones."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time

from . import cues, recovery, retention
from .options import Rules
from .store import Store
from .waiters import Waiters, Wanted

INTERVAL = 0.5
"""Seconds between two looks at the executions to take back; due times are met exactly."""
PRUNE_INTERVAL = 60.0
"""Seconds between two looks at what is too old, while there is nothing more of it."""

log = logging.getLogger(__name__)


class Ticker:
    """One task of the event loop."""

    def __init__(self, store: Store, waiters: Waiters, rules: Rules) -> None:
        self._store = store
        self._waiters = waiters
        self._rules = rules
        self._nudged = asyncio.Event()
        self._seen = 0.0
        """Executions due up to this time have been announced."""
        self._prune_at = 0.0

    def nudge(self) -> None:
        """Something may be due earlier than the ticker thinks."""
        self._nudged.set()

    async def run(self) -> None:
        """Ticks until cancelled. A failure of the database is logged, and the next tick tries again."""
        while True:
            self._nudged.clear()
            try:
                pause = self.tick(now=time.time())
            except sqlite3.Error:
                log.exception("the clock could not use the database; trying again")
                pause = INTERVAL
            try:
                async with asyncio.timeout(pause):
                    await self._nudged.wait()
            except TimeoutError:
                continue

    def tick(self, *, now: float) -> float:
        """Does what is due at `now` and returns the seconds until it must be called again."""
        with self._store.writing() as db:
            concerned = [
                *cues.fire_due(db, now=now),
                *recovery.take_back(db, self._rules, now=now),
                *_came_due(db, self._seen, now),
            ]
            self._prune(db, now)
        self._seen = now
        for event in concerned:
            self._waiters.wake(event)
        return max(0.0, min(INTERVAL, _next_due(self._store.db, now=now) - now))

    def _prune(self, db: sqlite3.Connection, now: float) -> None:
        if now < self._prune_at:
            return
        more = retention.prune(db, before=now - self._rules.retention)
        self._prune_at = now if more else now + PRUNE_INTERVAL


def _came_due(db: sqlite3.Connection, since: float, now: float) -> list[Wanted]:
    rows = db.execute(
        "SELECT DISTINCT account, task, agent FROM executions"
        " WHERE status = 'pending' AND scheduled_for > ? AND scheduled_for <= ?",
        (since, now),
    )
    return [Wanted(row["account"], row["task"], row["agent"]) for row in rows]


def _next_due(db: sqlite3.Connection, *, now: float) -> float:
    row = db.execute(
        "SELECT (SELECT min(next_run) FROM cues WHERE status = 'active' AND next_run IS NOT NULL),"
        " (SELECT min(scheduled_for) FROM executions WHERE status = 'pending' AND scheduled_for > ?)",
        (now,),
    ).fetchone()
    return min((moment for moment in row if moment is not None), default=float("inf"))
