"""A handler's output shown as it comes, without ever holding up the loop that watches the handler."""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
from collections.abc import Callable

from .capture import HeadAndTail

MOST_BEHIND = 16 << 20
"""Bytes that may wait for a slow reader; what is beyond is counted, not shown."""

_LOOK_EVERY = 0.1


class Echo:
    """Copies bytes to descriptors from a thread of its own: a terminal that is held (^S), or a full pipe, blocks only
    that. Start it after the last fork."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[tuple[int, bytes] | None] = queue.SimpleQueue()
        self._taken = 0  # written by the main thread
        self._written = 0  # written by the copying thread
        self._skipped: dict[int, int] = {}
        """Bytes by descriptor."""
        self._thread = threading.Thread(target=self._copy, name="echo", daemon=True)
        self._thread.start()

    def show(self, descriptor: int, data: bytes) -> None:
        """Copy these bytes to `descriptor`."""
        if self._taken - self._written + len(data) > MOST_BEHIND:
            self._skipped[descriptor] = self._skipped.get(descriptor, 0) + len(data)
            return
        data = self._note(descriptor) + data
        self._taken += len(data)
        self._queue.put((descriptor, data))

    def finish(self, give_up: Callable[[], bool]) -> None:
        """Wait until all of it is shown, or `give_up` says not to."""
        for descriptor in tuple(self._skipped):
            self._queue.put((descriptor, self._note(descriptor)))
        self._queue.put(None)
        while self._thread.is_alive() and not give_up():
            self._thread.join(_LOOK_EVERY)

    def _note(self, descriptor: int) -> bytes:
        skipped = self._skipped.pop(descriptor, 0)
        if not skipped:
            return b""
        return f"\n… [{skipped:,} bytes not shown: they are not read fast enough] …\n".encode()

    def _copy(self) -> None:
        while (item := self._queue.get()) is not None:
            descriptor, data = item
            # Nobody reads it any more: the handler goes on all the same.
            with contextlib.suppress(OSError):
                _write(descriptor, data)
            self._written += len(data)


class Shown(HeadAndTail):
    """One of a handler's streams, kept for the report and shown as it comes."""

    def __init__(self, echo: Echo, descriptor: int) -> None:
        super().__init__()
        self._echo = echo
        self._descriptor = descriptor

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        super().add(data)
        self._echo.show(self._descriptor, data)


def _write(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        try:
            rest = rest[os.write(descriptor, rest) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
