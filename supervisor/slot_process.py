"""One process's place in the pool, with what the supervisor knows of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from .children import Child
from .restart import Exit, Restarts
from .slot import State


@dataclass(eq=False)
class SlotProcess:
    """The supervisor alone reads and writes it. Times are `boottime()` seconds."""

    cell: int
    name: str
    main: Callable[..., None]
    state: State = State.CLOSED
    child: Child | None = None
    restarts: Restarts = field(default_factory=Restarts)
    last_exit: Exit = Exit.CLEAN
    how: str = ""
    """The last exit, in words."""
    replaced_for: str | None = None
    """Why its process is replaced, where its exit alone does not tell: a reason of `counted.RESTARTS`."""
    refill_at: float = 0.0
    swept: int = 0
    """Scans in a row that found nothing of its dead process."""
    settle_from: float = 0.0
    destroyed_at: float = -math.inf
    ending_since: float = math.inf
    """Since when its process is being destroyed, or what that left is being settled."""
    recycled: int = 0
    """How often its process was replaced by a fresh one, other than by a reload or after a crash."""
    recycled_for: str = ""
    """Why, the last time."""
