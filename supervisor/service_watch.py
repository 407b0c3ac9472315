"""What the service manager is told, and when: readiness, state in words, reload, stop, the watchdog's sign of life.

The sign of life comes from the supervisor's loop alone, so a loop that does not turn gives none. It is withheld for
what a restart of the service may mend, and never because a server cannot be reached: that would end every handler for
nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from .notify import Notifier

WEDGED_AFTER = 30.0
"""Seconds that a killed process may take to disappear, and its execution to be settled; both take milliseconds."""

STATUS_EVERY = 5.0
LOOK_FOR_READY_EVERY = 0.05
STOP_MARGIN = 10.0
"""Seconds beyond a shutdown stage's own end within which the next stage says how long it takes."""


@dataclass(frozen=True)
class View:
    """The pool as one turn of the loop sees it. Times are `boottime()` seconds."""

    busy: int
    idle: int
    steward_works: bool
    ending_since: Sequence[float]
    """For each worker slot: since when its process is being destroyed or settled; `math.inf` for a sound one."""
    steward_ending_since: float

    @property
    def is_ready(self) -> bool:
        """Whether work can be done. A server need not be reachable for that."""
        return self.steward_works and self.busy + self.idle > 0


def is_wedged(view: View, now: float) -> bool:
    """Whether the pool can do nothing any more, and not for want of a server.

    One stuck slot is no reason: the restart would end what the other slots run. All of them are, and so is the steward,
    without which nothing is offered.
    """
    limit = now - WEDGED_AFTER
    slots = view.ending_since
    return view.steward_ending_since <= limit or (bool(slots) and all(since <= limit for since in slots))


class ServiceWatch:
    """The supervisor's side of the service manager. `waiting` counts the reports in the spool."""

    def __init__(self, notifier: Notifier, pid: int, waiting: Callable[[], int]) -> None:
        self._notifier = notifier
        self._pid = pid
        self._waiting = waiting
        self._is_ready = False
        self._status = ""
        self._status_at = -math.inf
        self._alive_at = -math.inf

    @property
    def environment(self) -> Mapping[str, str]:
        """What the next program in this process needs to go on telling."""
        return self._notifier.environment

    def turn(self, view: Callable[[], View], now: float) -> None:
        """The loop has turned. `view` is asked only if somebody listens."""
        if not self._notifier.is_heard:
            return
        seen = view()
        if not self._is_ready and seen.is_ready:
            self._is_ready, self._status, self._status_at = True, "", -math.inf
            self._notifier.send(READY=1, MAINPID=self._pid)
        if now >= self._status_at + STATUS_EVERY:
            self._status_at = now
            self._say_status(seen)
        watchdog = self._notifier.watchdog
        if watchdog is not None and now >= self._alive_at + watchdog / 2 and not is_wedged(seen, now):
            self._alive_at = now
            self._notifier.send(WATCHDOG=1)

    def next_at(self, now: float) -> float:
        """When the loop should turn again at the latest."""
        if not self._notifier.is_heard:
            return math.inf
        if not self._is_ready:
            return now + LOOK_FOR_READY_EVERY
        watchdog = self._notifier.watchdog
        due = math.inf if watchdog is None else self._alive_at + watchdog / 2
        # One that is withheld waits for the loop's own next turn.
        return due if due > now else math.inf

    def reloading(self) -> None:
        """The configuration is being read again."""
        self._notifier.send(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000)

    def reloaded(self) -> None:
        """That is over, whichever configuration holds now."""
        if self._is_ready:
            self._notifier.send(READY=1)

    def stopping(self, seconds: float) -> None:
        """A stage of the shutdown has begun and lasts that long: a service that was installed with a shorter grace than
        the pool has now is given the time.
        """
        microseconds = int((seconds + STOP_MARGIN) * 1e6)
        self._notifier.send(STOPPING=1, EXTEND_TIMEOUT_USEC=microseconds)

    def _say_status(self, seen: View) -> None:
        workers, waiting = len(seen.ending_since), self._waiting()
        status = f"{workers} workers: {seen.busy} busy, {seen.idle} idle; {waiting} reports wait"
        if status != self._status:
            self._status = status
            self._notifier.send(STATUS=status)
