"""Who a pid is: a bare pid may be anybody's by tomorrow, a pid with its start time and boot id may not."""

from __future__ import annotations

import functools
import uuid
from pathlib import Path

import psutil

from .prctl import IS_LINUX


@functools.cache
def boot_id() -> str:
    """An id of this boot of this machine: pids of another boot are nobody."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return str(uuid.UUID(int=int(psutil.boot_time())))


def start_time(pid: int) -> str | None:
    """When `pid` started, as text that compares equal for the same process only; None if there is no such process.

    On Linux these are the kernel's ticks since boot: unlike a wall-clock start time they survive a clock that is set.
    """
    if IS_LINUX:
        try:
            stat = Path(f"/proc/{pid}/stat").read_bytes()
        except OSError:
            return None
        return stat[stat.rindex(b")") + 2 :].split()[19].decode("ascii")
    try:
        return f"{psutil.Process(pid).create_time():.3f}"
    except psutil.Error:
        return None


def is_running(pid: int | None, started: str | None, booted: str | None) -> bool:
    """Whether the process that was recorded as (pid, start time, boot id) is still there."""
    return pid is not None and started is not None and booted == boot_id() and start_time(pid) == started
