"""The month's executions beside what the plan is said to allow."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

from .options import Rules

_NEAR = 0.8
"""The share of the allowance from which on answers carry the warning, as on the service."""
WARNING = {"X-CueAPI-Usage-Warning": "approaching_limit"}


def warning(db: sqlite3.Connection, account: int, rules: Rules, *, now: float) -> dict[str, str]:
    """The header that an answer carries when the account nears its allowance; none without an allowance."""
    if rules.monthly_executions is None:
        return {}
    row = db.execute(
        "SELECT executions FROM usage WHERE account = ? AND month = ?",
        (account, f"{datetime.fromtimestamp(now, UTC):%Y-%m}"),
    ).fetchone()
    return WARNING if row and row["executions"] >= _NEAR * rules.monthly_executions else {}
