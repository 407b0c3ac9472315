"""Telling what became of a report: one event and one line of history, whoever carried it."""

from __future__ import annotations

from . import history
from .delivery import Fate
from .events import emit
from .spool import SpoolEntry
from .state_dir import StateDir

_EVENTS = {
    Fate.RECORDED: "report.recorded",
    Fate.SETTLED: "report.settled",
    Fate.GONE: "report.gone",
    Fate.NOT_OURS: "report.not_ours",
}


def record_fate(state_dir: StateDir, entry: SpoolEntry, fate: Fate, **durations: float) -> None:
    """Log and keep a final fate. `durations` are seconds: how long the execution took, or its report waited."""
    emit(_EVENTS[fate], task=entry.task, execution_id=entry.execution_id)
    history.record(
        state_dir.history,
        execution_id=entry.execution_id,
        task=entry.task,
        ending=entry.ending,
        success=entry.report.success,
        fate=fate.value,
        **{name: round(seconds, 3) for name, seconds in durations.items()},
        **({} if entry.report.error is None else {"error": entry.report.error}),
    )
