"""Executions that take their worker with them, and workers that cannot live: the pool bears it, in measure."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import psutil
from support.nobody import as_owner_of, nobodys, nobodys_pool
from support.pool import SETTLED, Pool, end, running
from support.repository import ROOT
from support.waiting import until

__all__ = ["nobodys"]
POISON = ROOT / "tests" / "programs" / "poison.py"
WINDOW = 3.0
MOST_FORKS = 6
"""Of one slot in the window: 0.1, 0.2, 0.4, 0.8, 1.6 s lie between them, less a quarter of jitter."""
MOST_CPU = 1.0
"""Seconds of the supervisor's own in the window."""
SLACK = 3.0
"""Seconds beyond deadline and grace after which the supervisor steps in for a worker."""


def poison(how: str, timeout: float = 100) -> dict[str, object]:
    return {"argv": [sys.executable, "-IS", str(POISON), how], "timeout": timeout}


def cpu(pool: Pool) -> float:
    assert pool.process is not None
    spent = psutil.Process(pool.process.pid).cpu_times()
    return spent.user + spent.system


def settled(pool: Pool) -> None:
    until(lambda: pool.leftovers() == SETTLED, "everything is settled")


def test_handlers_that_kill_their_worker_cost_little(tmp_path: Path) -> None:
    go = tmp_path / "go"
    waiter = {"cmd": 'while [ ! -e "$GO" ]; do sleep 0.05; done; echo done', "env": {"GO": str(go)}}
    handlers = {"poison": poison("KILL"), "quick": "echo done", "waiter": waiter}
    with running(Pool(tmp_path, handlers, workers=3)) as pool:
        site = pool.site()
        waiting = site.fire("waiter")
        site.claimed(waiting)
        bystander = pool.worker_of("waiter")
        forks, spent, began = len(pool.events("slot.started")), cpu(pool), time.monotonic()
        poisoned = [site.fire("poison") for _ in range(10)]
        for execution in poisoned:
            assert "worker lost" in site.recorded(execution)["outcome"]["error"]
        seconds = time.monotonic() - began
        # Two slots, five times each: held back, but only by what their deaths cost.
        assert 0.75 * (0.1 + 0.2 + 0.4 + 0.8) < seconds < 2 * WINDOW
        assert cpu(pool) - spent < 2 * MOST_CPU
        assert len(pool.events("slot.started")) - forks <= len(poisoned)
        go.touch()
        assert site.recorded(waiting)["status"] == "success"
        assert bystander in pool.workers()
        pool.wait_until_up()
        assert site.recorded(site.fire("quick"))["status"] == "success"
        settled(pool)
        site.close()


def test_restarts_are_bounded_and_the_supervisor_stays_calm(tmp_path: Path) -> None:
    with running(Pool(tmp_path, {"poison": poison("KILL")}, workers=2)) as pool:
        site = pool.site()
        for _ in range(4 * MOST_FORKS):
            site.fire("poison")
        pool.wait_for_event("slot.crashed")
        forks, spent, began = len(pool.events("slot.started")), cpu(pool), time.monotonic()
        until(lambda: time.monotonic() > began + WINDOW, "the window is over")
        assert cpu(pool) - spent < MOST_CPU
        assert 2 <= len(pool.events("slot.started")) - forks <= 2 * MOST_FORKS
        assert pool.stop(signal.SIGQUIT) == 0
        site.close()


def test_a_handler_that_stops_its_worker_is_ended_all_the_same(tmp_path: Path) -> None:
    timeout, grace = 1.0, 0.5
    handlers = {"poison": poison("STOP", timeout), "quick": "echo done"}
    with running(Pool(tmp_path, handlers, workers=4, kill_grace=grace)) as pool:
        site = pool.site()
        began = time.monotonic()
        # More than one: a worker may be stopped before it has come to watch its handler, or after.
        poisoned = [site.fire("poison") for _ in range(3)]
        assert site.recorded(site.fire("quick"))["status"] == "success"
        for execution in poisoned:
            assert "worker lost" in site.recorded(execution)["outcome"]["error"]
        assert time.monotonic() - began < timeout + grace + SLACK + 2
        pool.wait_until_up()
        assert site.recorded(site.fire("quick"))["status"] == "success"
        settled(pool)
        site.close()


def test_a_pool_whose_workers_cannot_start_gives_up_and_says_so(nobodys: Path) -> None:
    handlers, settings = (
        {"quick": "true"},
        {"api_base": "http://127.0.0.1:9", "api_key": "cue_sk_" + "0" * 32},
    )
    pool = nobodys_pool(nobodys, handlers, workers=3, **settings)
    try:
        began = time.monotonic()
        pool.spawn(by=[*as_owner_of(nobodys), "prlimit", "--nproc=1"])
        assert pool.process is not None
        assert pool.process.wait(20) == 70
        assert time.monotonic() - began < 10
        reason = pool.events("pool.cannot_boot")[0]
        assert "no worker can start (fork: Resource temporarily unavailable" in reason
        assert "ulimit -u" in reason
        assert len(pool.events("slot.cannot_boot")) <= 3 * 3 + 3
    finally:
        end(pool)
