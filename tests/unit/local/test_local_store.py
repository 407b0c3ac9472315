"""The database: group commit, atomic writes, index walks, versions."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from pathlib import Path

import pytest
from cueworker.local import executions
from cueworker.local.schema import OPEN, UnknownSchema
from cueworker.local.store import Store
from cueworker.local.waiters import Wanted


def _emails(path: Path) -> list[str]:
    """What another connection sees, which is what is committed."""
    with sqlite3.connect(path) as db:
        return [row[0] for row in db.execute("SELECT email FROM accounts ORDER BY id")]


def _add(db: sqlite3.Connection, email: str) -> None:
    db.execute("INSERT INTO accounts (email, created_at) VALUES (?, 0)", (email,))


def test_writes_of_one_turn_share_a_commit_and_answers_wait_for_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = Store(tmp_path / "db")
        commits: list[str] = []
        store.db.set_trace_callback(lambda sql: commits.append(sql) if sql == "COMMIT" else None)

        async def request(number: int) -> list[str]:
            with store.writing() as db:
                _add(db, f"{number}")
            assert _emails(tmp_path / "db") == []
            await store.settled()
            return _emails(tmp_path / "db")

        seen = await asyncio.gather(*(request(n) for n in range(5)))
        assert seen == [["0", "1", "2", "3", "4"]] * 5
        assert commits == ["COMMIT"]
        await store.settled()  # nothing is open: returns at once
        store.close()

    asyncio.run(scenario())


def test_a_failed_write_takes_back_itself_and_not_its_neighbours(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = Store(tmp_path / "db")
        with store.writing() as db:
            _add(db, "kept")
        with pytest.raises(ValueError, match="half way"), store.writing() as db:
            _add(db, "lost")
            raise ValueError("half way")
        with store.writing() as db:
            _add(db, "kept too")
        await store.settled()
        assert _emails(tmp_path / "db") == ["kept", "kept too"]
        store.close()

    asyncio.run(scenario())


def test_a_commit_that_fails_fails_every_answer_and_leaves_nothing(tmp_path: Path) -> None:
    async def scenario() -> None:
        store = Store(tmp_path / "db")
        store.db.execute("PRAGMA defer_foreign_keys = OFF")

        async def request() -> None:
            with store.writing() as db:
                db.execute("PRAGMA defer_foreign_keys = ON")  # the violation shows at the commit only
                db.execute("INSERT INTO keys (hash, account, created_at) VALUES ('hash', 999, 0)")
            await store.settled()

        results = await asyncio.gather(request(), asyncio.sleep(0), return_exceptions=True)
        assert isinstance(results[0], sqlite3.IntegrityError)
        with store.writing() as db:
            _add(db, "afterwards")
        await store.settled()
        assert _emails(tmp_path / "db") == ["afterwards"]
        store.close()

    asyncio.run(scenario())


def test_the_database_is_private_and_a_newer_one_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "db"
    store = Store(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    store.db.execute("PRAGMA user_version = 99")
    store.close()
    with pytest.raises(UnknownSchema, match="99"):
        Store(path)


@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Wanted(1), "executions_open (account=? AND scheduled_for<?)"),
        (Wanted(1, agent="a"), "executions_open (account=? AND scheduled_for<?)"),
        (Wanted(1, task="t"), "executions_open_task (account=? AND task=? AND scheduled_for<?)"),
    ],
)
def test_a_listing_walks_an_index_of_open_executions_without_sorting(
    tmp_path: Path, wanted: Wanted, index: str
) -> None:
    store = Store(tmp_path / "db")
    statements: list[str] = []
    store.db.set_trace_callback(statements.append)
    executions.claimable(store.db, wanted, now=1.0)
    store.db.set_trace_callback(None)
    plan = [row["detail"] for row in store.db.execute(f"EXPLAIN QUERY PLAN {statements[-1]}")]
    assert plan[0] == f"SEARCH e USING INDEX {index}"
    assert not any("TEMP B-TREE" in step for step in plan)
    store.close()


def test_claim_next_walks_the_index_of_open_executions(tmp_path: Path) -> None:
    store = Store(tmp_path / "db")
    plan = store.db.execute(
        f"EXPLAIN QUERY PLAN SELECT seq FROM executions WHERE account = 1 AND scheduled_for <= 2 AND {OPEN}"
        " ORDER BY scheduled_for, seq LIMIT 1"
    ).fetchall()
    assert "executions_open" in plan[0]["detail"]
    assert len(plan) == 1
    store.close()
