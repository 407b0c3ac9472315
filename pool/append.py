"""Appending a line to a file that several processes append to: the whole of it or nothing."""

from __future__ import annotations

import errno
import os


def append(descriptor: int, line: bytes) -> None:
    """Write `line` with one write. Raises OSError; a full disk leaves no half of it, which would spoil the next one."""
    written = os.write(descriptor, line)
    if written != len(line):
        _take_back(descriptor, written)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _take_back(descriptor: int, written: int) -> None:
    end = os.lseek(descriptor, 0, os.SEEK_CUR)
    if os.fstat(descriptor).st_size == end:
        os.ftruncate(descriptor, end - written)
