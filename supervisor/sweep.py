"""Killing what a dead pool's handlers left running, before a new pool begins (promise 2).

Runs under the state directory's lock, while this pool has no process of its own. Found by recorded session, and by the
marker in the environment. What cleared both can only be found by a cgroup.
"""

from __future__ import annotations

import signal
import time

import psutil

from ..pool import process_tree
from ..pool.events import emit
from ..pool.identity import start_time
from ..pool.kill_ladder import QUIET_SCANS, RESCAN
from ..pool.slot_record import SlotRecord, SlotRecords
from ..pool.state_dir import StateDir

SWEEP_WITHIN = 3.0
"""Seconds until what survives is named and left (promise 2: after a death, within 3 s)."""


def sweep(state_dir: StateDir) -> None:
    """Kill every leftover; returns when two scans in a row found none."""
    records = SlotRecords(state_dir).readable()
    give_up = time.monotonic() + SWEEP_WITHIN
    quiet = 0
    killed: set[int] = set()
    while quiet < QUIET_SCANS and time.monotonic() < give_up:
        found = _leftovers(state_dir, records)
        process_tree.signal_all(found, signal.SIGKILL)
        killed.update(process.pid for process in found)
        quiet = 0 if found else quiet + 1
        if found:
            time.sleep(RESCAN)
    if killed:
        emit("execution.swept", count=len(killed), what="an earlier pool")


def _leftovers(state_dir: StateDir, records: list[SlotRecord]) -> list[psutil.Process]:
    found = {process.pid: process for process in process_tree.marked(f"@{state_dir.root}")}
    for record in records:
        # While a session has a member, its number is nobody else's pid. So a process of that number that started at
        # another time proves that the session is gone and the number a bystander's.
        if record.handler_pid is None or not record.of_this_boot:
            continue
        if start_time(record.handler_pid) in (None, record.handler_started):
            found.update((process.pid, process) for process in process_tree.in_session(record.handler_pid))
    return list(found.values())
