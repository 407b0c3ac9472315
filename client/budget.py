"""The pool's request budget: one for all processes, in shared memory (promise 5).

The supervisor creates it and forks; every process that talks to the server (steward, workers and their
heartbeat threads) reads and writes all of it, under one lock. Nobody sleeps in here: a request that does
not fit raises `BudgetExhausted`, and its caller decides what to do until then.

Layout of the anonymous shared mapping, native byte order, 8-byte fields:

    0   Knowledge: limit, bare_answers, foreign (int64), foreign_since (double), refusals (int64), refused_at,
        blocked_until (double)
    56  dirty: 1 while a process is inside; found at 1 on entry, its last holder died there
    64  the sliding log's cells
"""

from __future__ import annotations

import mmap
import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from .errors import BudgetExhausted
from .lessons import learn
from .process_lock import ProcessLock
from .sliding_log import CELLS, SlidingLog
from .window import HELD, PROBE_INTERVAL, Knowledge, Priority, room, wait_for

_KNOWLEDGE = struct.Struct("=qqqdqdd")
_DIRTY = _KNOWLEDGE.size // 8
_LOG = _DIRTY + 1
_SIZE = (_LOG + CELLS) * 8

LOCK_TIMEOUT = 0.1
"""Seconds to wait for the lock, which is normally held for microseconds."""
DEFAULT_PATIENCE = 40.0
"""Seconds a caller waits for its answer at most: the client's connect and read timeouts."""


class Reservation(NamedTuple):
    """Leave to send one request; give it back with `Budget.settle` or `Budget.release`."""

    priority: Priority
    sent_at: float
    tick: int
    """Where the log counts it; -1: it is not counted."""


@dataclass(frozen=True, slots=True)
class Spare:
    """What the budget looks like now, for spacing polls and for metrics."""

    limit: int | None
    """Requests in any 60 s; None: unknown or unlimited."""
    used: int
    """Requests of this pool that the server may still be counting."""
    free: int | None
    """Requests that listing may send now; None: as many as it likes."""
    blocked_for: float
    """Seconds for which nothing is sent after a 429."""


class Budget:
    """The request budget. Make it with `create` before forking; times are CLOCK_MONOTONIC seconds."""

    def __init__(self, memory: mmap.mmap, lock: ProcessLock) -> None:
        self._memory = memory
        self._lock = lock
        self._cells = memoryview(memory).cast("q")
        self._log = SlidingLog(self._cells[_LOG:])

    @classmethod
    def create(cls, lock_path: Path) -> Budget:
        """A budget that knows nothing yet; `lock_path` is a file in the state directory."""
        return cls(mmap.mmap(-1, _SIZE), ProcessLock(lock_path))

    def reserve(self, priority: Priority, now: float, *, patience: float = DEFAULT_PATIENCE) -> Reservation:
        """Leave to send one request now. Never sleeps.

        `patience` is the longest the caller will wait for the answer, in seconds: a request that is never
        settled (its process died) counts until `now` + 60 s + `patience`. Raises BudgetExhausted.
        """
        if not self._enter():
            return _uncounted(priority, now)
        try:
            self._log.advance(now)
            known = self._known
            wait = wait_for(priority, known, self._log.used, self._log.expiries, now)
            if wait > 0:
                raise BudgetExhausted(wait)
            if known.refusals:
                self._known = known._replace(blocked_until=now + PROBE_INTERVAL)
            tick = self._log.add(priority, now + HELD + patience)
        finally:
            self._leave()
        return Reservation(priority, now, tick)

    def settle(
        self,
        reservation: Reservation,
        *,
        now: float,
        epoch_now: float,
        status: int | None,
        headers: Mapping[str, str],
    ) -> None:
        """Book the answer and learn from its headers (case-insensitive); status None: the answer was lost.

        A lost one stays counted as if it had used all its patience. A 429 does not count (PROTOCOL).
        """
        if status is None or not self._enter():
            return
        try:
            self._log.advance(now)
            self._book(reservation, now, status)
            self._known = learn(
                self._known,
                status=status,
                headers=headers,
                sent_at=reservation.sent_at,
                used=sum(self._log.used),
                now=now,
                epoch_now=epoch_now,
                jitter=random.random(),  # noqa: S311 - spreads retries, guards nothing
            )
        finally:
            self._leave()

    def release(self, reservation: Reservation, now: float) -> None:
        """Give back a reservation whose request was never sent (the server was unreachable)."""
        if reservation.tick < 0 or not self._enter():
            return
        try:
            self._log.advance(now)
            self._log.remove(reservation.priority, reservation.tick)
        finally:
            self._leave()

    def spare(self, now: float) -> Spare:
        """What is left now. When the lock is stuck, the last figures without forgetting what has expired."""
        entered = self._enter()
        try:
            if entered:
                self._log.advance(now)
            known, used = self._known, self._log.used
        finally:
            if entered:
                self._leave()
        blocked_for = max(0.0, known.blocked_until - now) if known.refusals else 0.0
        if not known.limit:
            return Spare(None, sum(used), None, blocked_for)
        free = room(Priority.LISTING, limit=known.limit, foreign=known.foreign_at(now), used=used)
        return Spare(known.limit, sum(used), 0 if known.refusals else free, blocked_for)

    def close(self) -> None:
        """Close this process's lock file, when its last call is over; the other processes go on."""
        self._lock.close()

    def _book(self, reservation: Reservation, now: float, status: int) -> None:
        if reservation.tick < 0:
            return
        if status != 429:
            # A claim that was refused owes no outcome: it is booked as if it had been a heartbeat.
            claimed_nothing = reservation.priority is Priority.CLAIM and status >= 300
            self._log.add(Priority.LEASE if claimed_nothing else reservation.priority, now + HELD)
        # Added before it is removed: a death in between counts it twice for a while, never not at all.
        self._log.remove(reservation.priority, reservation.tick)

    @property
    def _known(self) -> Knowledge:
        return Knowledge._make(_KNOWLEDGE.unpack_from(self._memory))

    @_known.setter
    def _known(self, known: Knowledge) -> None:
        _KNOWLEDGE.pack_into(self._memory, 0, *known)

    def _enter(self) -> bool:
        if not self._lock.acquire(LOCK_TIMEOUT):
            return False
        if self._cells[_DIRTY]:
            self._log.recount()
        self._cells[_DIRTY] = 1
        return True

    def _leave(self) -> None:
        self._cells[_DIRTY] = 0
        self._lock.release()


def _uncounted(priority: Priority, now: float) -> Reservation:
    """What to do when the lock is stuck, because the process that holds it is stopped (SIGSTOP).

    Leases and outcomes of the whole pool must not wait for it; the rest does.
    """
    if priority > Priority.LEASE:
        raise BudgetExhausted(1.0)
    return Reservation(priority, now, -1)
