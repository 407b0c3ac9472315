"""When to look for work and with which question. Pure: the steward asks and tells.

One unfiltered list serves all handlers. After a full page in which nothing was ours, or a 500 (on the core one row with
an odd task breaks the unfiltered list), the questions go in rotation through the tasks, one a poll, until the
unfiltered list is useful again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

PAGE = 50
"""Rows that the server lists at most."""

SHORTEST = 0.1
LONGEST_AUTO = 5.0
UNLIMITED_AUTO = 1.0
"""Seconds between idle polls: `auto`'s bounds, and its ceiling where the server names no limit."""

BACK_OFF_FIRST = 2.0
BACK_OFF_LAST = 300.0
"""Seconds that a row rests after its claim was refused, doubling each time: such rows can be listed for ever."""


def idle_ceiling(poll_interval: float | None, affordable: float | None) -> float:
    """The longest pause between two idle polls, in seconds.

    `poll_interval` is the configured cadence (None: auto); `affordable` is how many polls a minute the request budget
    leaves for listing, None where there is no limit.
    """
    if poll_interval is not None:
        return poll_interval
    if affordable is None:
        return UNLIMITED_AUTO
    return min(LONGEST_AUTO, max(SHORTEST, 60 / max(affordable, 1)))


@dataclass
class Listing:
    """The next question and its time. Times are `boottime()` seconds, `jitter` a random number in [0, 1)."""

    tasks: Sequence[str]
    next_at: float = 0.0
    _rotation: int | None = None
    _pause: float = SHORTEST

    @property
    def task(self) -> str | None:
        """What to ask for: one task, or None for everything."""
        if self._rotation is None:
            return None
        questions = [None, *self.tasks]
        return questions[self._rotation % len(questions)]

    def answered(self, rows: int, ours: int, now: float, ceiling: float, jitter: float) -> None:
        """An answer came: `rows` in all, `ours` of them could be offered."""
        if ours:
            self._pause = SHORTEST
            self.next_at = now
            if self._rotation is not None:
                # A task with much work must not keep the others from their turn.
                self._rotate(keep_going=self.task is not None)
            return
        if rows >= PAGE or self._rotation is not None:
            self._rotate(keep_going=rows >= PAGE)
        self._wait(now, ceiling, jitter)

    def failed(
        self, broken: bool, now: float, ceiling: float, jitter: float, retry_after: float | None
    ) -> None:
        """No answer; `broken` if the server choked on this very question (500)."""
        if broken:
            self._rotate(keep_going=True)
        self._wait(now, ceiling, jitter)
        if retry_after is not None:
            self.next_at = max(self.next_at, now + retry_after)

    def _rotate(self, keep_going: bool) -> None:
        if self.task is None and not keep_going:
            self._rotation = None
        else:
            self._rotation = 1 if self._rotation is None else (self._rotation + 1) % (len(self.tasks) + 1)

    def _wait(self, now: float, ceiling: float, jitter: float) -> None:
        pause = min(self._pause, ceiling)
        self.next_at = now + pause * (0.9 + 0.2 * jitter)
        self._pause = min(pause * 2, ceiling)


@dataclass
class Resting:
    """Rows whose claim was refused, each with its own pause."""

    _until: dict[str, tuple[float, float]] = field(default_factory=dict)

    def refused(self, execution_id: str, now: float) -> None:
        """Let a row rest, twice as long as the last time."""
        _, pause = self._until.get(execution_id, (0.0, BACK_OFF_FIRST / 2))
        pause = min(pause * 2, BACK_OFF_LAST)
        self._until[execution_id] = (now + pause, pause)

    def rests(self, execution_id: str, now: float) -> bool:
        """Whether a row is still to be left alone."""
        entry = self._until.get(execution_id)
        return entry is not None and now < entry[0]

    def forget_old(self, now: float) -> None:
        """Drop rows that have not been refused for a long time."""
        self._until = {key: value for key, value in self._until.items() if now < value[0] + BACK_OFF_LAST}
