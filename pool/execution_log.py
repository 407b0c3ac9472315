"""What one execution's handler has written, as it came, for the person who asks later.

`<logs>/executions/<execution_id>.log`, 0600. Made at the first output, so that silent handlers cost nothing. Its first
`max_size` bytes are kept; the end of the output is in the report.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from .state_dir import file_name


def folder_of(logs: Path) -> Path:
    """Where the logs of executions are."""
    return logs / "executions"


def path_of(logs: Path, execution_id: str) -> Path:
    """Where the log of an execution is. Ids come from the server: one that is no safe file name is hashed."""
    return folder_of(logs) / f"{file_name(execution_id)}.log"


class ExecutionLog:
    """Takes bytes until its file is full.

    Nothing that befalls the file reaches the handler: the log gives up, and says so once.
    """

    def __init__(self, path: Path, max_size: int, on_failure: Callable[[OSError], None]) -> None:
        """`max_size` in bytes."""
        self._path = path
        self._max_size = max_size
        self._on_failure = on_failure
        self._descriptor = -1
        self._room = max_size
        self.is_done = False
        """Whether it takes no more: full, failed, or closed."""

    def add(self, data: bytes) -> None:
        """Append the next bytes. Never raises."""
        if self.is_done or not data:
            return
        try:
            if self._descriptor < 0:
                self._open()
            self._append(data)
        except OSError as error:
            self.is_done = True
            self._on_failure(error)

    def close(self) -> None:
        """No more will come."""
        self.is_done = True
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, data: bytes) -> None:
        kept = data if len(data) <= self._room else data[: _whole_characters(data, self._room)]
        if kept and os.write(self._descriptor, kept) != len(kept):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))
        self._room -= len(kept)
        if len(kept) < len(data):
            self.is_done = True
            os.write(self._descriptor, f"\n[output beyond {self._max_size:,} bytes is not kept]\n".encode())

    def _open(self) -> None:
        try:
            self._descriptor = self._created()
        except FileNotFoundError:
            self._make_folders()
            self._descriptor = self._created()
        found = os.fstat(self._descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(self._path))
        # There is something in it if the execution was run before, too.
        self._room = max(0, self._max_size - found.st_size)

    def _make_folders(self) -> None:
        """The first one of a pool; or a handler has removed them, or the state directory that they are in."""
        executions = self._path.parent
        for folder in (executions.parent.parent, executions.parent, executions):
            folder.mkdir(mode=0o700, exist_ok=True)

    def _created(self) -> int:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        return os.open(self._path, flags, 0o600)


def _whole_characters(data: bytes, limit: int) -> int:
    """`limit`, or up to three less where it would split a character of UTF-8."""
    for end in range(limit, max(0, limit - 3), -1):
        if data[end] & 0xC0 != 0x80:
            return end
    return limit
