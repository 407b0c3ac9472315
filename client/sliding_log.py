"""How many requests the server may still be counting, by priority.

A request is counted from its send until a window after its *answer*: the server's stamp lies somewhere
between the two, so for any window of the server, all its requests were counted here when the last of them
was sent. Only the moment at which each request stops counting matters, so the log keeps a number per
quarter of a second (rounded up) instead of a time per request: no capacity to run out of, and a fixed cost.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from .window import Priority

TICK = 0.25
"""Seconds; a request counts up to this much longer than it must (0.4 % of the window)."""
SLOTS = 1024
SPAN = (SLOTS - 1) * TICK
"""Seconds ahead that an expiry can lie."""

_BOOKS = len(Priority)
_CURSOR = 0
_TOTALS = 1
_COUNTS = _TOTALS + _BOOKS
CELLS = _COUNTS + SLOTS * _BOOKS
"""64-bit cells that a log needs."""


class SlidingLog:
    """A timing wheel in `cells`, a memoryview of format "q" that may be shared between processes.

    Cell 0 is the cursor (every expiry up to that tick is forgotten), then a total per priority, then a
    count per tick and priority. Times are CLOCK_MONOTONIC seconds. The caller holds the lock.
    """

    def __init__(self, cells: memoryview[int]) -> None:
        self._cells = cells

    @property
    def used(self) -> list[int]:
        """Requests that count now, indexed by priority."""
        return list(self._cells[_TOTALS:_COUNTS])

    def advance(self, now: float) -> None:
        """Forget what has expired by `now`."""
        cells = self._cells
        tick = int(now / TICK)
        cursor = cells[_CURSOR]
        if tick <= cursor:
            return
        if any(cells[_TOTALS:_COUNTS]):
            for passed in range(cursor + 1, min(tick, cursor + SLOTS) + 1):
                at = _COUNTS + passed % SLOTS * _BOOKS
                for book in range(_BOOKS):
                    count = cells[at + book]
                    if count:
                        cells[at + book] = 0
                        cells[_TOTALS + book] -= count
        cells[_CURSOR] = tick

    def add(self, priority: Priority, until: float) -> int:
        """Count one request until `until`; returns the tick to `remove` it by."""
        cells = self._cells
        cursor = cells[_CURSOR]
        tick = min(max(math.ceil(until / TICK), cursor + 1), cursor + SLOTS - 1)
        cells[_COUNTS + tick % SLOTS * _BOOKS + priority] += 1
        cells[_TOTALS + priority] += 1
        return tick

    def remove(self, priority: Priority, tick: int) -> None:
        """Stop counting a request that `add` put at `tick`; nothing if it has expired meanwhile."""
        cells = self._cells
        at = _COUNTS + tick % SLOTS * _BOOKS + priority
        if tick > cells[_CURSOR] and cells[at]:
            cells[at] -= 1
            cells[_TOTALS + priority] -= 1

    def expiries(self) -> Iterator[tuple[float, list[int]]]:
        """(time, what is used from then on) for each tick at which something expires, in order."""
        cells = self._cells
        left = self.used
        for tick in range(cells[_CURSOR] + 1, cells[_CURSOR] + SLOTS):
            if not any(left):
                return
            at = _COUNTS + tick % SLOTS * _BOOKS
            gone = cells[at : at + _BOOKS]
            if any(gone):
                left = [have - less for have, less in zip(left, gone, strict=True)]
                yield tick * TICK, left

    def recount(self) -> None:
        """Make the totals agree with the counts again, after a process died between two writes."""
        cells = self._cells
        for book in range(_BOOKS):
            cells[_TOTALS + book] = sum(cells[_COUNTS + book :: _BOOKS])
