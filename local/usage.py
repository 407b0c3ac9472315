"""GET /v1/usage: the month's counts beside the limits."""

from __future__ import annotations

import calendar
import sqlite3
from datetime import UTC, datetime
from typing import Any

from . import cues
from .options import Rules

UNLIMITED = 1_000_000_000
"""How a limit that is none is told: callers calculate with it, and print it."""


def report(
    db: sqlite3.Connection, account: int, rules: Rules, *, requests_used: int, now: float
) -> dict[str, Any]:
    """The usage of the current calendar month (UTC)."""
    today = datetime.fromtimestamp(now, UTC)
    start = datetime(today.year, today.month, 1, tzinfo=UTC)
    end = start.replace(day=calendar.monthrange(today.year, today.month)[1])
    used = cues.count(db, account)
    row = db.execute(
        "SELECT executions, succeeded, failed FROM usage WHERE account = ? AND month = ?",
        (account, f"{start:%Y-%m}"),
    ).fetchone()
    executions, succeeded, failed = row or (0, 0, 0)
    return {
        "plan": "local",
        "period": {"start": start.date().isoformat(), "end": end.date().isoformat()},
        "cues": {"used": used, "active": used, **_against(used, rules.max_cues)},
        "executions": {"used": executions, **_against(executions, rules.monthly_executions)},
        "outcomes": {"reported": succeeded + failed, "succeeded": succeeded, "failed": failed},
        "rate_limit": {"requests_per_minute": rules.rate_limit, "current_usage": requests_used},
    }


def _against(used: int, limit: int | None) -> dict[str, Any]:
    limit = UNLIMITED if limit is None else limit
    return {
        "limit": limit,
        "remaining": max(0, limit - used),
        "percent_used": round(100 * used / limit) if limit else 100,
    }
