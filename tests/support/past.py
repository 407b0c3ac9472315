"""Executions that are over: their reports in a spool or in the history."""

from __future__ import annotations

import time
from typing import Any

from cueworker.outcome import Ending, OutcomeFile, fit, resolve
from cueworker.pool import StateDir, history
from cueworker.pool.history_line import history_line
from cueworker.pool.spool import Ownership, SpoolEntry


def entry(execution_id: str, task: str = "report", code: int = 0, **changes: Any) -> SpoolEntry:
    """A report as a worker would have spooled it; `code` is the handler's exit code."""
    report = fit(resolve(Ending.exited(code), OutcomeFile({}, present=False), f"said by {execution_id}\n"))
    facts: dict[str, Any] = {
        "execution_id": execution_id,
        "task": task,
        "ending": "exited",
        "ownership": Ownership.OURS,
        "report": report,
        "created": time.time(),
        "about": {"slot": 1, "seconds": 2.5, "queued": 0.25},
    }
    return SpoolEntry(**{**facts, **changes})


def settle(state_dir: StateDir, *entries: SpoolEntry, age: float = 0.0, fate: str = "recorded") -> None:
    """Write them into the history as if `age` seconds ago."""
    for each in entries:
        history.record(state_dir.history, **{**history_line(each, fate), "time": time.time() - age})
