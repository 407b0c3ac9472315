"""The two Linux process controls that the promises rest on; elsewhere they say that they are not there."""

from __future__ import annotations

import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36

IS_LINUX = sys.platform.startswith("linux")


def _prctl(option: int, argument: int) -> None:
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, argument, 0, 0, 0) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def become_subreaper() -> bool:
    """Adopt every orphaned descendant from now on. False where the system has no such thing (macOS).

    Not inherited by children, kept across exec (ARCHITECTURE, "Processes").
    """
    if not IS_LINUX:
        return False
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    return True


def die_with_parent(signum: int, parent_pid: int) -> bool:
    """Ask for `signum` when the parent dies, then check that it still lives.

    The check closes the window between fork and the request. Returns False if the parent is gone already; where the
    system cannot signal a parent's death, the answer is the check alone.
    """
    if IS_LINUX:
        _prctl(_PR_SET_PDEATHSIG, signum)
    return os.getppid() == parent_pid
