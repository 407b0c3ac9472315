"""A log file that several processes write to, each with a descriptor of its own, and that they set aside at times.

A writer holds a shared lock on the file while it makes sure that it is still the one under its name, and writes one
line. Who sets it aside holds the exclusive one, so no line goes to a file that is on its way out. Nobody waits for a
lock: a process that was stopped while it held one must not hold up the others.
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

_TRIES = 20
_PAUSE = 0.002
"""Seconds between two looks at a lock that is held by whoever sets the file aside just now."""


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
            self._lock()
            try:
                if self._is_of_another_age(now) and self._set_aside():
                    self._lock()
                append(self._descriptor, line)
                if os.fstat(self._descriptor).st_size >= self._max_size:
                    self._set_aside()
            finally:
                self._unlock()

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

    def _lock(self) -> None:
        """Have the file open that is under the name, with the shared lock on it; without, if it is not to be had."""
        for _ in range(_TRIES):
            if self._descriptor < 0:
                self._open()
            try:
                fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_PAUSE)
                continue
            except OSError:
                # A file system without locks.
                pass
            if self._is_current():
                return
            self._close()
        if self._descriptor < 0:
            self._open()

    def _unlock(self) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                fcntl.flock(self._descriptor, fcntl.LOCK_UN)

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
        """Move the file out of the way, if nobody else writes to it just now: else the next line tries again."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Changing a lock lets go of it for a moment.
            if self._is_current():
                self._shift()
            self._close()
        except BlockingIOError:
            self._lock()
            return False
        except OSError as error:
            self.stuck = error
            return False
        self.stuck = None
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
