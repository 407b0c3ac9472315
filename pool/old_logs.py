"""Removing the logs of executions that ended long ago, a bounded number of looks at a time."""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

from .execution_log import folder_of

LOOKS = 200
"""Files looked at in one step: a folder may hold millions."""

STEP_EVERY = 1.0
REST = 600.0
"""Seconds between two steps, and between the beginnings of two rounds through the folder."""


class OldLogs:
    """The steward's: it calls `step` as often as it likes."""

    def __init__(self, logs: Path, keep: float) -> None:
        """`keep` in seconds since the last write."""
        self._folder = folder_of(logs)
        self._keep = keep
        self._round: Iterator[os.DirEntry[str]] | None = None
        self._next_round = 0.0
        self._next_step = 0.0

    def step(self, now: float, clock: float) -> None:
        """Take a step at `now` (`boottime()` seconds), which is `clock` in epoch seconds. Raises OSError."""
        if now < self._next_step:
            return
        self._next_step = now + STEP_EVERY
        if self._round is None and now >= self._next_round:
            self._next_round = now + REST
            self._round = self._entries()
        if self._round is None:
            return
        current, self._round = self._round, None
        entries = list(itertools.islice(current, LOOKS))
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                if (
                    entry.name.endswith(".log")
                    and entry.stat(follow_symlinks=False).st_mtime < clock - self._keep
                ):
                    os.unlink(entry.path)
        if len(entries) == LOOKS:
            self._round = current

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        with contextlib.suppress(FileNotFoundError), os.scandir(self._folder) as entries:
            yield from entries
