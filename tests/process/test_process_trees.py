"""Promise 2: every ending leaves no process of the handler, within its deadline."""

from __future__ import annotations

import contextlib
import signal
import time
from pathlib import Path

import psutil
import pytest
from support.pool import SETTLED, Pool, end, running
from support.waiting import until

# A handler whose background, setsid and double-forked children all ignore TERM. Each writes its pid.
STUBBORN = """
trap '' TERM
cd "$PIDS"
sleep 300 & echo $! > background
setsid sh -c 'echo $$ > session; trap "" TERM; sleep 300' &
( ( sh -c 'echo $$ > doublefork; exec sleep 300' & ) & )
env -i PATH="$PATH" setsid sh -c 'echo $$ > cleared; trap "" TERM; sleep 300' &
echo $$ > shell
sleep 300
"""
NAMES = ("background", "session", "doublefork", "cleared", "shell")


def stubborn(pids: Path, timeout: float = 300) -> dict[str, object]:
    return {"cmd": STUBBORN, "env": {"PIDS": str(pids)}, "timeout": timeout}


def all_started(pids: Path) -> list[int]:
    """The pids of the handler's processes, once all of them have written theirs."""

    def probe() -> list[int] | None:
        texts = [(pids / name).read_text().strip() for name in NAMES if (pids / name).exists()]
        return [int(text) for text in texts] if len(texts) == len(NAMES) and all(texts) else None

    return until(probe, "all of the handler's processes have started")


def alive(processes: list[int]) -> list[int]:
    """Those that still run."""
    found = []
    for pid in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
                found.append(pid)
    return found


@pytest.fixture
def pids(tmp_path: Path) -> Path:
    folder = tmp_path / "pids"
    folder.mkdir()
    return folder


def test_a_timeout_leaves_nothing_and_is_recorded_in_time(tmp_path: Path, pids: Path) -> None:
    timeout, grace = 2.0, 1.0
    with running(Pool(tmp_path, {"stubborn": stubborn(pids, timeout)}, kill_grace=grace)) as pool:
        site = pool.site()
        execution = site.fire("stubborn")
        processes = all_started(pids)
        started = min(psutil.Process(pid).create_time() for pid in processes)
        found = site.recorded(execution)
        took = time.time() - started
        assert found["outcome"]["error"] == "Handler timeout exceeded (2s)"
        assert not alive(processes)
        assert took < timeout + grace + 2
        until(lambda: pool.leftovers() == SETTLED, "everything is settled")
        site.close()


def test_leftovers_of_a_handler_that_ended_are_killed(tmp_path: Path, pids: Path) -> None:
    handler = stubborn(pids)
    until_all_started = (
        "while [ ! -s cleared ] || [ ! -s doublefork ] || [ ! -s session ]; do sleep 0.05; done"
    )
    handler["cmd"] = f"{STUBBORN.removesuffix('sleep 300' + chr(10))}{until_all_started}; exit 0"
    with running(Pool(tmp_path, {"leaver": handler})) as pool:
        site = pool.site()
        found = site.recorded(site.fire("leaver"))
        assert found["status"] == "success"
        assert not alive(all_started(pids))
        site.close()


def test_the_supervisors_death_ends_the_handler_and_a_restart_records_it(tmp_path: Path, pids: Path) -> None:
    pool = Pool(tmp_path, {"stubborn": stubborn(pids)})
    pool.start()
    try:
        site = pool.site()
        execution = site.fire("stubborn")
        processes = all_started(pids)
        workers = [worker.pid for worker in pool.workers()]
        pool.kill()
        until(lambda: not alive(processes), "nothing of the handler runs", within=3)
        until(lambda: not alive(workers), "the workers have left")
        site.close()
        pool.start()
        site = pool.site()
        found = site.recorded(execution)
        assert found["status"] == "failed"
        assert "the supervisor" in found["outcome"]["error"] or "supervisor died" in found["outcome"]["error"]
        until(lambda: pool.leftovers() == SETTLED, "everything is settled")
        site.close()
    finally:
        end(pool)


def test_a_workers_death_ends_the_handler_records_it_and_refills_the_slot(tmp_path: Path, pids: Path) -> None:
    with running(Pool(tmp_path, {"stubborn": stubborn(pids)})) as pool:
        site = pool.site()
        execution = site.fire("stubborn")
        processes = all_started(pids)
        worker = pool.worker_of("stubborn")
        worker.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        until(lambda: not alive(processes), "nothing of the handler runs", within=2)
        found = site.recorded(execution, within=2)
        until(
            lambda: len(pool.workers()) == 2 and worker not in pool.workers(),
            "the slot is refilled",
            within=2,
        )
        assert time.monotonic() - killed < 2
        assert found["status"] == "failed"
        assert "worker lost" in found["outcome"]["error"]
        until(lambda: pool.leftovers() == SETTLED, "everything is settled")
        site.close()


def test_the_next_start_sweeps_what_a_pool_left_that_was_killed_as_a_whole(
    tmp_path: Path, pids: Path
) -> None:
    handler = stubborn(pids)
    # All killed at once and no cgroup: except for what has cleared its environment and its session.
    handler["cmd"] = STUBBORN.replace('env -i PATH="$PATH" ', "")
    pool = Pool(tmp_path, {"stubborn": handler})
    pool.start()
    try:
        site = pool.site()
        execution = site.fire("stubborn")
        processes = all_started(pids)
        ours = [pool.steward(), *pool.workers(), psutil.Process(pool.process.pid)]
        for process in ours:
            process.suspend()
        for process in ours:
            process.kill()
        pool.process.wait()
        assert alive(processes)
        site.close()
        pool.start()
        assert not alive(processes)
        site = pool.site()
        assert site.recorded(execution)["outcome"]["error"].startswith("worker lost")
        until(lambda: pool.leftovers() == SETTLED, "everything is settled")
        site.close()
    finally:
        end(pool)


def test_a_bystander_is_not_harmed(tmp_path: Path, pids: Path) -> None:
    canary = psutil.Popen(["sleep", "300"], start_new_session=True)
    try:
        with running(Pool(tmp_path, {"stubborn": stubborn(pids, 1)})) as pool:
            site = pool.site()
            site.recorded(site.fire("stubborn"))
            pool.workers()[0].send_signal(signal.SIGKILL)
            pool.wait_for_event("slot.crashed")
            site.close()
        assert canary.poll() is None
    finally:
        canary.kill()
        canary.wait()
