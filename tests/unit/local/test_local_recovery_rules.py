"""What the server takes back, with the time as an argument."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from cueworker.local import cue_fields, cues, executions, outcomes, recovery, workers
from cueworker.local.cues import Fire
from cueworker.local.errors import Refused
from cueworker.local.options import Rules
from cueworker.local.store import Store
from cueworker.local.waiters import Wanted

RULES = Rules()
START = 1_800_000_000.0
World = Callable[[Callable[[sqlite3.Connection, str], None]], None]


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Runs a scenario on a database with one account (1) and one pending execution, made at START."""

    def run(scenario: Callable[[sqlite3.Connection, str], None]) -> None:
        async def inside() -> None:
            store = Store(tmp_path / "db")
            with store.writing() as db:
                db.execute("INSERT INTO accounts VALUES (1, 'a@b.c', 0)")
                cue = _new_cue(db)
                fired, _ = cues.fire(db, 1, cue, Fire(), now=START)
                scenario(db, fired["id"])
            store.close()

        asyncio.run(inside())

    return run


def _new_cue(db: sqlite3.Connection, **fields: object) -> str:
    body = {
        "name": "c",
        "transport": "worker",
        "payload": {"task": "t"},
        "schedule": {"type": "recurring", "cron": "0 0 1 1 *"},
        **fields,
    }
    columns = cue_fields.new_cue(body, now=START)
    return str(cues.create(db, 1, columns, max_cues=None, now=START)["id"])


def _status(db: sqlite3.Connection, execution_id: str) -> str:
    return str(db.execute("SELECT status FROM executions WHERE id = ?", (execution_id,)).fetchone()[0])


def test_rule_1_an_unrenewed_claim_is_retried_and_can_be_claimed_again(world: World) -> None:
    def scenario(db: sqlite3.Connection, execution: str) -> None:
        executions.claim(db, 1, execution, "w", now=START)
        executions.heartbeat(db, 1, execution, "w", now=START + 299)
        recovery.take_back(db, RULES, now=START + 599)
        assert _status(db, execution) == "delivering"
        recovery.take_back(db, RULES, now=START + 599.1)
        assert _status(db, execution) == "retrying"
        with pytest.raises(Refused, match="not currently"):
            executions.heartbeat(db, 1, execution, "w", now=START + 599.2)
        assert recovery.take_back(db, RULES, now=START + 600) == [Wanted(1, "t", None)]
        assert _status(db, execution) == "retry_ready"
        assert [row["attempt"] for row in executions.claimable(db, Wanted(1), now=START + 600)] == [1]
        executions.claim(db, 1, execution, "v", now=START + 600)

    world(scenario)


def test_rule_1_ends_when_the_attempts_are_used_up_and_a_late_report_still_counts(world: World) -> None:
    def scenario(db: sqlite3.Connection, execution: str) -> None:
        now = START
        for _ in range(3):
            executions.claim(db, 1, execution, "w", now=now)
            now += 301
            recovery.take_back(db, RULES, now=now)
            recovery.take_back(db, RULES, now=now)
        assert _status(db, execution) == "failed"
        report = outcomes.parse_outcome({"success": True})
        outcomes.record(db, 1, execution, report, unstorable=False, now=now)
        assert _status(db, execution) == "success"

    world(scenario)


def test_with_the_cores_quirks_a_lost_lease_is_tried_as_a_webhook_until_it_has_failed(world: World) -> None:
    def scenario(db: sqlite3.Connection, execution: str) -> None:
        rules = Rules(quirks="core")
        seen = []
        executions.claim(db, 1, execution, "w", now=START)
        for minute in range(15):
            recovery.take_back(db, rules, now=START + 301 + 60 * minute)
            seen.append(_status(db, execution))
        assert seen == ["retrying", *["retry_ready"] * 6, *["failed"] * 8]
        report = outcomes.parse_outcome({"success": True})
        outcomes.record(db, 1, execution, report, unstorable=False, now=START + 2000)
        assert _status(db, execution) == "success"

    world(scenario)


def test_rule_2_a_silent_worker_loses_an_old_claim_though_it_renews_it(world: World) -> None:
    def scenario(db: sqlite3.Connection, execution: str) -> None:
        executions.claim(db, 1, execution, "w", now=START)
        late = START + 901
        executions.heartbeat(db, 1, execution, "w", now=late)
        workers.heartbeat(db, 1, "w", None, now=late - 180)
        recovery.take_back(db, RULES, now=late)
        assert _status(db, execution) == "delivering"
        assert recovery.take_back(db, RULES, now=late + 1) == [Wanted(1, "t", None)]
        assert _status(db, execution) == "missed"  # by rule 3: its creation lies over 900 s back

    world(scenario)


def test_rule_3_an_unclaimed_execution_is_missed(world: World) -> None:
    def scenario(db: sqlite3.Connection, execution: str) -> None:
        recovery.take_back(db, RULES, now=START + 900)
        assert _status(db, execution) == "pending"
        recovery.take_back(db, RULES, now=START + 901)
        assert _status(db, execution) == "missed"

    world(scenario)


def test_rule_3_counts_from_the_time_it_was_sent_for(world: World) -> None:
    def scenario(db: sqlite3.Connection, execution: str) -> None:
        cue = db.execute("SELECT cue FROM executions WHERE id = ?", (execution,)).fetchone()[0]
        later, _ = cues.fire(db, 1, cue, Fire(send_at=START + 5000), now=START)
        recovery.take_back(db, RULES, now=START + 5900)
        assert _status(db, later["id"]) == "pending"
        recovery.take_back(db, RULES, now=START + 5901)
        assert _status(db, later["id"]) == "missed"

    world(scenario)


def test_a_missed_single_run_ends_its_cue(world: World) -> None:
    def scenario(db: sqlite3.Connection, _: str) -> None:
        schedule = {"type": "once", "at": "2027-01-15T08:00:10Z"}  # START + 10
        cue = _new_cue(db, name="once", schedule=schedule)
        cues.fire_due(db, now=START + 10)
        recovery.take_back(db, RULES, now=START + 1000)
        assert cues.find(db, 1, cue)["status"] == "failed"

    world(scenario)


def test_missed_recurring_runs_fire_once_and_go_on_from_now(world: World) -> None:
    def scenario(db: sqlite3.Connection, _: str) -> None:
        cue = _new_cue(db, name="hourly", schedule={"type": "recurring", "cron": "@hourly"})
        assert len(cues.fire_due(db, now=START + 50 * 3600)) == 1
        assert cues.fire_due(db, now=START + 50 * 3600) == []
        assert cues.find(db, 1, cue)["next_run"] == START + 51 * 3600

    world(scenario)


def test_a_paused_cue_does_not_fire_and_resumes_from_now(world: World) -> None:
    def scenario(db: sqlite3.Connection, _: str) -> None:
        cue = _new_cue(db, name="hourly", schedule={"type": "recurring", "cron": "@hourly"})
        cues.update(db, 1, cue, {"status": "paused"}, now=START)
        assert cues.fire_due(db, now=START + 9000) == []
        cues.update(db, 1, cue, {"status": "active"}, now=START + 9000)
        assert cues.fire_due(db, now=START + 9000) == []
        assert cues.find(db, 1, cue)["next_run"] == START + 3 * 3600

    world(scenario)


def test_a_new_payload_reroutes_open_executions_except_overridden_ones(world: World) -> None:
    def scenario(db: sqlite3.Connection, execution: str) -> None:
        cue = db.execute("SELECT cue FROM executions WHERE id = ?", (execution,)).fetchone()[0]
        cues.fire(db, 1, cue, Fire(override={"task": "own"}), now=START)
        cues.update(db, 1, cue, {"payload": json.dumps({"task": "new"})}, now=START)
        rows = executions.claimable(db, Wanted(1), now=START)
        assert [row["task"] for row in rows] == ["new", "own"]

    world(scenario)
