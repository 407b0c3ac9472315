"""The stages of a shutdown and their deadlines. Pure; times are `boottime()` seconds."""

from __future__ import annotations

import math
from enum import IntEnum


class Stage(IntEnum):
    """How the pool is being stopped. A stage never goes back."""

    NONE = 0
    DRAINING = 1
    """Handlers may finish."""
    STOPPING = 2
    """Handlers are on the kill ladder."""
    KILLING = 3
    """Handlers are killed at once."""
    DESTROYING = 4
    """Workers that still stand are killed, too."""


MARGIN = 5.0
"""Seconds beyond `kill_grace` in which a worker ends its handler, and in which it reports."""


class Shutdown:
    """Where a shutdown is and when its next stage is due."""

    def __init__(self, shutdown_grace: float, kill_grace: float) -> None:
        self._lasts = {
            Stage.NONE: math.inf,
            Stage.DRAINING: shutdown_grace,
            Stage.STOPPING: kill_grace + MARGIN,
            Stage.KILLING: MARGIN,
            Stage.DESTROYING: MARGIN,
        }
        self.stage = Stage.NONE
        self.next_at = math.inf

    def enter(self, stage: Stage, now: float) -> bool:
        """Go to a stage; False if it is not ahead."""
        if stage < self.stage or (stage is self.stage and stage is not Stage.DESTROYING):
            return False
        self.stage = stage
        self.next_at = now + self._lasts[stage]
        return True

    def due(self, now: float) -> Stage | None:
        """The stage whose time has come, if any. The last one repeats."""
        if now < self.next_at:
            return None
        return Stage(min(self.stage + 1, Stage.DESTROYING))
