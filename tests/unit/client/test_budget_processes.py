"""One budget in many processes: the sum holds, and no death or stop of a process takes it from the others."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cueworker.client import Budget, BudgetExhausted, Priority
from cueworker.client.process_lock import ProcessLock

HOLDER = """
import os, sys
from pathlib import Path
from cueworker.client.process_lock import ProcessLock
lock = ProcessLock(Path(sys.argv[1]))
assert lock.acquire(5)
print("held", flush=True)
sys.stdin.read()
lock.release()
"""


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[ProcessLock]:
    made = ProcessLock(tmp_path / "lock")
    yield made
    made.close()


@pytest.fixture
def budget(tmp_path: Path) -> Iterator[Budget]:
    made = Budget.create(tmp_path / "lock")
    yield made
    made.close()


def held_by_another(path: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_eight_processes_share_one_limit_and_a_killed_one_takes_nothing_along(tmp_path):
    limit = 2000
    program = Path(__file__).with_name("budget_hammer.py")
    done = subprocess.run(
        [sys.executable, str(program), str(tmp_path / "lock"), str(limit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["codes"][1:] == [0] * 7, done.stderr
    assert seen["codes"][0] in {-signal.SIGKILL, 0}
    # What the killed process took is in no message, but it is in the shared count.
    assert (seen["used"], seen["recounted"]) == (limit, limit)
    assert len(seen["taken"]) >= 7
    assert sum(seen["taken"]) <= limit - 1


def test_a_killed_holder_frees_the_lock(tmp_path, lock):
    holder = held_by_another(tmp_path / "lock")
    assert not lock.acquire(0.05)
    holder.kill()
    holder.communicate()
    assert lock.acquire(5)
    lock.release()


def test_a_stopped_holder_holds_up_neither_outcomes_nor_leases(tmp_path, budget):
    holder = held_by_another(tmp_path / "lock")
    try:
        os.kill(holder.pid, signal.SIGSTOP)
        for priority in (Priority.OUTCOME, Priority.LEASE):
            reservation = budget.reserve(priority, time.monotonic())
            budget.settle(reservation, now=time.monotonic(), epoch_now=0.0, status=200, headers={})
            budget.release(reservation, time.monotonic())
        for priority in (Priority.CLAIM, Priority.LISTING):
            with pytest.raises(BudgetExhausted) as caught:
                budget.reserve(priority, time.monotonic())
            assert caught.value.retry_after == 1.0
        assert budget.spare(time.monotonic()).used == 0
    finally:
        os.kill(holder.pid, signal.SIGCONT)
        holder.communicate("")
    budget.reserve(Priority.LISTING, time.monotonic())
    assert budget.spare(time.monotonic()).used == 1


def test_the_lock_excludes_threads_too(lock):
    assert lock.acquire(5)
    tried: list[bool] = []
    thread = threading.Thread(target=lambda: tried.append(lock.acquire(0.05)))
    thread.start()
    thread.join(5)
    lock.release()
    assert tried == [False]


def test_a_child_forked_while_the_lock_is_held_opens_its_own(lock):
    assert lock.acquire(5)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"f" if lock.acquire(0.05) else b"h")
        os.read(reader, 0)
        os._exit(0 if lock.acquire(10) else 1)
    assert os.read(reader, 1) == b"h", "the child has no lock of its parent's"
    lock.release()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(reader)
    os.close(writer)


def test_the_lock_file_is_private_and_opened_once(tmp_path, budget):
    assert not (tmp_path / "lock").exists(), "the process that forks holds no descriptor"
    budget.reserve(Priority.CLAIM, time.monotonic())
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o600
    before = len(os.listdir("/dev/fd"))
    for _ in range(50):
        budget.release(budget.reserve(Priority.CLAIM, time.monotonic()), time.monotonic())
    assert len(os.listdir("/dev/fd")) == before
    # Unlocked between the calls: another process may take it.
    with (tmp_path / "lock").open("r+") as other:
        assert _another_process_may_lock(other.name)


def _another_process_may_lock(path: str) -> bool:
    code = f"import fcntl; fcntl.lockf(open({path!r}, 'r+'), {fcntl.LOCK_EX | fcntl.LOCK_NB})"
    return subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
