"""SIGHUP: a good configuration touches no running handler, a bad one changes nothing (promise 6)."""

from __future__ import annotations

import signal
from pathlib import Path

from support.pool import Pool, running
from support.waiting import until


def test_a_reload_holds_for_new_executions_and_leaves_running_ones_alone(tmp_path: Path) -> None:
    go = tmp_path / "go"
    waiter = {"cmd": 'while [ ! -e "$GO" ]; do sleep 0.05; done; echo old', "env": {"GO": str(go)}}
    with running(Pool(tmp_path, {"waiter": waiter, "greet": "echo old"}, workers=2)) as pool:
        site = pool.site()
        waiting = site.fire("waiter")
        site.claimed(waiting)
        pool.configure({"waiter": waiter, "greet": "echo new", "extra": "echo extra"}, workers=3)
        pool.send(signal.SIGHUP)
        pool.wait_for_event("pool.reloaded")
        assert site.recorded(site.fire("greet"))["outcome"]["result"] == "new\n"
        assert site.recorded(site.fire("extra"))["outcome"]["result"] == "extra\n"
        until(lambda: len(pool.workers()) == 3, "there are three workers")
        assert site.get(waiting)["status"] == "delivering"
        go.touch()
        assert site.recorded(waiting)["outcome"]["result"] == "old\n"
        site.close()


def test_a_reload_can_shrink_the_pool(tmp_path: Path) -> None:
    with running(Pool(tmp_path, {"greet": "echo hello"}, workers=4)) as pool:
        site = pool.site()
        pool.configure({"greet": "echo hello"}, workers=1)
        pool.send(signal.SIGHUP)
        pool.wait_for_event("pool.reloaded")
        until(lambda: len(pool.workers()) == 1, "there is one worker")
        assert site.recorded(site.fire("greet"))["status"] == "success"
        site.close()


def test_a_bad_configuration_changes_nothing_and_is_reported_with_its_line(tmp_path: Path) -> None:
    with running(Pool(tmp_path, {"greet": "echo hello"})) as pool:
        site = pool.site()
        before = {worker.pid for worker in pool.workers()}
        pool.config.write_text("workers: 2\nhandlers:\n  greet:\n    cmdd: echo hello\n  broken: [\n")
        pool.send(signal.SIGHUP)
        lines = pool.wait_for_event("pool.not_reloaded")
        assert f"{pool.config}:" in lines[0]
        assert site.recorded(site.fire("greet"))["outcome"]["result"] == "hello\n"
        assert {worker.pid for worker in pool.workers()} == before
        site.close()
