"""Waiting for something to become true, with a deadline; never for a number of seconds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds that anything may take on a busy machine before a test gives up. Promises have deadlines of their own."""


def until(probe: Callable[[], T | None], what: str, within: float = PATIENCE) -> T:
    """The first true value of `probe`; fails, naming `what`, if there is none within that many seconds."""
    give_up = time.monotonic() + within
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < give_up, f"not within {within:g} s: {what}"
        time.sleep(0.01)
