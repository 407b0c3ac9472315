"""Tells whoever shows the database that it changed."""

from __future__ import annotations

import asyncio


class Changes:
    """Owned by the event loop's thread. What changed is not said: who is told looks again."""

    def __init__(self) -> None:
        self.count = 0
        """How often something changed so far."""
        self.closed = False
        """Set at shutdown: nobody waits any more."""
        self._waiting: set[asyncio.Future[None]] = set()

    def announce(self) -> None:
        """Something changed."""
        self.count += 1
        self._release()

    def close(self) -> None:
        """Releases everybody, for a shutdown."""
        self.closed = True
        self._release()

    def _release(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def after(self, seen: int, seconds: float, gone: asyncio.Future[None]) -> None:
        """Returns when `count` is no more `seen`, the time passed, or the listener is `gone`."""
        if self.count != seen or self.closed:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await asyncio.wait({future, gone}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(future)
