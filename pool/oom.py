"""Who goes first when memory runs out: a handler, never the pool (Linux)."""

from __future__ import annotations

import contextlib
import functools
import os
from pathlib import Path

HANDLER_SCORE = 500
"""The kernel's `oom_score_adj`, -1000 to 1000: as if the process used half of the memory more than it does."""


def prefer(pid: int) -> None:
    """Offer a process that was just started, and what it will start, to the kernel's out-of-memory killer.

    Written from outside, since nothing of ours may run in the child before its program; a child that the
    program starts within the first microseconds keeps the pool's own score, which harms nobody.
    """
    score = _score()
    if score is None:
        return
    with contextlib.suppress(OSError):  # it has ended already
        descriptor = os.open(f"/proc/{pid}/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, score)
        finally:
            os.close(descriptor)


@functools.cache
def _score() -> bytes | None:
    """What to write: raising needs no privilege, and a pool that has a higher score itself passes that on."""
    try:
        own = int(Path("/proc/self/oom_score_adj").read_text(encoding="ascii"))
    except OSError:
        return None
    return b"%d" % HANDLER_SCORE if own < HANDLER_SCORE else None
