"""Telling what became of a report: one event and one line of history, whoever carried it."""

from __future__ import annotations

from . import history
from .delivery import Fate
from .events import emit
from .history_line import history_line
from .spool import SpoolEntry
from .state_dir import StateDir

_EVENTS = {
    Fate.RECORDED: "report.recorded",
    Fate.SETTLED: "report.settled",
    Fate.GONE: "report.gone",
    Fate.NOT_OURS: "report.not_ours",
}


def record_fate(state_dir: StateDir, entry: SpoolEntry, fate: Fate, waited: float | None = None) -> None:
    """Log and keep a final fate. `waited` are the seconds that its report spent in the spool, if it did."""
    emit(_EVENTS[fate], task=entry.task, execution_id=entry.execution_id)
    history.record(state_dir.history, **history_line(entry, fate.value, waited))
