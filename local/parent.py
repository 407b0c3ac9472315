"""Dying with the parent process (Linux)."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> bool:
    """Asks the kernel for a SIGTERM when the parent dies, and tells whether `parent`, the parent's pid as it
    was when the process started, still is the parent: it may have died before the request.

    Does nothing and returns True where there is no such request. Raises OSError.
    """
    if not sys.platform.startswith("linux"):
        return True
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return os.getppid() == parent
