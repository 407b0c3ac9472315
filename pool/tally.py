"""The pool's counters, in memory that all of its processes share: nothing is lost when one of them dies.

Every process of the pool has one row, and each cell of it is written by one thread alone: an aligned 8-byte store, no
lock. A row belongs to the slot, not to its process: the next worker of the slot goes on from its numbers. Metrics add
the rows up.

A task has numbers of its own, in the block of its place. Places are given out in order, at the start and at each
reload, and kept as long as the pool runs, so that no counter ever goes back or changes its task; tasks beyond
`MAX_TASKS` share the first place, `OTHER`. An upgrade in place goes on with the memory and the places, as long as both
programs count the same.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable, Sequence

from .board import MAX_WORKERS, STEWARD
from .counted import BOUNDS, FAMILIES, Counter, Family, Histogram

SUPERVISOR = STEWARD + 1
"""The supervisor's row, behind the steward's; workers' rows have their slots' numbers."""

MAX_TASKS = 64
OTHER = "_other"


def _offsets(by_task: bool) -> tuple[dict[Family, int], int]:
    offsets, end = {}, 0
    for family in FAMILIES:
        if family.by_task is by_task:
            offsets[family] = end
            end += family.cells
    return offsets, end


_OFFSET_OF_POOL, _POOL_CELLS = _offsets(by_task=False)
_OFFSET_IN_TASK, _TASK_CELLS = _offsets(by_task=True)
_OFFSET = _OFFSET_OF_POOL | {family: _POOL_CELLS + offset for family, offset in _OFFSET_IN_TASK.items()}
"""Where a family's cells begin in a row; for those by task, in the row's first block."""
_ROW = _POOL_CELLS + (1 + MAX_TASKS) * _TASK_CELLS
_ROWS = SUPERVISOR + 1
_SLOTS = _ROWS * _ROW
_SIZE = (_SLOTS + 1) * 8

LAYOUT = "; ".join(
    [
        f"{_ROWS} x {1 + MAX_TASKS}, {BOUNDS}",
        *(f"{family.name} {getattr(family, 'combinations', '')}" for family in FAMILIES),
    ]
)
"""What must be the same for another program to go on with a tally's memory."""


class Tally:
    """All rows. Made by the supervisor before it forks; untouched pages cost nothing."""

    def __init__(
        self, tasks: Iterable[str] = (), memory: int | None = None, placed: Sequence[str] = (OTHER,)
    ) -> None:
        """A tally on the file that the descriptor `memory` opens, which `make_memory` made, or on memory of its own.

        `placed` are the tasks that have a place there already, in its order.
        """
        self._memory = mmap.mmap(-1 if memory is None else memory, _SIZE)
        self._cells = memoryview(self._memory).cast("Q")
        self._places = {task: place for place, task in enumerate(placed)}
        self.know(tasks)

    @staticmethod
    def make_memory() -> int | None:
        """A descriptor of memory that outlives an exec of this process, for a tally; None where there is no such."""
        if not hasattr(os, "memfd_create"):
            return None
        descriptor = os.memfd_create("cueworker-tally", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, _SIZE)
        return descriptor

    # Written by the supervisor.

    def know(self, tasks: Iterable[str]) -> None:
        """Give a place to each task that has none. Processes that are forked from now on know it."""
        for task in sorted(tasks):
            if len(self._places) <= MAX_TASKS:
                self._places.setdefault(task, len(self._places))

    def resize(self, slots: int) -> None:
        """Count the rows of that many slots; those of a larger pool before stay counted."""
        self._cells[_SLOTS] = max(slots, self._cells[_SLOTS])

    # Read by anybody.

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that have a place, in its order."""
        return tuple(self._places)

    def row(self, cell: int) -> Row:
        """The row of a slot, of the steward (`STEWARD`) or of the supervisor (`SUPERVISOR`)."""
        return Row(self._cells[cell * _ROW : (cell + 1) * _ROW], self._places)

    def totals(self) -> Totals:
        """All rows added up, as they are now."""
        size = _POOL_CELLS + len(self._places) * _TASK_CELLS
        slots = self._cells[_SLOTS]
        rows = [
            self._cells[row * _ROW : row * _ROW + size].tolist()
            for row in (*range(min(slots, MAX_WORKERS)), STEWARD, SUPERVISOR)
        ]
        return Totals(list(map(sum, zip(*rows, strict=True))), self.tasks)


class Row:
    """One process's counters. It alone writes them; different threads write different cells."""

    def __init__(self, cells: memoryview[int], places: dict[str, int]) -> None:
        self._cells = cells
        self._places = places

    def add(self, counter: Counter, *values: str, task: str | None = None) -> None:
        """Count one. `values` are its labels' values in order; KeyError for a combination that does not exist."""
        self._cells[self._begin(counter, task) + counter.place(values)] += 1

    def observe(self, histogram: Histogram, seconds: float, task: str) -> None:
        """Count a duration; one below zero (clocks that differ) is zero."""
        seconds = max(0.0, seconds)
        begin = self._begin(histogram, task)
        self._cells[begin + histogram.cells - 1] += round(seconds * 1e6)
        self._cells[begin + histogram.bucket(seconds)] += 1

    def _begin(self, family: Family, task: str | None) -> int:
        offset = _OFFSET[family]
        return offset if task is None else offset + self._places.get(task, 0) * _TASK_CELLS


class Totals:
    """The numbers of a whole pool."""

    def __init__(self, cells: Sequence[int], tasks: tuple[str, ...]) -> None:
        self._cells = cells
        self.tasks = tasks

    def cells(self, family: Family, task: str | None = None) -> Sequence[int]:
        """A family's cells: in the order of its combinations, or the buckets and then the sum in microseconds."""
        begin = _OFFSET[family]
        if task is not None:
            begin += self.tasks.index(task) * _TASK_CELLS
        return self._cells[begin : begin + family.cells]
