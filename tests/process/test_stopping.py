"""How a pool stops: drain, ladder, at once; and what each way records (promise 7)."""

from __future__ import annotations

import os
import pty
import signal
import time
from pathlib import Path

import pytest
from support.pool import SETTLED, Pool, end, running
from support.waiting import until

STUBBORN = "trap '' TERM; touch \"$STARTED\"; sleep 300 & wait; wait; wait"


def wait_started(path: Path) -> None:
    until(path.exists, "the handler has started")


def handler(tmp_path: Path, cmd: str) -> dict[str, object]:
    return {"cmd": cmd, "env": {"STARTED": str(tmp_path / "started"), "GO": str(tmp_path / "go")}}


def test_a_drain_lets_handlers_finish_and_claims_nothing_more(tmp_path: Path) -> None:
    waiter = handler(tmp_path, 'touch "$STARTED"; while [ ! -e "$GO" ]; do sleep 0.05; done; echo finished')
    with running(Pool(tmp_path, {"waiter": waiter}, workers=1, shutdown_grace=30)) as pool:
        site = pool.site()
        first = site.fire("waiter")
        wait_started(tmp_path / "started")
        second = site.fire("waiter")
        pool.send(signal.SIGTERM)
        pool.wait_for_event("pool.draining")
        (tmp_path / "go").touch()
        # The local server goes last: the outcome is recorded before it leaves.
        assert site.recorded(first)["outcome"]["result"] == "finished\n"
        assert site.get(second)["status"] == "pending"
        site.close()
        assert pool.stop() == 0
        assert pool.leftovers() == SETTLED


def test_a_drain_ends_what_does_not_finish_within_its_grace(tmp_path: Path) -> None:
    grace, kill_grace = 1.0, 1.0
    stubborn = handler(tmp_path, STUBBORN)
    with running(Pool(tmp_path, {"stubborn": stubborn}, shutdown_grace=grace, kill_grace=kill_grace)) as pool:
        site = pool.site()
        execution = site.fire("stubborn")
        wait_started(tmp_path / "started")
        began = time.monotonic()
        pool.send(signal.SIGTERM)
        found = site.recorded(execution)
        assert grace <= time.monotonic() - began < grace + kill_grace + 2
        assert found["status"] == "failed"
        assert found["outcome"]["metadata"]["_cueapi_worker"]["ending"] == "shut_down"
        site.close()
        assert pool.stop() == 0


@pytest.mark.parametrize("signals", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT)])
def test_a_second_signal_starts_the_ladder(tmp_path: Path, signals: tuple[signal.Signals, ...]) -> None:
    with running(Pool(tmp_path, {"stubborn": handler(tmp_path, STUBBORN)}, shutdown_grace=300)) as pool:
        site = pool.site()
        execution = site.fire("stubborn")
        wait_started(tmp_path / "started")
        began = time.monotonic()
        pool.send(signals[0])
        pool.wait_for_event("pool.draining")
        pool.send(signals[1])
        found = site.recorded(execution)
        assert time.monotonic() - began < pool.settings["kill_grace"] + 2
        assert found["outcome"]["metadata"]["_cueapi_worker"]["ending"] == "shut_down"
        site.close()
        assert pool.stop() == 0


def test_quit_kills_at_once_and_still_records(tmp_path: Path) -> None:
    with running(Pool(tmp_path, {"stubborn": handler(tmp_path, STUBBORN)}, kill_grace=60)) as pool:
        site = pool.site()
        execution = site.fire("stubborn")
        wait_started(tmp_path / "started")
        began = time.monotonic()
        pool.send(signal.SIGQUIT)
        assert site.recorded(execution)["status"] == "failed"
        assert time.monotonic() - began < 2
        site.close()
        assert pool.stop() == 0
        assert pool.leftovers() == SETTLED


def test_an_idle_pool_stops_at_once(tmp_path: Path) -> None:
    with running(Pool(tmp_path, {"noop": "true"}, shutdown_grace=300)) as pool:
        began = time.monotonic()
        assert pool.stop() == 0
        assert time.monotonic() - began < 5


def test_a_second_pool_on_the_same_state_directory_says_who_holds_it(tmp_path: Path) -> None:
    pool = Pool(tmp_path, {"noop": "true"})
    with running(pool):
        other = Pool(tmp_path, {"noop": "true"}, kill_grace=0)
        other.log = tmp_path / "other.log"
        try:
            other.spawn()
            assert other.process is not None and pool.process is not None
            assert other.process.wait(30) == 75
            assert f"pid {pool.process.pid}" in other.log.read_text()
        finally:
            end(other)


def test_signals_while_it_boots_end_it_cleanly(tmp_path: Path) -> None:
    pool = Pool(tmp_path, {"noop": "true"})
    try:
        pool.spawn()
        pool.wait_for_event("slot.started")
        pool.send(signal.SIGTERM)
        assert pool.process is not None
        assert pool.process.wait(30) == 0
    finally:
        end(pool)


def test_a_dead_steward_is_replaced_and_work_goes_on(tmp_path: Path) -> None:
    with running(Pool(tmp_path, {"noop": "true"})) as pool:
        site = pool.site()
        steward = pool.steward()
        steward.kill()
        pool.wait_for_event("slot.crashed")
        assert site.recorded(site.fire("noop"))["status"] == "success"
        assert pool.steward().pid != steward.pid
        site.close()


def test_a_dead_local_server_is_started_again_on_its_port(tmp_path: Path) -> None:
    with running(Pool(tmp_path, {"noop": "true"})) as pool:
        site = pool.site()
        server = next(child for child in pool.children() if "local server" in " ".join(child.cmdline()))
        server.kill()
        pool.wait_for_event("local.died")
        again = until(lambda: pool.site() if pool.children() else None, "the server is back")
        assert again.url == site.url
        assert again.recorded(again.fire("noop"))["status"] == "success"
        again.close()
        site.close()


def test_a_hangup_drains_a_pool_that_was_started_on_a_terminal(tmp_path: Path) -> None:
    pool = Pool(tmp_path, {"noop": "true"})
    terminal, its_other_end = pty.openpty()
    try:
        pool.spawn(stdin=its_other_end)
        pool.wait_until_up()
        pool.send(signal.SIGHUP)
        assert pool.process is not None
        assert pool.process.wait(30) == 0
        assert pool.events("pool.draining")
    finally:
        os.close(terminal)
        os.close(its_other_end)
        end(pool)
