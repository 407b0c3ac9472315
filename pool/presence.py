"""The steward's thread that tells the server that this worker lives and which tasks it runs.

A worker that was silent for 180 s is stale and loses its executions (PROTOCOL.md, "What the server takes back", 2).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence

from ..client import CueAPIError
from .events import emit
from .source import Source

LONGEST = 60.0
"""Seconds between two registrations at most: two may fail before the worker is stale."""

_RETRY_FIRST = 1.0


class Presence:
    """Registers the worker at `interval` seconds. Runs for the life of its process."""

    def __init__(self, connect: Callable[[], Source], handlers: Sequence[str], interval: float) -> None:
        self._connect = connect
        self._handlers = handlers
        self._interval = min(interval, LONGEST)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        threading.Thread(target=self._run, name="presence", daemon=True).start()

    def _run(self) -> None:
        source = self._connect()
        failing, retry = False, _RETRY_FIRST
        while True:
            try:
                source.register(self._handlers)
            except CueAPIError as error:
                if not failing:
                    emit("presence.failed", reason=error)
                failing = True
                pause = max(retry, error.retry_after or 0.0)
                retry = min(retry * 2, self._interval)
            else:
                if failing:
                    emit("presence.recovered")
                failing, retry = False, _RETRY_FIRST
                pause = self._interval
            time.sleep(pause * random.uniform(0.9, 1.1))  # noqa: S311
