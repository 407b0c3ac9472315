"""What the dashboard asks the database: the right rows, and never all of them."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from cueworker.local import schema
from cueworker.local.dashboard import execution_search, execution_story, overview, worker_page
from cueworker.local.dashboard.execution_search import Search, find
from cueworker.local.options import Rules

NOW = 1_800_000_000.0
Row = dict[str, Any]


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    """An account with two cues, and another one with one."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        schema.migrate(connection)
        for account, cues in ((1, ("a", "b")), (2, ("c",))):
            connection.execute("INSERT INTO accounts VALUES (?, ?, 0)", (account, f"{account}@x.example"))
            for cue in cues:
                connection.execute(
                    "INSERT INTO cues (id, account, name, transport, schedule_type, timezone, callback, payload,"
                    " retry, on_failure, created_at, updated_at)"
                    " VALUES (?, ?, ?, 'worker', 'once', 'UTC', '{}', '{}', '{}', '{}', 0, 0)",
                    (cue, account, f"cue {cue}"),
                )
        yield connection


def add(db: sqlite3.Connection, number: int, **values: Any) -> str:
    """An execution; most of it can be left out."""
    row: Row = {
        "id": f"{number:08x}-0000-4000-8000-000000000000",
        "account": 1,
        "cue": "a",
        "transport": "worker",
        "status": "success",
        "triggered_by": "manual_fire",
        "created_at": NOW - number,
        **values,
    }
    row = {"scheduled_for": row["created_at"], "updated_at": row["created_at"], **row}
    db.execute(
        f"INSERT INTO executions ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})", row
    )
    return str(row["id"])


def ids(db: sqlite3.Connection, search: Search, size: int = 50) -> list[str]:
    """What the search finds."""
    return [row["id"] for row in find(db, 1, search, size=size).rows]


def test_pages_follow_one_another_both_ways_even_within_one_moment(db: sqlite3.Connection) -> None:
    made = [add(db, number, created_at=NOW - number // 4) for number in range(10)]
    add(db, 99, account=2, cue="c")
    # Of one moment the one made last is the newest.
    expected = sorted(made, key=lambda one: (int(one[:8], 16) // 4, -int(one[:8], 16)))
    seen: list[str] = []
    place = None
    pages = []
    while True:
        page = find(db, 1, Search(older_than=place), size=3)
        pages.append(page)
        seen += [row["id"] for row in page.rows]
        if page.older is None:
            break
        place = Search.of({"before": page.older}).older_than
    assert seen == expected
    assert pages[0].newer is None
    for before, page in itertools.pairwise(pages):
        back = find(db, 1, Search.of({"after": page.newer or ""}), size=3)
        assert [row["id"] for row in back.rows] == [row["id"] for row in before.rows]


def test_filters_add_up(db: sqlite3.Connection) -> None:
    wanted = add(db, 1, cue="b", status="failed", claimed_by="w", task="t", error_message="No Space")
    add(db, 2, cue="a", status="failed", claimed_by="w", task="t", error_message="no space")
    add(db, 3, cue="b", status="success", claimed_by="w", task="t", evidence='{"external_id": "no space"}')
    add(db, 4, cue="b", status="failed", claimed_by="v", task="t", error_message="no space")
    add(db, 5, cue="b", status="failed", claimed_by="w", task="u", error_message="no space")
    add(db, 6, cue="b", status="failed", claimed_by="w", task="t", error_message="x")
    everything = Search(status="problem", cue="b", worker="w", task="t", words="no SPACE")
    assert ids(db, everything) == [wanted]
    assert len(ids(db, Search(words="no space"))) == 5
    assert ids(db, Search(words=wanted[:8].upper())) == [wanted]
    assert ids(db, Search(words="%")) == []


def test_a_search_without_an_index_looks_at_a_bounded_number(db: sqlite3.Connection) -> None:
    add(db, execution_search.SCANNED + 1, task="old")
    add(db, 0, task="new")
    db.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
        " INSERT INTO executions (id, account, cue, transport, task, status, triggered_by, created_at, updated_at,"
        " scheduled_for) SELECT i, 1, 'a', 'worker', 'new', 'success', 'schedule', ? - i, 0, 0 FROM n",
        (execution_search.SCANNED, NOW),
    )
    assert ids(db, Search(task="old")) == []
    assert len(ids(db, Search(task="old", status="success"))) == 0
    assert len(ids(db, Search(task="new"))) == 50


QUERIES = (
    {},
    {"status": "problem"},
    {"status": "open"},
    {"cue": "a"},
    {"worker": "w", "status": "failed"},
    {"q": "words"},
    {"q": "0123abcd"},
    {"before": "1800000000.0-7"},
    {"after": "1800000000.0-7", "status": "open"},
)


def test_no_query_walks_the_whole_table(db: sqlite3.Connection) -> None:
    statements: list[str] = []
    db.set_trace_callback(statements.append)
    for query in QUERIES:
        find(db, 1, Search.of(query))
    overview.look(db, 1, Rules(), now=NOW)
    worker_page.look(db, 1, stale_after=180, now=NOW)
    db.set_trace_callback(None)
    assert len(statements) > 20
    for statement in statements:
        plan = [row["detail"] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}")]
        assert not [step for step in plan if step.startswith(("SCAN executions", "SCAN e"))], (
            statement,
            plan,
        )


def test_the_hour_is_told_by_minute(db: sqlite3.Connection) -> None:
    for age, status in (
        (0, "success"),
        (30, "failed"),
        (61, "missed"),
        (62, "delivering"),
        (3599, "pending"),
    ):
        add(db, age, created_at=NOW - age, status=status)
    add(db, 4000, created_at=NOW - 4000)
    add(db, 9, created_at=NOW + 2, status="success")  # dated a little ahead
    hour = overview.look(db, 1, Rules(), now=NOW).hour
    told = {minute.age: (minute.succeeded, minute.failed, minute.open) for minute in hour.minutes}
    assert [minute.age for minute in hour.minutes] == list(reversed(range(60)))
    assert {age: counts for age, counts in told.items() if any(counts)} == {
        0: (2, 1, 0),
        1: (0, 1, 1),
        59: (0, 0, 1),
    }
    assert (hour.fired, hour.succeeded, hour.failed, hour.busiest, hour.complete) == (6, 2, 2, 3, True)


def test_the_queue_counts_what_is_due(db: sqlite3.Connection) -> None:
    for number, (status, due) in enumerate(
        (("pending", -10), ("retry_ready", -30), ("pending", 10), ("delivering", -50), ("retrying", -60))
    ):
        add(db, number, status=status, scheduled_for=NOW + due)
    add(db, 9, status="pending", transport="webhook", scheduled_for=NOW - 99)
    found = overview.look(db, 1, Rules(), now=NOW)
    assert (found.waiting, found.oldest_due, found.running_count) == (2, NOW - 30, 1)


def test_workers_that_only_hold_claims_are_shown(db: sqlite3.Connection) -> None:
    for worker, silent in (("alive", 10), ("stale", 200), ("dead", 1000)):
        db.execute("INSERT INTO workers VALUES (1, ?, NULL, ?, 0)", (worker, NOW - silent))
    add(db, 1, status="delivering", claimed_by="ghost", claimed_at=NOW)
    add(db, 2, status="delivering", claimed_by="alive", claimed_at=NOW)
    found = worker_page.look(db, 1, stale_after=180, now=NOW)
    assert [(one.worker_id, one.state, len(one.running)) for one in found] == [
        ("alive", "active", 1),
        ("stale", "stale", 0),
        ("dead", "dead", 0),
        ("ghost", "unknown", 1),
    ]


def steps(db: sqlite3.Connection, number: int, **values: Any) -> list[tuple[str, str]]:
    """The timeline of an execution: names and tones."""
    execution = add(db, number, **values)
    row = db.execute("SELECT * FROM executions WHERE id = ?", (execution,)).fetchone()
    return [(step.name, step.tone) for step in execution_story.timeline(row, now=NOW)]


CLAIMED: Row = {"claimed_at": NOW, "started_at": NOW, "claimed_by": "w", "attempts": 1}
BEGUN = [("Claimed", "done"), ("Started", "done")]


TIMELINES: tuple[tuple[Row, list[tuple[str, str]]], ...] = (
    ({"status": "pending"}, [("Claimed", "ahead"), ("Outcome", "ahead")]),
    (
        {"status": "pending", "scheduled_for": NOW + 60},
        [("Due", "ahead"), ("Claimed", "ahead"), ("Outcome", "ahead")],
    ),
    ({"status": "missed"}, [("Missed", "bad")]),
    ({**CLAIMED, "status": "delivering"}, [*BEGUN, ("Running", "busy")]),
    ({**CLAIMED, "status": "retry_ready"}, [*BEGUN, ("Taken back", "busy")]),
    ({**CLAIMED, "status": "failed"}, [*BEGUN, ("Failure", "bad")]),
    (
        {
            **CLAIMED,
            "outcome_recorded_at": NOW,
            "outcome_success": 1,
            "outcome_state": "verification_pending",
        },
        [*BEGUN, ("Success", "good"), ("Waits for verification", "busy")],
    ),
)


def test_timelines(db: sqlite3.Connection) -> None:
    for number, (values, told) in enumerate(TIMELINES):
        assert steps(db, number, **values) == [("Fired", "done"), *told], values


def test_a_workers_entry_is_told_in_sentences() -> None:
    entry = {
        "ending": "signalled",
        "signal": 9,
        "outcome_file_parse_error": "not JSON",
        "outcome_file_ignored": True,
        "cleaned": ["result"],
        "removed": ["metadata", "artifacts"],
        "clipped": {"error": 2500, "summary": "nonsense"},
        "survivors": ["4711 sh"],
        "outcome_file_dropped_fields": "nonsense",
    }
    assert execution_story.ending(entry) == "the handler was killed by a signal (signal 9)"
    assert execution_story.changes(entry) == [
        "The outcome file was not taken: not JSON",
        "The outcome file was left aside, because of how the handler ended.",
        "error was cut to fit; it had 2,500 characters.",
        "summary was cut to fit.",
        "Characters that cannot be stored were replaced in: result.",
        "Left out, because it did not fit: metadata, artifacts.",
        "Processes that outlived the kill: 4711 sh.",
    ]
    assert execution_story.ending({}) is None and execution_story.changes({}) == []
    assert execution_story.worker_entry([]) == {} == execution_story.worker_entry({"_cueapi_worker": 1})
