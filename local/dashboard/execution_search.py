"""Executions as the pages list them: filtered, searched, page by page, quick however many there are.

A status, a cue, a worker and the start of an id have indexes. What has none (task, words) is looked for among the
newest SCANNED executions that the others leave; the page says so. Pages are found by the place where they begin,
not by counting, so that none is slower than the first.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..execution_list import STATUSES, Filter, best_index

PAGE = 50
SCANNED = 20_000

GROUPS: dict[str, tuple[str, ...]] = {
    "open": ("pending", "delivering", "retrying", "retry_ready"),
    "problem": ("failed", "missed", "outcome_timeout"),
}
"""What may stand for several statuses in a filter."""

COLUMNS = (
    "e.seq, e.id, e.cue, c.name AS cue_name, e.task, e.status, e.created_at, e.scheduled_for, e.triggered_by,"
    " e.claimed_by, e.claimed_at, e.outcome_recorded_at, e.outcome_state, e.attempts,"
    " substr(coalesce(e.error_message, json_extract(e.evidence, '$.summary'),"
    " json_extract(e.outcome, '$.result')), 1, 200) AS said"
)
"""Of `executions AS e` and `cues AS c`."""

_NARROW = "seq, id, cue, task, status, created_at, claimed_by, error_message, evidence"
_ID_START = re.compile(r"[0-9a-f-]{8,36}")
_PLACE = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)-(\d{1,18})")
_NEWEST = "created_at DESC, seq DESC"
_OLDEST = "created_at, seq"


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is looked for. Empty texts are no condition."""

    status: str = ""
    cue: str = ""
    task: str = ""
    worker: str = ""
    words: str = ""
    older_than: tuple[float, int] | None = None
    """A place in the list: the page after it, towards the past."""
    newer_than: tuple[float, int] | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> Search:
        """The search in a page's address; what makes no sense there is no condition."""
        status = query.get("status", "")
        return cls(
            status=status if status in STATUSES or status in GROUPS else "",
            cue=query.get("cue", ""),
            task=query.get("task", "").strip(),
            worker=query.get("worker", "").strip(),
            words=query.get("q", "").strip(),
            older_than=_place(query.get("before", "")),
            newer_than=_place(query.get("after", "")),
        )

    def conditions(self) -> dict[str, str]:
        """The search as a page's address says it, without the place."""
        given = {
            "q": self.words,
            "status": self.status,
            "task": self.task,
            "cue": self.cue,
            "worker": self.worker,
        }
        return {name: value for name, value in given.items() if value}

    @property
    def scans(self) -> bool:
        """Whether it can see only the newest SCANNED executions."""
        return bool(self.task or self.words)


@dataclass(frozen=True)
class Page:
    """A page of executions, newest first."""

    rows: list[sqlite3.Row]
    newer: str | None
    """The place before its first row, when there are newer ones."""
    older: str | None


def find(db: sqlite3.Connection, account: int, search: Search, *, size: int = PAGE) -> Page:
    """The page that the search leads to."""
    if _ID_START.fullmatch(search.words.lower()):
        rows = _by_id(db, account, search.words.lower(), size)
        if rows:
            return Page(rows, None, None)
    backwards = search.newer_than is not None
    rows = _rows(db, account, search, size + 1)
    more = len(rows) > size
    rows = rows[:size]
    if backwards:
        rows.reverse()
    has_newer, has_older = (more, True) if backwards else (search.older_than is not None, more)
    return Page(
        rows,
        _place_of(rows[0]) if rows and has_newer else None,
        _place_of(rows[-1]) if rows and has_older else None,
    )


def newest_of_cue(db: sqlite3.Connection, account: int, cue: str, *, size: int) -> list[sqlite3.Row]:
    """The newest executions of a cue."""
    return find(db, account, Search(cue=cue), size=size).rows


def _rows(db: sqlite3.Connection, account: int, search: Search, most: int) -> list[sqlite3.Row]:
    order = _OLDEST if search.newer_than is not None else _NEWEST
    values: dict[str, Any] = {
        "account": account,
        "cue": search.cue,
        "worker": search.worker,
        "scanned": SCANNED if search.scans else most,
        "most": most,
    }
    # The newest of each status, merged: each walks an index, where one query for several statuses would sort.
    walks = []
    for number, status in enumerate(GROUPS.get(search.status, (search.status or None,))):
        values[f"status_{number}"] = status
        index = best_index(db, account, _filter(search, status))
        where = _where(search, f"status_{number}" if status else None, values)
        walks.append(
            f"SELECT * FROM (SELECT {_NARROW} FROM executions INDEXED BY {index} WHERE {where}"  # noqa: S608
            f" ORDER BY {order} LIMIT :scanned)"
        )
    outer, more = _scanned(search)
    found = (
        f"SELECT f.seq FROM ({' UNION ALL '.join(walks)}) AS f JOIN cues AS c ON c.id = f.cue WHERE {outer}"  # noqa: S608
        f" ORDER BY {_of('f', order)} LIMIT :most"
    )
    return db.execute(
        f"SELECT {COLUMNS} FROM executions AS e CROSS JOIN cues AS c ON c.id = e.cue"  # noqa: S608
        f" WHERE e.seq IN ({found}) ORDER BY {_of('e', order)}",
        values | more,
    ).fetchall()


def _filter(search: Search, status: str | None) -> Filter:
    return Filter(
        cue_id=search.cue or None, worker_id=search.worker or None, statuses=(status,) if status else ()
    )


def _where(search: Search, status: str | None, values: dict[str, Any]) -> str:
    where = "account = :account"
    if search.cue:
        where += " AND cue = :cue"
    if search.worker:
        where += " AND claimed_by = :worker"
    if status is not None:
        where += f" AND status = :{status}"
    for place, sign in ((search.older_than, "<"), (search.newer_than, ">")):
        if place is not None:
            where += f" AND created_at {sign}= :at AND (created_at, seq) {sign} (:at, :seq)"
            values |= {"at": place[0], "seq": place[1]}
    return where


def _of(table: str, order: str) -> str:
    return ", ".join(f"{table}.{column}" for column in order.split(", "))


def _scanned(search: Search) -> tuple[str, dict[str, Any]]:
    where = "1"
    if search.task:
        where += " AND f.task = :task"
    if search.words:
        texts = ("f.id", "f.task", "c.name", "f.claimed_by", "f.error_message", "f.evidence")
        where += f" AND ({' OR '.join(f'instr(lower({text}), :words)' for text in texts)})"
    return where, {"task": search.task, "words": search.words.lower()}


def _by_id(db: sqlite3.Connection, account: int, start: str, most: int) -> list[sqlite3.Row]:
    return db.execute(
        f"SELECT {COLUMNS} FROM executions AS e CROSS JOIN cues AS c ON c.id = e.cue"  # noqa: S608
        # The plus keeps the planner from walking the account instead of the ids.
        " WHERE e.id >= ? AND e.id < ? AND +e.account = ? ORDER BY e.id LIMIT ?",
        (start, start + "~", account, most),
    ).fetchall()


def _place(text: str) -> tuple[float, int] | None:
    match = _PLACE.fullmatch(text)
    return (float(match[1]), int(match[2])) if match else None


def _place_of(row: sqlite3.Row) -> str:
    return f"{row['created_at']!r}-{row['seq']}"
