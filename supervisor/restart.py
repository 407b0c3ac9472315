"""How long a slot waits before it is refilled. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

FIRST = 0.1
LAST = 30.0
CALM_AFTER = 60.0
"""Seconds of life after which earlier trouble is forgotten."""

BOOT_TRIES = 3
"""Failed boots in a row, in every slot and never a good one, after which the pool gives up."""


class Exit(Enum):
    """How a process ended, as far as its refill is concerned."""

    CLEAN = "clean"
    CRASHED = "crashed"
    BOOT_FAILED = "boot failed"


@dataclass(frozen=True)
class Restarts:
    """One slot's record of trouble."""

    trouble: int = 0
    """Crashes and failed boots in a row."""
    boot_failures: int = 0
    """Failed boots in a row."""

    def after(self, how: Exit, lived: float) -> Restarts:
        """The record after a process that ended `how` and lived `lived` seconds."""
        if how is Exit.CLEAN:
            return Restarts()
        trouble = 1 if lived >= CALM_AFTER else self.trouble + 1
        boot_failures = self.boot_failures + 1 if how is Exit.BOOT_FAILED else 0
        return replace(self, trouble=trouble, boot_failures=boot_failures)

    def pause(self, jitter: float) -> float:
        """Seconds until the refill: none after a clean exit, else doubling. `jitter` is random in [0, 1)."""
        if self.trouble == 0:
            return 0.0
        doubled: float = FIRST * 2.0 ** min(self.trouble - 1, 16)
        return min(LAST, doubled) * (0.75 + 0.5 * jitter)
