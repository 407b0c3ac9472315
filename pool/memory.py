"""Shared memory that outlives an exec of the process that made it: what an upgraded pool goes on with."""

from __future__ import annotations

import os
from dataclasses import dataclass

from . import account, board

LAYOUT = f"{board.LAYOUT}; {account.LAYOUT}"
"""What stands where: two versions of this program can share these memories if theirs is the same."""


@dataclass(frozen=True)
class Memories:
    """Descriptors, open in the supervisor alone; mappings need none."""

    board: int
    account: int

    @classmethod
    def make(cls) -> Memories | None:
        """Fresh ones; None where the system has no such memory (macOS)."""
        if not hasattr(os, "memfd_create"):
            return None
        return cls(_make("board", board.SIZE), _make("account", account.SIZE))


def _make(name: str, size: int) -> int:
    descriptor = os.memfd_create(f"cueworker-{name}", os.MFD_CLOEXEC)
    os.ftruncate(descriptor, size)
    return descriptor
