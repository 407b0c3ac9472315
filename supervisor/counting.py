"""What the supervisor counts in its row of the tally."""

from __future__ import annotations

from ..pool.board import STEWARD as STEWARDS_CELL
from ..pool.counted import EXECUTIONS, FAILURE, RESTARTS, STEWARD, SUCCESS, WORKER
from ..pool.spool import SpoolEntry
from ..pool.tally import Row
from .slot_process import SlotProcess


def count_restart(counts: Row, slot: SlotProcess) -> None:
    """A process is gone and another takes its place."""
    process = STEWARD if slot.cell == STEWARDS_CELL else WORKER
    counts.add(RESTARTS, process, slot.replaced_for or slot.last_exit.name.lower())


def count_lost(counts: Row, entry: SpoolEntry) -> None:
    """An execution has ended with its worker."""
    counts.add(EXECUTIONS, entry.ending, SUCCESS if entry.report.success else FAILURE, task=entry.task)
