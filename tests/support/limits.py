"""The limits of running processes, set from outside for a while."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Iterator

import psutil
from support.forked import in_child


@contextlib.contextmanager
def limited(processes: list[psutil.Process], limit: int, soft: int) -> Iterator[None]:
    """Processes with another soft limit."""
    before = [_set(process, limit, soft) for process in processes]
    try:
        yield
    finally:
        for process, old in zip(processes, before, strict=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                _set(process, limit, old)


def _set(process: psutil.Process, limit: int, soft: int) -> int:
    """Set the soft limit; returns the one before. Their own user may, root needs a right of its own for that."""

    def change() -> int:
        old, hard = resource.prlimit(process.pid, limit)
        resource.prlimit(process.pid, limit, (soft, hard))
        return old

    uid = process.uids().real
    return change() if uid == psutil.Process().uids().real else int(in_child(change, uid))
