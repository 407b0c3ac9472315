"""Totals and pages of ended executions come from counters and index walks; they must agree with a plain count."""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cueworker.local import cue_fields, cues, execution_list, executions, outcomes, recovery, retention, usage
from cueworker.local.cues import Fire
from cueworker.local.errors import Refused
from cueworker.local.execution_list import STATUSES, Filter
from cueworker.local.options import Rules
from cueworker.local.schema import _MIGRATIONS, migrate
from cueworker.local.store import Store

START = 1_800_000_000.0
RULES = Rules()
WORKERS = ("w1", "w2")
STATES = ("reported_success", "verified_success", "verification_failed", "reported_failure")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    store = Store(tmp_path / "db")
    store.db.executemany("INSERT INTO accounts VALUES (?, ?, 0)", [(1, "one"), (2, "two")])
    yield store.db
    store.close()


def _cue(db: sqlite3.Connection, name: str, account: int = 1, **fields: Any) -> str:
    schedule = fields.pop("schedule", {"type": "recurring", "cron": "0 0 1 1 *"})
    body = {"name": name, "transport": "worker", "schedule": schedule, **fields}
    columns = cue_fields.new_cue(body, now=START)
    return str(cues.create(db, account, columns, max_cues=None, now=START)["id"])


def _ended(db: sqlite3.Connection, cue: str, *, now: float, success: bool = True, worker: str = "w1") -> str:
    execution = str(cues.fire(db, 1, cue, Fire(), now=now)[0]["id"])
    executions.claim(db, 1, execution, worker, now=now)
    report = outcomes.parse_outcome({"success": success})
    outcomes.record(db, 1, execution, report, unstorable=False, now=now)
    return execution


def _live_a_while(db: sqlite3.Connection, dice: random.Random) -> None:
    """Two hundred random steps in the life of three cues."""
    makers = [{}, {"verification": {"mode": "require_external_id"}}, {"on_failure": {"pause": True}}]
    own = [_cue(db, f"cue {number}", **maker) for number, maker in enumerate(makers)]
    foreign = _cue(db, "another account's", 2)
    made: list[str] = []
    now = START
    for _ in range(200):
        now += dice.choice((0.0, 1.0, 100.0, 1000.0))
        execution = dice.choice(made) if made else ""
        report = outcomes.parse_outcome({"success": dice.random() < 0.5})
        steps = (
            lambda: made.append(cues.fire(db, 1, dice.choice(own), Fire(), now=now)[0]["id"]),  # noqa: B023
            lambda: cues.fire(db, 2, foreign, Fire(), now=now),  # noqa: B023
            lambda: executions.claim(db, 1, execution, dice.choice(WORKERS), now=now),  # noqa: B023
            lambda: outcomes.record(db, 1, execution, report, unstorable=False, now=now),  # noqa: B023
            lambda: outcomes.verify(db, 1, execution, valid=dice.random() < 0.5, reason=None, now=now),  # noqa: B023
            lambda: made.append(executions.replay(db, 1, execution, now=now)[0]["id"]),  # noqa: B023
            lambda: recovery.take_back(db, RULES, now=now),  # noqa: B023
        )
        try:
            dice.choices(steps, weights=(6, 1, 8, 8, 2, 1, 1))[0]()
        except Refused:
            continue
    if dice.random() < 0.5:
        cues.delete(db, 1, own[0])
    retention.prune(db, before=now - 40_000)


@pytest.mark.parametrize("seed", range(6))
def test_totals_and_pages_agree_with_a_plain_count(db: sqlite3.Connection, seed: int) -> None:
    _live_a_while(db, random.Random(seed))
    cue_ids = [None, *(row[0] for row in db.execute("SELECT id FROM cues WHERE account = 1"))]
    some = [(), ("success",), ("success", "failed"), ("delivering", "missed", "success"), STATUSES]
    nonempty = 0
    for cue, statuses, worker, state in itertools.product(
        cue_ids, some, (None, *WORKERS), (None, *STATES[:2], STATES[3])
    ):
        wanted = Filter(cue, statuses, worker, state)
        where, values = wanted.clause(1)
        plain = [
            row[0]
            for row in db.execute(
                f"SELECT id FROM executions WHERE {where} ORDER BY created_at DESC, seq DESC", values
            )
        ]
        page = execution_list.listing(db, 1, wanted, limit=7, offset=2)
        assert page["total"] == len(plain), wanted
        assert [row["id"] for row in page["executions"]] == plain[2:9], wanted
        assert page["has_more"] == (len(plain) > 9)
        nonempty += bool(plain)
    assert nonempty > 15


def test_a_months_usage_outlives_what_it_counts(db: sqlite3.Connection) -> None:
    cue = _cue(db, "a cue")
    for success in (True, True, False):
        _ended(db, cue, now=START, success=success)
    cues.fire(db, 1, cue, Fire(), now=START)
    cues.delete(db, 1, cue)
    report = usage.report(db, 1, RULES, requests_used=0, now=START)
    assert report["executions"]["used"] == 4
    assert report["outcomes"] == {"reported": 3, "succeeded": 2, "failed": 1}
    assert usage.report(db, 1, RULES, requests_used=0, now=START + 40 * 86400)["executions"]["used"] == 0


def test_a_database_of_the_first_version_is_counted_when_it_is_opened(tmp_path: Path) -> None:
    old = sqlite3.connect(tmp_path / "db", isolation_level=None)
    old.executescript(f"{_MIGRATIONS[0]} PRAGMA user_version = 1;")
    old.execute("INSERT INTO accounts VALUES (1, 'one', 0)")
    old.execute(
        "INSERT INTO cues (id, account, name, transport, schedule_type, timezone, callback, payload, retry,"
        " on_failure, created_at, updated_at)"
        " VALUES ('c', 1, 'c', 'worker', 'once', 'UTC', '{}', '{}', '{}', '{}', 0, 0)"
    )
    old.executemany(
        "INSERT INTO executions (id, account, cue, transport, status, scheduled_for, triggered_by,"
        " outcome_success, created_at, updated_at) VALUES (?, 1, 'c', 'worker', ?, 0, 'x', ?, ?, 0)",
        [
            (str(n), status, success, START)
            for n, (status, success) in enumerate(
                [("success", 1), ("success", 1), ("failed", 0), ("missed", None), ("pending", None)]
            )
        ],
    )
    migrate(old)
    old.row_factory = sqlite3.Row
    totals = {s: execution_list.count(old, 1, Filter(statuses=(s,))) for s in STATUSES}
    assert {s: n for s, n in totals.items() if n} == {"success": 2, "failed": 1, "missed": 1, "pending": 1}
    assert execution_list.count(old, 1, Filter(cue_id="c")) == 5
    assert usage.report(old, 1, RULES, requests_used=0, now=START)["outcomes"]["reported"] == 3
    old.close()


def test_retention_forgets_what_ended_long_ago_and_nothing_else(db: sqlite3.Connection) -> None:
    recurring = _cue(db, "recurring")
    once = _cue(db, "once", schedule={"type": "once", "at": "2027-01-15T08:01:00Z"})
    fresh_once = _cue(db, "not yet", schedule={"type": "once", "at": "2099-01-01T00:00:00Z"})
    cues.fire_due(db, now=START + 3600)
    ran = db.execute("SELECT id FROM executions").fetchone()[0]
    executions.claim(db, 1, ran, "w1", now=START + 3600)
    outcomes.record(db, 1, ran, outcomes.parse_outcome({"success": True}), unstorable=False, now=START + 3600)
    for _ in range(4):  # three failures in a row make an alert
        _ended(db, recurring, now=START, success=False)
    kept = [_ended(db, recurring, now=START + 90_000)]
    kept.append(cues.fire(db, 1, recurring, Fire(), now=START)[0]["id"])
    assert db.execute("SELECT count(*) FROM alerts").fetchone()[0] == 1
    assert not retention.prune(db, before=START + 86_400)
    assert sorted(row[0] for row in db.execute("SELECT id FROM executions")) == sorted(kept)
    assert {row[0] for row in db.execute("SELECT id FROM cues")} == {recurring, fresh_once}
    assert once not in {recurring, fresh_once}
    assert db.execute("SELECT count(*) FROM alerts").fetchone()[0] == 0
    assert execution_list.count(db, 1, Filter()) == 2
    assert {row["n"] for row in db.execute("SELECT n FROM ended")} == {1}


def test_retention_works_in_batches(db: sqlite3.Connection) -> None:
    cue = _cue(db, "a cue")
    for _ in range(retention.BATCH + 1):
        _ended(db, cue, now=START)
    assert retention.prune(db, before=START + 1)
    assert execution_list.count(db, 1, Filter()) == 1
    assert not retention.prune(db, before=START + 1)
    assert execution_list.count(db, 1, Filter()) == 0
