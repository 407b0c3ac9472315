"""The steps of an execution between which a process can die, by name; and a switch that makes one die there.

The switch exists for the tests of promise 1 alone: they enumerate `Step` and kill a process at each, so a step that is
added here is tested by being here. It is off unless `CUEWORKER_CRASH_AT` is in the environment that the pool started
with: `<step>:<victim>:<file>`, the victim one of `self`, `steward`, `supervisor`. The process that first reaches the
step creates the file, which must not exist, and kills the victim.
"""

from __future__ import annotations

import os
import signal
from enum import StrEnum

import psutil


class Step(StrEnum):
    """In the order in which an execution reaches them."""

    # The worker.
    OFFER_TAKEN = "offer taken"
    RECORDED_CLAIMING = "slot record says claiming"
    FILES_MADE = "handler's files made"
    CLAIMED = "claimed"
    PREPARED = "invocation made"
    RECORDED_RUNNING = "slot record says running"
    STARTED = "handler started"
    RECORDED_PID = "slot record has the pid"
    WATCHING = "handler watched"
    ENDED = "handler ended"
    CONCLUDED = "report made"
    SPOOLED = "report spooled"
    ACKNOWLEDGED = "report acknowledged"
    FILES_REMOVED = "handler's files removed"
    RECORD_CLEARED = "slot record cleared"
    SPOOL_CLEARED = "spool entry removed"
    # The steward, for a report that it carries.
    ENTRY_READ = "spool entry read"
    ENTRY_ACKNOWLEDGED = "spool entry acknowledged"
    ENTRY_REMOVED = "carried entry removed"
    # The supervisor, for a dead worker.
    LOSS_FOUND = "dead worker's record read"
    LOSS_SPOOLED = "dead worker's report spooled"
    LOSS_SETTLED = "dead worker's record removed"


_SWITCH = os.environ.get("CUEWORKER_CRASH_AT")


def reached(step: Step) -> None:
    """An execution is at this step."""
    if _SWITCH is not None:
        _crash(step, _SWITCH)


def _crash(step: Step, switch: str) -> None:
    wanted, victim, once = switch.split(":", 2)
    if step.name != wanted:
        return
    try:
        os.close(os.open(once, os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    os.kill(_pid_of(victim), signal.SIGKILL)


def _pid_of(victim: str) -> int:
    if victim == "self":
        return os.getpid()
    this = psutil.Process()
    supervisor = this if "supervisor" in " ".join(this.cmdline()) else this.parent()
    if supervisor is None or victim == "supervisor":
        return os.getpid() if supervisor is None else supervisor.pid
    return next(child.pid for child in supervisor.children() if "steward" in " ".join(child.cmdline()))
