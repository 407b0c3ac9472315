"""The server's directory: private, and held by one server at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

LOCK_FILE = "server.lock"


class StateDirBusy(Exception):
    """Another server runs on this directory; the message names it."""


def hold(state_dir: Path) -> int:
    """Creates the directory (0700) and locks it for this process's life; returns the lock's descriptor.

    Raises StateDirBusy; OSError when the directory cannot be made or written.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(state_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise StateDirBusy(f"another local server (pid {holder}) runs on {state_dir}") from error
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
