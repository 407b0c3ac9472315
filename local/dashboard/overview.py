"""The figures of the overview. Each is bounded: by a window of time, and by a most that is counted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from dataclasses import dataclass

from ..execution_list import STATUSES
from ..options import Rules
from ..schema import OPEN
from . import execution_search, words
from .execution_search import COLUMNS, GROUPS

HOUR = 3600.0
DAY = 86_400.0
MOST_COUNTED = 10_000
"""Where the count of a queue stops: `10,000+`."""
MOST_IN_HOUR = 50_000
"""How many of the last hour's executions of a status are looked at, the newest."""
MINUTES = 60


@dataclass(frozen=True)
class Minute:
    """What became of the executions that were fired in one minute of the last hour."""

    age: int
    """Whole minutes."""
    succeeded: int
    failed: int
    """Missed ones are among them."""
    open: int
    """Those that wait or run."""

    @property
    def fired(self) -> int:
        """All of them."""
        return self.succeeded + self.failed + self.open


@dataclass(frozen=True)
class Hour:
    """The last hour, the oldest minute first."""

    minutes: list[Minute]
    complete: bool
    """False when there were more than MOST_IN_HOUR of a status: its oldest minutes are missing then."""

    @property
    def fired(self) -> int:
        """Executions fired."""
        return sum(minute.fired for minute in self.minutes)

    @property
    def succeeded(self) -> int:
        """Of these, the successes."""
        return sum(minute.succeeded for minute in self.minutes)

    @property
    def failed(self) -> int:
        """Of these, the failures."""
        return sum(minute.failed for minute in self.minutes)

    @property
    def per_minute(self) -> float:
        """Executions fired a minute, on average."""
        return self.fired / MINUTES

    @property
    def busiest(self) -> int:
        """The most in a minute; 1 when there were none, since it is divided by."""
        return max((minute.fired for minute in self.minutes), default=0) or 1


@dataclass(frozen=True)
class Overview:
    """What the overview shows."""

    waiting: int
    oldest_due: float | None
    """When the oldest claimable execution was due, epoch seconds."""
    running: list[sqlite3.Row]
    running_count: int
    hour: Hour
    problems: list[sqlite3.Row]
    problem_count: int
    """Failed and missed in the last 24 hours, up to MOST_COUNTED + 1."""
    workers_alive: int
    workers: int
    upcoming: list[sqlite3.Row]
    alerts: list[sqlite3.Row]
    cues: int


def look(db: sqlite3.Connection, account: int, rules: Rules, *, now: float) -> Overview:
    """The account at this moment (epoch seconds)."""
    waiting, oldest = _waiting(db, account, now=now)
    alive, workers = _workers(db, account, rules, now=now)
    return Overview(
        waiting=waiting,
        oldest_due=oldest,
        running=_running(db, account),
        running_count=_count(db, account, ("delivering",), since=0.0),
        hour=_hour(db, account, now=now),
        problems=_problems(db, account, since=now - DAY),
        problem_count=_count(db, account, GROUPS["problem"], since=now - DAY),
        workers_alive=alive,
        workers=workers,
        upcoming=_upcoming(db, account),
        alerts=_alerts(db, account, since=now - DAY),
        cues=int(db.execute("SELECT count(*) FROM cues WHERE account = ?", (account,)).fetchone()[0]),
    )


def _waiting(db: sqlite3.Connection, account: int, *, now: float) -> tuple[int, float | None]:
    row = db.execute(
        "SELECT count(*), min(scheduled_for) FROM (SELECT scheduled_for FROM executions"  # noqa: S608
        f" WHERE account = ? AND scheduled_for <= ? AND {OPEN} ORDER BY scheduled_for LIMIT ?)",
        (account, now, MOST_COUNTED + 1),
    ).fetchone()
    return row[0], row[1]


def _count(db: sqlite3.Connection, account: int, statuses: tuple[str, ...], *, since: float) -> int:
    count = 0
    for status in statuses:
        count += db.execute(
            "SELECT count(*) FROM (SELECT 1 FROM executions WHERE account = ? AND status = ?"
            " AND created_at >= ? LIMIT ?)",
            (account, status, since, MOST_COUNTED + 1),
        ).fetchone()[0]
    return count


def _running(db: sqlite3.Connection, account: int) -> list[sqlite3.Row]:
    return execution_search.find(db, account, execution_search.Search(status="delivering"), size=8).rows


def _hour(db: sqlite3.Connection, account: int, *, now: float) -> Hour:
    found: dict[str, Counter[int]] = {}
    complete = True
    for status in STATUSES:
        rows = db.execute(
            "SELECT CAST((:now - created_at) / 60 AS INTEGER) AS age, count(*) AS n FROM (SELECT created_at"
            " FROM executions INDEXED BY executions_by_status WHERE account = :account AND status = :status"
            " AND created_at > :since ORDER BY created_at DESC LIMIT :most) GROUP BY age",
            {"now": now, "account": account, "status": status, "since": now - HOUR, "most": MOST_IN_HOUR},
        ).fetchall()
        complete = complete and sum(row["n"] for row in rows) < MOST_IN_HOUR
        # An execution of this very moment may be dated a little ahead of us.
        counts = Counter({max(0, row["age"]): row["n"] for row in rows})
        kind = "success" if status == "success" else "problem" if status in GROUPS["problem"] else "open"
        found.setdefault(kind, Counter()).update(counts)
    minutes = [
        Minute(age, found["success"][age], found["problem"][age], found["open"][age])
        for age in reversed(range(MINUTES))
    ]
    return Hour(minutes, complete)


def _problems(db: sqlite3.Connection, account: int, *, since: float) -> list[sqlite3.Row]:
    found: list[sqlite3.Row] = []
    for status in GROUPS["problem"]:
        found += db.execute(
            f"SELECT {COLUMNS} FROM executions AS e CROSS JOIN cues AS c ON c.id = e.cue"  # noqa: S608
            " WHERE e.account = ? AND e.status = ? AND e.created_at >= ? ORDER BY e.created_at DESC LIMIT 8",
            (account, status, since),
        ).fetchall()
    return sorted(found, key=lambda row: float(row["created_at"]), reverse=True)[:8]


def _workers(db: sqlite3.Connection, account: int, rules: Rules, *, now: float) -> tuple[int, int]:
    row = db.execute(
        "SELECT coalesce(sum(last_heartbeat > ?), 0), count(*) FROM workers WHERE account = ?",
        (now - rules.worker_stale_after, account),
    ).fetchone()
    return row[0], row[1]


def _upcoming(db: sqlite3.Connection, account: int) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT id, name, next_run FROM cues WHERE account = ? AND status = 'active' AND next_run IS NOT NULL"
        " AND next_run < ? ORDER BY next_run LIMIT 6",
        (account, words.BY_HAND_FROM),
    ).fetchall()


def _alerts(db: sqlite3.Connection, account: int, *, since: float) -> list[sqlite3.Row]:
    return db.execute(
        "SELECT a.*, c.name AS cue_name FROM alerts AS a LEFT JOIN cues AS c ON c.id = a.cue"
        " WHERE a.account = ? AND a.created_at >= ? ORDER BY a.created_at DESC LIMIT 5",
        (account, since),
    ).fetchall()
