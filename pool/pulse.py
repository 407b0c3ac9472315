"""What the supervisor says of itself in shared memory: that its loop turns, and whether the pool drains."""

from __future__ import annotations

import mmap

_BEAT, _DRAINING = range(2)


class Pulse:
    """Written by the supervisor alone, one aligned 8-byte store each. Made before it forks."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)
        self._numbers = memoryview(self._memory).cast("d")

    def beat(self, now: float) -> None:
        """The loop has turned. `now` is `boottime()` seconds."""
        self._numbers[_BEAT] = now

    def drain(self) -> None:
        """The pool is being stopped; nothing takes that back."""
        self._numbers[_DRAINING] = 1.0

    @property
    def last_beat(self) -> float:
        """When the loop last turned, `boottime()` seconds."""
        return self._numbers[_BEAT]

    @property
    def draining(self) -> bool:
        """Whether the pool is being stopped."""
        return self._numbers[_DRAINING] != 0.0
