"""Replacing workers on request, one at a time: a pool of N never has fewer than N - 1 for it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field


@dataclass
class RecycleQueue:
    """The slots whose turn is to come, and the one whose turn it is."""

    current: int | None = None
    waiting: list[int] = field(default_factory=list)

    def add(self, slots: Iterable[int]) -> None:
        """Ask for slots; one that is in the queue already is not asked for twice."""
        self.waiting += [slot for slot in dict.fromkeys(slots) if slot not in self.waiting]

    def begin(self, idle: Collection[int]) -> int | None:
        """The next slot, now current: an idle one if there is any, since it leaves at once. None: not now."""
        if self.current is not None or not self.waiting:
            return None
        self.current = next((slot for slot in self.waiting if slot in idle), self.waiting[0])
        self.waiting.remove(self.current)
        return self.current

    def finish(self) -> None:
        """The current slot has a fresh process, or is wanted no more."""
        self.current = None

    def clear(self) -> None:
        """The pool stops."""
        self.current = None
        self.waiting.clear()
