"""What the steward knows of the pool's condition, for `/healthz`, `/readyz` and the metrics."""

from __future__ import annotations

import os
from collections.abc import Callable

from ..client import CueAPIError
from .board import SlotState
from .clock import boottime
from .contact import Contact
from .readiness import Condition, Disk
from .shared import Shared


class Vitals:
    """Filled by the steward's threads, read by those that serve metrics. Each field is replaced whole."""

    def __init__(self, shared: Shared, spool_stuck_since: Callable[[], float | None]) -> None:
        self._shared = shared
        self._spool_stuck_since = spool_stuck_since
        self._contact = Contact()
        """Replaced by every thread that calls the server. Of two at once one is lost; the next call mends that."""
        self._worker_seen: float | None = None
        self._listing_failed_since: float | None = None

    def answered(self, error: CueAPIError | None) -> None:
        """A call of the steward has ended."""
        self._contact = self._contact.after(error, boottime())

    def listed(self, is_good: bool, now: float) -> None:
        """A listing has ended. By the main thread."""
        if is_good:
            self._listing_failed_since = None
        elif self._listing_failed_since is None:
            self._listing_failed_since = now

    def look(self, now: float) -> None:
        """See whether a worker is up. By the main thread, at each turn of its loop."""
        board = self._shared.board
        if any(board.state(slot) in (SlotState.IDLE, SlotState.BUSY) for slot in range(board.slots)):
            self._worker_seen = now

    def slot_states(self) -> list[SlotState]:
        """What each slot is at."""
        board = self._shared.board
        return [board.state(slot) for slot in range(board.slots)]

    def condition(self) -> Condition:
        """What is known now."""
        pulse = self._shared.pulse
        return Condition(
            last_beat=pulse.last_beat,
            draining=pulse.draining,
            paused=self._shared.board.paused,
            worker_seen=self._worker_seen,
            contact=self._contact,
            listing_failed_since=self._listing_failed_since,
            spool_stuck_since=self._spool_stuck_since(),
            disk=_disk(str(self._shared.state_dir.root)),
        )


def _disk(path: str) -> Disk | None:
    try:
        found = os.statvfs(path)
    except OSError:
        return None
    return Disk(
        free_bytes=found.f_bavail * found.f_frsize,
        free_files=found.f_favail if found.f_files else None,
        read_only=bool(found.f_flag & os.ST_RDONLY),
    )
