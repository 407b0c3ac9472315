"""Held listings of claimable executions: woken by events, in the order they arrived."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """Which executions a listing is about; None matches all."""

    account: int
    task: str | None = None
    agent: str | None = None

    def matches(self, event: Wanted) -> bool:
        """Whether the event may concern this listing; a None in the event stands for unknown."""
        return self.account == event.account and all(
            mine is None or theirs is None or mine == theirs
            for mine, theirs in ((self.task, event.task), (self.agent, event.agent))
        )


class Waiters:
    """Owned by the event loop's thread. Each waiter is one future; nobody polls the database."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], Wanted] = {}
        self.closed = False
        """Set at shutdown: nobody waits any more."""

    def __len__(self) -> int:
        return len(self._waiting)

    def wake(self, event: Wanted) -> None:
        """Something that matches `event` became claimable: every listing it may concern looks again, the
        longest waiting one first."""
        for future, wanted in self._waiting.items():
            if wanted.matches(event) and not future.done():
                future.set_result(None)

    def close(self) -> None:
        """Releases everybody, for a shutdown."""
        self.closed = True
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, wanted: Wanted, seconds: float, gone: asyncio.Future[None]) -> None:
        """Returns when a matching event came, the time passed, or the client is `gone`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[future] = wanted
        try:
            await asyncio.wait({future, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            del self._waiting[future]
