"""A program for test_budget_processes: forked processes take from one budget; some of them are killed.

Usage: budget_hammer.py LOCK_PATH LIMIT; prints one JSON object.
"""

from __future__ import annotations

import json
import os
import signal
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cueworker.client import Budget, BudgetExhausted, Priority

PROCESSES = 8


def forked(body: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            body()
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
    return pid


def die_inside(budget: Budget, notice: int) -> None:
    """Take the lock, leave a half-done count behind, and wait for the SIGKILL."""
    budget._enter()
    budget._log._cells[1] += 7
    os.write(notice, b"!")
    signal.pause()


def hammer(budget: Budget, notice: int) -> None:
    """Take until there is nothing left; say how many."""
    taken = 0
    try:
        while True:
            budget.reserve(Priority.OUTCOME, time.monotonic())
            taken += 1
            if taken == 1:
                os.write(notice, struct.pack("q", -1))
    except BudgetExhausted:
        os.write(notice, struct.pack("q", taken))


def main(lock_path: str, limit: int) -> None:
    budget = Budget.create(Path(lock_path))
    first = budget.reserve(Priority.LISTING, time.monotonic())
    headers = {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(limit - 1)}
    budget.settle(first, now=time.monotonic(), epoch_now=time.time(), status=200, headers=headers)

    reader, writer = os.pipe()
    victim = forked(lambda: die_inside(budget, writer))
    assert os.read(reader, 1) == b"!"
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)

    pids = [forked(lambda: hammer(budget, writer)) for _ in range(PROCESSES)]
    started = struct.unpack("q", os.read(reader, 8))[0]
    os.kill(pids[0], signal.SIGKILL)
    codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
    os.close(writer)
    notices = []
    while message := os.read(reader, 8):
        notices.append(struct.unpack("q", message)[0])
    used = budget.spare(time.monotonic()).used
    budget._log.recount()
    json.dump(
        {
            "first notice": started,
            "codes": codes,
            "taken": [count for count in notices if count >= 0],
            "used": used,
            "recounted": budget.spare(time.monotonic()).used,
        },
        sys.stdout,
    )


main(sys.argv[1], int(sys.argv[2]))
