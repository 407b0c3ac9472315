"""A log file that several processes write to, each with a descriptor of its own, and that they set aside at times.

A writer holds an exclusive lock on the file while it makes sure that it is still the one under its name, writes one
line, and sets it aside if that is due: so no line goes to a file that is on its way out. It does not wait long for the
lock: a process that was stopped while it held one must not hold up the others. Without it, a line is written all the
same, and the file stays where it is.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import threading
import time
from pathlib import Path

from .append import append

_PATIENCE = 0.05
_IMPATIENT_FOR = 10.0
"""Seconds that a line waits for the lock; and for how long none waits after one has in vain."""

_PAUSE = 0.0005


class LogFile:
    """`path`, then `path.1` (the last one set aside) to `path.<keep>`."""

    def __init__(self, path: Path, *, max_size: int, max_age: float | None, keep: int) -> None:
        """`max_size` in bytes, `max_age` in seconds; see `LogSettings`."""
        self.path = path
        self.stuck: OSError | None = None
        """Why the file could not be set aside the last time that it was due."""
        self._max_size = max_size
        self._max_age = max_age
        self._keep = keep
        self._descriptor = -1
        self._opened_by = 0
        self._turn = threading.Lock()
        self._is_stale = False
        self._impatient_until = 0.0

    def write(self, line: bytes, now: float) -> None:
        """Append a line at `now` (epoch seconds), and set the file aside when that is due.

        Raises OSError if the line cannot be written; the next one may be.
        """
        with self._turn:
            if self._opened_by != os.getpid():
                # A number inherited in the fork: closed since, and maybe somebody else's by now.
                self._descriptor = -1
            if self._is_stale:
                self._close()
            is_locked = self._open_and_lock()
            try:
                if is_locked and self._is_of_another_age(now) and self._set_aside():
                    is_locked = self._open_and_lock()
                append(self._descriptor, line)
                if is_locked and os.fstat(self._descriptor).st_size >= self._max_size:
                    self._set_aside()
            finally:
                if is_locked and self._descriptor >= 0:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def reopen(self) -> None:
        """Let go of the file, which somebody has set aside: the next line opens what is under the name then.

        May be called in a signal handler: while a line is being written it only leaves word.
        """
        if self._turn.acquire(blocking=False):
            try:
                self._close()
            finally:
                self._turn.release()
        else:
            self._is_stale = True

    def _open(self) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        descriptor = os.open(self.path, flags, 0o640)
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", str(self.path))
        self._descriptor, self._opened_by = descriptor, os.getpid()

    def _close(self) -> None:
        self._is_stale = False
        if self._descriptor >= 0 and self._opened_by == os.getpid():
            os.close(self._descriptor)
        self._descriptor = -1

    def _open_and_lock(self) -> bool:
        """Have the file open that is under the name; returns whether its lock is ours."""
        while True:
            if self._descriptor < 0:
                self._open()
            is_locked = self._lock()
            if self._is_current():
                return is_locked
            self._close()

    def _lock(self) -> bool:
        give_up = time.monotonic() + _PATIENCE
        while True:
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError as error:
                now = time.monotonic()
                # Whatever else it is: a file system that knows no locks.
                if not isinstance(error, BlockingIOError) or now < self._impatient_until:
                    return False
                if now >= give_up:
                    self._impatient_until = now + _IMPATIENT_FOR
                    return False
            time.sleep(_PAUSE)

    def _is_current(self) -> bool:
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._descriptor))
        except FileNotFoundError:
            return False

    def _is_of_another_age(self, now: float) -> bool:
        if self._max_age is None:
            return False
        found = os.fstat(self._descriptor)
        return found.st_size > 0 and found.st_mtime // self._max_age < now // self._max_age

    def _set_aside(self) -> bool:
        """Move the file out of the way; False, and `stuck`, if it cannot be."""
        try:
            self._shift()
        except OSError as error:
            self.stuck = error
            return False
        self.stuck = None
        self._close()
        return True

    def _shift(self) -> None:
        if self._keep == 0:
            self.path.unlink()
            return
        for number, path in reversed(set_aside(self.path)):
            if number >= self._keep:
                path.unlink()
            else:
                path.rename(_numbered(self.path, number + 1))
        self.path.rename(_numbered(self.path, 1))


def set_aside(path: Path) -> list[tuple[int, Path]]:
    """The files that were set aside for a log file, the last one first, by their numbers."""
    prefix = f"{path.name}."
    found = []
    with contextlib.suppress(FileNotFoundError):
        for name in os.listdir(path.parent):
            number = name.removeprefix(prefix)
            if name.startswith(prefix) and number.isascii() and number.isdigit():
                found.append((int(number), path.with_name(name)))
    return sorted(found)


def _numbered(path: Path, number: int) -> Path:
    return path.with_name(f"{path.name}.{number}")
