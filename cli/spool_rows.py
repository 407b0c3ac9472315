"""The entries of a spool as facts and as lines of text."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ..pool.slot_record import SlotRecords
from ..pool.spool import Spool
from ..pool.spool_notes import SpoolNotes
from ..pool.state_dir import StateDir
from .history_query import first_line, number, seconds

Facts = Mapping[str, Any]


def entry_facts(
    state_dir: StateDir, execution_id: str, owned: Collection[str] | None = None
) -> dict[str, Any] | None:
    """What is known of one entry; None if there is none. Raises OSError if the spool cannot be read.

    `owned` are the executions whose workers live, looked up if they are not given.
    """
    path = state_dir.spool_entry(execution_id)
    try:
        entry = Spool.read(path)
    except ValueError as error:
        return {"execution_id": path.stem, "unreadable": str(error)}
    if entry is None:
        return None
    tried = SpoolNotes(state_dir).tried(execution_id)
    if owned is None:
        owned = SlotRecords(state_dir).owned_by_living_workers()
    return {
        "execution_id": entry.execution_id,
        "task": entry.task,
        "ending": entry.ending,
        "success": entry.report.success,
        "created": entry.created,
        "ownership": entry.ownership.value,
        "attempts": 0 if tried is None else tried.attempts,
        "tried_at": None if tried is None else tried.at,
        "refusal": None if tried is None else tried.reason,
        "next_at": None if tried is None else tried.next_at,
        "held_by_worker": entry.execution_id in owned,
        "report": entry.report.body(),
        "unreadable": None,
    }


def all_entries(state_dir: StateDir) -> list[dict[str, Any]]:
    """Every entry, the oldest first. Raises OSError if the spool cannot be read."""
    owned = SlotRecords(state_dir).owned_by_living_workers()
    entries = (entry_facts(state_dir, path.stem, owned) for path in Spool(state_dir).paths())
    found = [facts for facts in entries if facts is not None]
    aside = state_dir.spool.glob("*.unreadable")
    found += [{"execution_id": path.stem, "unreadable": f"set aside as {path.name}"} for path in aside]
    return sorted(found, key=lambda facts: number(facts.get("created")))


def rows(entries: Iterable[Facts], now: float, *, pool_runs: bool) -> Iterator[str]:
    """Lines for people. `now` in epoch seconds."""
    yield f"{'EXECUTION':<36} {'TASK':<20} {'OUTCOME':<16} {'AGE':>8} {'TRIES':>5} {'NEXT TRY':>9}  LAST REFUSAL"
    for facts in entries:
        if facts["unreadable"]:
            yield f"{facts['execution_id']:<36} unreadable: {first_line(facts['unreadable'])}"
            continue
        outcome = "success" if facts["success"] else str(facts["ending"]).replace("_", " ")
        yield (
            f"{facts['execution_id']:<36} {facts['task']:<20.20} {outcome:<16} "
            f"{seconds(now - facts['created']):>8} {facts['attempts'] or '-':>5} "
            f"{_next(facts, now, pool_runs):>9}  {first_line(facts['refusal'])}"
        ).rstrip()


def _next(facts: Facts, now: float, pool_runs: bool) -> str:
    if not pool_runs:
        return "no pool"
    if facts["held_by_worker"]:
        return "worker's"
    due = facts["next_at"]
    return "now" if due is None or due <= now else f"in {seconds(due - now)}"
