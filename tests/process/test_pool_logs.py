"""The logs of a running pool: each process's lines in one file, output to follow, files that are moved away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from cueworker.pool.execution_log import path_of
from support.cli import command, surroundings
from support.pool import Pool, running, site_of
from support.site import Site
from support.waiting import PATIENCE, until


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    folder = tmp_path_factory.mktemp("logs")
    wait = 'while [ ! -e "$GO" ]; do sleep 0.05; done'
    handlers = {
        "say": {"cmd": 'echo "Bearer $A_TOKEN"; echo "$A_TOKEN" >&2', "env": {"A_TOKEN": "tok-in-clear-01"}},
        "slow": {"cmd": f"echo first; {wait}; echo last", "env": {"GO": str(folder / "go")}},
        "silent": "true",
    }
    log = {"file": "pool.json", "format": "json"}
    with running(Pool(folder, handlers, redact=False, log=log)) as pool:
        yield pool


@pytest.fixture(scope="module")
def site(pool: Pool) -> Iterator[Site]:
    with site_of(pool, "silent") as site:
        yield site


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def events_of(path: Path, execution: str) -> set[str]:
    return {line["event"] for line in lines(path) if line.get("execution_id") == execution}


def holders(pool: Pool, path: Path) -> list[str]:
    """The pool's processes that have a file open."""
    assert pool.process is not None
    found = []
    for process in [psutil.Process(pool.process.pid), *pool.children()]:
        opened = [os.path.realpath(each.path) for each in process.open_files()]
        if any(each.startswith(str(path)) for each in opened):
            found.append(" ".join(process.cmdline()))
    return found


def test_every_process_writes_json_lines_into_the_one_file(pool: Pool, site: Site) -> None:
    execution = site.fire("say")
    outcome = site.recorded(execution)["outcome"]
    path = pool.folder / "pool.json"

    def told() -> dict[str, dict[str, Any]] | None:
        found = {line["event"]: line for line in lines(path) if line.get("execution_id") == execution}
        return found if "report.recorded" in found else None

    events = until(told, "the outcome is told")
    claimed = events["execution.claimed"]
    assert claimed["msg"] == f"say: claimed {execution}"
    assert (claimed["task"], claimed["process"].split()[0]) == ("say", "worker")
    assert {line["process"] for line in lines(path)} >= {"supervisor", claimed["process"]}
    # `redact: false`: what handlers say stays as it is, in the report and in the execution's own log.
    assert outcome["result"] == "Bearer tok-in-clear-01\n\n--- stderr ---\ntok-in-clear-01\n"
    log = path_of(pool.state_dir / "logs", execution).read_text()
    assert sorted(log.splitlines()) == ["Bearer tok-in-clear-01", "tok-in-clear-01"]
    assert not path_of(pool.state_dir / "logs", site.fire("silent")).exists()


def test_an_execution_can_be_followed_while_it_runs(pool: Pool, site: Site, tmp_path: Path) -> None:
    execution = site.fire("slow")
    until(path_of(pool.state_dir / "logs", execution).exists, "its output is there")
    words = ("logs", execution[:20], "-f", "--config", str(pool.config), "--state-dir", str(pool.state_dir))
    with subprocess.Popen(
        command(*words), env=surroundings(tmp_path), stdout=subprocess.PIPE, text=True
    ) as follower:
        assert follower.stdout is not None
        try:
            assert follower.stdout.readline() == "first\n"
            assert site.get(execution)["status"] == "delivering"
            (pool.folder / "go").touch()
            assert follower.stdout.read() == "last\n"
            assert follower.wait(PATIENCE) == 0
        finally:
            follower.kill()
    assert site.recorded(execution)["status"] == "success"


def test_usr1_makes_every_process_let_go_of_a_file_that_was_moved_away(pool: Pool, site: Site) -> None:
    path, moved = pool.folder / "pool.json", pool.folder / "moved.json"
    path.rename(moved)
    assert holders(pool, moved)
    pool.send(signal.SIGUSR1)
    until(lambda: any(line["event"] == "log.reopened" for line in lines(path)), "it is told in the new file")
    until(lambda: not holders(pool, moved), "all have let go of the old file")
    execution = site.fire("say")
    until(lambda: "report.recorded" in events_of(path, execution), "workers write to the new file")
    assert events_of(moved, execution) == set()


def test_the_log_goes_to_standard_error_while_its_file_cannot_be_written(pool: Pool, site: Site) -> None:
    path = pool.folder / "pool.json"
    path.unlink()
    path.mkdir()
    assert site.recorded(site.fire("say"))["status"] == "success"
    said = until(
        lambda: [line for line in pool.log.read_text().splitlines() if "execution.ended" in line],
        "it is said",
    )
    assert json.loads(said[0])["task"] == "say"
    path.rmdir()

    def is_taken_up_again() -> bool:
        # By the worker that could not write to it.
        site.recorded(site.fire("say"))
        return any(line["event"] == "log.writable" for line in lines(path))

    until(is_taken_up_again, "the file is taken up again")
