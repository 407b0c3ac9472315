"""The request budget's decision, on plain values: may a request of this priority be sent now? Pure.

The rule is promise 5: never over the server's limit in any 60 s window. `used` is how many requests the
server may still be counting (see `sliding_log`), so the decision is safe as long as `limit - foreign - used`
never goes below zero; the priorities only decide who gets the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import NamedTuple

WINDOW = 60.0
"""Seconds of the server's sliding window (PROTOCOL, "Limits per key")."""
HELD = WINDOW + 0.25
"""Seconds for which an answered request is counted here: the server's clock may run slower than this one."""
PROBE_INTERVAL = 1.0
"""Seconds between requests after a 429 until one of them has been answered."""
STAGGER = 0.25
"""Seconds that each priority waits longer than the one above it after a 429, so that outcomes go first."""


class Priority(IntEnum):
    """Who goes first when the budget is tight (ARCHITECTURE, promise 5)."""

    OUTCOME = 0
    LEASE = 1
    CLAIM = 2
    LISTING = 3


class Knowledge(NamedTuple):
    """What the server's answers have taught; times are CLOCK_MONOTONIC seconds."""

    limit: int = 0
    """Requests in any 60 s; 0: unknown or unlimited."""
    bare_answers: int = 0
    """Successes in a row without a rate limit header."""
    foreign: int = 0
    """Requests in the server's window that this pool did not send (the same key used elsewhere)."""
    foreign_since: float = 0.0
    """When `foreign` was taken over from an answer."""
    refusals: int = 0
    """429s in a row, one for each burst."""
    refused_at: float = 0.0
    """When the last 429 arrived."""
    blocked_until: float = 0.0
    """Nothing is sent before; after it, single probes until `refusals` is 0 again."""

    def foreign_at(self, now: float) -> int:
        """The foreign use still believed: after a whole window nothing that was counted is left."""
        return self.foreign if now - self.foreign_since < WINDOW else 0


def room(priority: Priority, *, limit: int, foreign: int, used: Sequence[int]) -> int:
    """How many requests of `priority` fit now; `used` is indexed by priority, `limit` > 0.

    An outcome may take everything. A lease heartbeat leaves a twentieth for outcomes. A claim leaves that
    and as much for leases, the outcomes that earlier claims still owe, and its own. A listing takes at most
    half of what the others leave, and never the room of a claim and its outcome.
    """
    ours = limit - foreign
    free = ours - sum(used)
    if priority is Priority.OUTCOME:
        return max(0, free)
    floor = max(0, ours) // 20
    if priority is Priority.LEASE:
        return max(0, free - floor)
    owed = max(0, used[Priority.CLAIM] - used[Priority.OUTCOME])
    after_duties = free - 2 * floor - owed
    if priority is Priority.CLAIM:
        return max(0, after_duties - 1)
    half = (free + used[Priority.LISTING]) // 2 - used[Priority.LISTING]
    return max(0, min(half, after_duties - 2))


def wait_for(
    priority: Priority,
    known: Knowledge,
    used: Sequence[int],
    expiries: Callable[[], Iterable[tuple[float, Sequence[int]]]],
    now: float,
) -> float:
    """Seconds until a request of `priority` may be sent; 0.0 means now.

    `expiries()` yields (time, `used` from then on), in order. After a 429 the server's own word counts
    instead of the window: nothing before `blocked_until`, then one probe at a time, the higher priorities
    first.
    """
    if known.refusals:
        return max(0.0, known.blocked_until + STAGGER * priority - now)
    if not known.limit:
        return 0.0
    foreign = known.foreign_at(now)
    if room(priority, limit=known.limit, foreign=foreign, used=used):
        return 0.0
    # A request in flight is held longer than its answer will need, and what holds the rest may end sooner
    # than it seems: never send a caller away for longer than a window.
    latest = now + WINDOW
    if foreign:
        latest = min(latest, known.foreign_since + WINDOW)
    for time, left in expiries():
        if time >= latest:
            break
        if room(priority, limit=known.limit, foreign=foreign, used=left):
            return time - now
    return latest - now
