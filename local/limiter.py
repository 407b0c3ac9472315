"""The request limit: a sliding window of 60 seconds for each key, as the hosted service counts it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

WINDOW = 60.0
"""Seconds."""


@dataclass(frozen=True)
class Admission:
    """What the window says about one request."""

    admitted: bool
    limit: int
    remaining: int
    frees_in: float
    """Seconds until the oldest counted request leaves the window."""


class SlidingWindow:
    """Admits at most `limit` requests in any 60 s. A refused request does not count."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._admitted: deque[float] = deque()

    def admit(self, now: float) -> Admission:
        """Counts the request of `now` (monotonic seconds) when there is room for it."""
        used = self.used(now)
        admitted = used < self.limit
        if admitted:
            self._admitted.append(now)
            used += 1
        oldest = self._admitted[0] if self._admitted else now
        return Admission(admitted, self.limit, self.limit - used, oldest + WINDOW - now)

    def used(self, now: float) -> int:
        """How many requests the window holds."""
        while self._admitted and self._admitted[0] <= now - WINDOW:
            self._admitted.popleft()
        return len(self._admitted)
