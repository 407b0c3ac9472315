"""The pool's tally as the supervisor has it: made, handed over to another program, and what it counts itself."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ..pool.board import STEWARD as STEWARDS_CELL
from ..pool.counted import EXECUTIONS, FAILURE, RESTARTS, STEWARD, SUCCESS, WORKER
from ..pool.shared import Shared
from ..pool.spool import SpoolEntry
from ..pool.tally import LAYOUT, Row, Tally
from .handover import Counters
from .slot_process import SlotProcess


def tally_for(tasks: Iterable[str], left: Counters | None) -> tuple[Tally, int | None]:
    """The pool's tally and its memory's descriptor: the earlier program's, if that counted the same, or a new one."""
    if left is not None:
        if left.layout == LAYOUT:
            return Tally(tasks, left.memory, left.tasks), left.memory
        os.close(left.memory)
    memory = Tally.make_memory()
    return Tally(tasks, memory), memory


def counters_of(shared: Shared) -> Counters | None:
    """What a program that takes this one's place needs to go on counting."""
    if shared.tally_memory is None:
        return None
    return Counters(shared.tally_memory, LAYOUT, shared.tally.tasks)


def count_restart(counts: Row, slot: SlotProcess) -> None:
    """A process is gone and another takes its place."""
    process = STEWARD if slot.cell == STEWARDS_CELL else WORKER
    counts.add(RESTARTS, process, slot.replaced_for or slot.last_exit.name.lower())


def count_lost(counts: Row, entry: SpoolEntry) -> None:
    """An execution has ended with its worker."""
    counts.add(EXECUTIONS, entry.ending, SUCCESS if entry.report.success else FAILURE, task=entry.task)
