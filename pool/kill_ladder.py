"""The kill ladder: TERM, `kill_grace`, then KILL until nothing is left. Pure: it decides, the caller signals."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

GIVE_UP_AFTER = 2.0
"""Seconds of KILL after which what still stands (state D) is named and left to the supervisor (promise 2)."""

RESCAN = 0.02
"""Seconds between two KILL scans."""

QUIET_SCANS = 2
"""Scans in a row that must find nothing: one snapshot can miss a process that is just being forked."""


class Step(Enum):
    """What to do now."""

    WAIT = "wait"
    TERM = "term"
    KILL = "kill"
    DONE = "done"
    GIVE_UP = "give up"


@dataclass
class KillLadder:
    """One way down from "still running" to "nothing left". Times are seconds on one clock, passed as `now`."""

    started: float
    grace: float
    """Seconds between TERM and KILL; 0 goes straight to KILL."""
    _terminated: bool = False
    _killing_from: float | None = None
    """When the first KILL really was due: a caller that was stopped meanwhile must not give up at once."""
    _quiet: int = 0

    @property
    def kill_at(self) -> float:
        """When KILL begins."""
        return self.started + self.grace

    def hasten(self, now: float) -> None:
        """Skip what is left of the grace."""
        self.grace = min(self.grace, max(0.0, now - self.started))

    def step(self, now: float) -> Step:
        """The action that is due at `now`."""
        if self._quiet >= QUIET_SCANS:
            return Step.DONE
        if now >= self.kill_at:
            if self._killing_from is None:
                self._killing_from = now
            return Step.KILL if now < self._killing_from + GIVE_UP_AFTER else Step.GIVE_UP
        if not self._terminated:
            self._terminated = True
            return Step.TERM
        return Step.WAIT

    def scanned(self, found: int) -> None:
        """Record how many living processes a KILL scan found."""
        self._quiet = 0 if found else self._quiet + 1

    def next_at(self, now: float) -> float:
        """When `step` is worth asking again."""
        return now + RESCAN if now >= self.kill_at else self.kill_at
