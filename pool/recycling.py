"""When a worker process is replaced by a fresh one: between two executions, never under one. Pure.

What leaks a little with each execution, in this program or in a library below it, then never adds up to much.
"""

from __future__ import annotations

from dataclasses import dataclass

from .board import Leaving

SPREAD = 0.1
"""Each worker's limits lie that much above or below the configured ones: workers that began together leave apart."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one worker process may come to. None: no limit."""

    executions: int | None = None
    """How many executions it sees through."""
    memory: int | None = None
    """Bytes of resident memory of the worker itself; what its handlers take is not meant."""
    age: float | None = None
    """Seconds of life."""

    def spread(self, jitter: float) -> Limits:
        """One worker's own limits. `jitter` is random in [0, 1)."""
        factor = 1 + SPREAD * (2 * jitter - 1)
        return Limits(
            executions=None if self.executions is None else max(1, round(self.executions * factor)),
            memory=None if self.memory is None else round(self.memory * factor),
            age=None if self.age is None else self.age * factor,
        )

    def reached(self, *, executions: int, memory: int, age: float) -> Leaving:
        """The limit that a worker has come to, if any.

        A limit of memory below what a worker takes to begin with must not turn it into a loop of forks: it counts only
        once an execution has been seen through.
        """
        if self.executions is not None and executions >= self.executions:
            return Leaving.EXECUTIONS
        if self.memory is not None and executions > 0 and memory > self.memory:
            return Leaving.MEMORY
        if self.age is not None and age >= self.age:
            return Leaving.AGE
        return Leaving.NO


NO_LIMITS = Limits()
