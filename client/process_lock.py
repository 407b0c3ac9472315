"""A lock between the processes of a pool that no SIGKILL can leave locked.

It is an fcntl record lock: the kernel frees it with its holder, whereas a multiprocessing lock whose holder
was SIGKILLed stays stuck. Two traps of record locks, and how they are avoided:

- *Closing any descriptor of the file drops all of the process's locks on it.* So each process opens the file
  once, at its first use, and keeps it open; a forked child closes what it inherited before it opens its own.
- *They do not exclude the threads of one process.* So a thread lock is taken first.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import weakref
from pathlib import Path

_RETRY_INTERVAL = 0.0002
_locks: weakref.WeakSet[ProcessLock] = weakref.WeakSet()


class ProcessLock:
    """Excludes every thread of every process that shares it by fork. Not reentrant."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1
        self._threads = threading.Lock()
        _locks.add(self)

    def acquire(self, timeout: float) -> bool:
        """Take the lock; False after `timeout` seconds (its holder may be stopped by SIGSTOP).

        Raises OSError when the file cannot be opened.
        """
        if not self._threads.acquire(timeout=timeout):
            return False
        taken = False
        try:
            if self._descriptor < 0:
                self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            taken = self._lock_file(timeout)
        finally:
            if not taken:
                self._threads.release()
        return taken

    def release(self) -> None:
        """Give the lock back."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def close(self) -> None:
        """Close this process's descriptor, while none of its threads holds the lock."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __del__(self) -> None:
        self.close()

    def _lock_file(self, timeout: float) -> bool:
        deadline = None
        while True:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except (BlockingIOError, PermissionError):
                # A blocking call could not be given up; the holder needs microseconds, so a short nap will
                # do.
                now = time.monotonic()
                deadline = now + timeout if deadline is None else deadline
                if now >= deadline:
                    return False
                time.sleep(_RETRY_INTERVAL)
            else:
                return True

    def _forget_parent(self) -> None:
        """In a forked child: its own thread lock (the parent's may have been held) and its own descriptor."""
        self._threads = threading.Lock()
        self.close()


def _forget_parents() -> None:
    for lock in list(_locks):
        lock._forget_parent()


os.register_at_fork(after_in_child=_forget_parents)
