"""Listed rows that may be offered, and offers that are out. Pure but for its own bookkeeping.

The gates of an offer: a handler exists, no slot and no spool entry has the execution, it does not rest after a refused
claim, and it was not offered within `OFFER_TTL`.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field
from typing import Any

from .board import fingerprint
from .listing import Resting
from .offers import OFFER_TTL, Offer

_LONGEST_TIME = 64
"""Characters of a time that go along: an offer is one datagram."""


@dataclass(frozen=True)
class _Candidate:
    row: Mapping[str, Any]
    listed_at: float


@dataclass
class Candidates:
    """The steward's queue. Times are `boottime()` seconds."""

    tasks: Container[str]
    has_report: Callable[[str], bool]
    """Whether a report of that execution waits in the spool."""
    resting: Resting = field(default_factory=Resting)
    _queue: deque[_Candidate] = field(default_factory=deque)
    _offered: dict[str, tuple[_Candidate, float]] = field(default_factory=dict)
    _unread: set[str] = field(default_factory=set)

    def listed(self, rows: list[dict[str, Any]], held: set[int], now: float) -> int:
        """Take in a listing; returns how many of its rows can be offered."""
        self._queue.clear()
        # A server may list a row twice; an offer made twice would be dropped by both its readers.
        for row in {row["execution_id"]: row for row in rows}.values():
            if self._admits(row, held, now):
                self._queue.append(_Candidate(row, now))
        return len(self._queue)

    def _admits(self, row: Mapping[str, Any], held: set[int], now: float) -> bool:
        execution_id = row["execution_id"]
        task = row.get("task")
        return (
            isinstance(task, str)
            and task in self.tasks
            and execution_id not in self._offered
            and fingerprint(execution_id) not in held
            and not self.resting.rests(execution_id, now)
            and not self.has_report(execution_id)
        )

    def offer_next(self, send: Callable[[Offer], bool], now: float) -> bool:
        """Offer the oldest row that is still fresh; False if there is none, or `send` could not."""
        while self._queue:
            candidate = self._queue.popleft()
            if now > candidate.listed_at + OFFER_TTL:
                continue
            offer = _offer(candidate.row, now)
            if not send(offer):
                self._queue.appendleft(candidate)
                return False
            self._offered[offer.execution_id] = (candidate, now)
            self._unread.add(offer.execution_id)
            return True
        return False

    def given_back(self, execution_id: str) -> None:
        """A worker could not even ask for an offer: it may be made again without another listing."""
        self._unread.discard(execution_id)
        candidate, _ = self._offered.pop(execution_id, (None, 0.0))
        if candidate is not None:
            self._queue.appendleft(candidate)

    def finished(self, execution_id: str) -> None:
        """A worker is done with an offer, whatever came of it."""
        self._unread.discard(execution_id)

    def lost(self, execution: int) -> None:
        """A worker has died with an offer, of which only the fingerprint is known."""
        self._unread = {key for key in self._unread if fingerprint(key) != execution}

    def out(self, held: set[int], now: float) -> int:
        """How many offers no worker has read yet, as far as the board tells."""
        self._offered = {key: entry for key, entry in self._offered.items() if now <= entry[1] + OFFER_TTL}
        self._unread = {key for key in self._unread if key in self._offered and fingerprint(key) not in held}
        return len(self._unread)


def _offer(row: Mapping[str, Any], now: float) -> Offer:
    return Offer(
        execution_id=row["execution_id"],
        cue_id=str(row.get("cue_id") or ""),
        cue_name=str(row.get("cue_name") or ""),
        task=row["task"],
        offered_at=now,
        payload=json.dumps(row.get("payload") or {}).encode(),
        scheduled_for=str(row.get("scheduled_for") or "")[:_LONGEST_TIME],
    )
