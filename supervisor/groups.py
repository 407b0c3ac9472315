"""The supervisor's part in the executions' cgroups: dead workers' groups, what may go on, what is left at the end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from ..pool.board import NOBODY
from ..pool.cgroup import Cgroups
from .delegation import end_all

TIDY_EVERY = 30.0
"""Seconds between two looks for groups that have become empty since their execution ended."""


class Groups:
    """Without a cgroup of the pool's own, nothing here has any effect."""

    def __init__(self, cgroups: Cgroups | None) -> None:
        self._cgroups = cgroups
        self._tidy_at = 0.0

    def kill(self, executions: Iterable[int]) -> None:
        """End dead workers' executions (their fingerprints), whatever their handlers had made of themselves."""
        if self._cgroups is None:
            return
        for execution in executions:
            for group in self._cgroups.of(execution) if execution != NOBODY else ():
                group.kill()
                group.remove()

    def but_kept(self, strangers: list[int], dying: Collection[int]) -> list[int]:
        """Those of the adopted processes that must be killed: not what a `background: leave` handler left."""
        if self._cgroups is None:
            return strangers
        return [pid for pid in strangers if not self._cgroups.is_kept(pid, set(dying))]

    def tidy(self, held: Callable[[], Collection[int]], now: float) -> None:
        """Now and then, remove groups in which nothing lives any more; `held()` are the executions that slots have."""
        if self._cgroups is None or now < self._tidy_at:
            return
        self._tidy_at = now + TIDY_EVERY
        groups = self._cgroups.all()
        # Read afterwards: a worker holds an execution on the board before it makes its group.
        in_use = held()
        for group in groups:
            if group.execution not in in_use and not group.is_populated:
                group.remove()

    def end(self) -> None:
        """The pool ends, and what may have gone on in the background with it."""
        if self._cgroups is not None:
            end_all(self._cgroups)
