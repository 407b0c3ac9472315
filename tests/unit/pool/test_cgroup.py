"""An execution's cgroup: whoever is born in it ends with it, and the one who starts it stays outside."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from cueworker.pool.cgroup import Cgroups, own_path
from support.cgroups import Delegated, delegated
from support.forked import in_child
from support.waiting import until

__all__ = ["delegated"]

# Each child starts the next and is gone: found one by one, they are met by chance alone.
RUNNERS = "(while :; do setsid env -i sh -c 'exec sleep 0.01' & done) & (while :; do (sleep 0.01 &) ; done)"


@contextlib.contextmanager
def joined(cgroups: Cgroups) -> Iterator[None]:
    """The calling process is in the pool's own group."""
    cgroups.home.mkdir()
    (cgroups.home / "cgroup.procs").write_text("0")
    yield


def test_a_handler_is_born_in_its_group_and_its_worker_stays_out(delegated: Delegated) -> None:
    def worker() -> dict[str, Any]:
        cgroups = Cgroups(delegated.folder)
        with joined(cgroups):
            before = own_path()
            group = cgroups.make(0xABC, kept=False)
            with group.entered():
                started = subprocess.Popen(["sh", "-c", RUNNERS], start_new_session=True)
            assert own_path() == before
            assert group.execution == 0xABC
            assert [found.path for found in cgroups.of(0xABC)] == [group.path]
            assert group.is_populated
            assert group.remove() is False
            group.kill()
            assert started.wait(10) == -9
            until(lambda: not group.is_populated, "nothing of it is left", within=2)
            assert group.remove() is True
            assert cgroups.all() == []
            return {"before": before, "group": group.path.name}

    found = in_child(worker)
    assert found["before"].endswith("/pool")
    assert found["group"] == "run-0000000000000abc"


def test_what_may_stay_is_known_by_its_group(delegated: Delegated) -> None:
    def worker() -> None:
        cgroups = Cgroups(delegated.folder)
        with joined(cgroups):
            kept, other = cgroups.make(1, kept=True), cgroups.make(2, kept=False)
            sleepers = []
            for group in (kept, other):
                with group.entered():
                    sleepers.append(subprocess.Popen(["sleep", "300"]))
            assert (kept.keeps, other.keeps) == (True, False)
            pids = [sleeper.pid for sleeper in sleepers]
            assert [cgroups.is_kept(pid, set()) for pid in pids] == [True, False]
            # Not if it is to end with its worker.
            assert not cgroups.is_kept(pids[0], {1})
            assert cgroups.is_kept(pids[0], {2})
            assert not cgroups.is_kept(os.getpid(), set())
            for group, sleeper in zip((kept, other), sleepers, strict=True):
                group.kill()
                sleeper.wait()
            assert not cgroups.is_kept(pids[0], set())

    in_child(worker)


def test_a_group_that_cannot_be_used_hinders_nobody_and_kills_nobody(
    delegated: Delegated,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def worker() -> None:
        cgroups = Cgroups(delegated.folder)
        with joined(cgroups):
            gone = cgroups.make(1, kept=True)
            gone.path.rmdir()
            with gone.entered():
                started = subprocess.Popen(["sleep", "300"])
            gone.limit({"pids.max": "1"})
            gone.kill()
            assert psutil.Process(started.pid).is_running()
            assert (gone.keeps, gone.is_populated) == (False, False)
            started.kill()
            started.wait()

            # Its way back is gone: killing the group would kill this process.
            stuck = Cgroups(delegated.folder).make(2, kept=False)
            with stuck.entered():
                started = subprocess.Popen(["sleep", "300"])
                stuck._home = Path("/nowhere")
            stuck.kill()
            assert not stuck.is_populated
            started.kill()
            started.wait()

    in_child(worker)


def test_a_limit_that_the_kernel_does_not_take_is_said(
    delegated: Delegated,
    caplog: pytest.LogCaptureFixture,
) -> None:
    group = Cgroups(delegated.folder).make(1, kept=False)
    group.limit({"cgroup.max.depth": "0", "no.such.file": "1", "cgroup.max.descendants": "nonsense"})
    assert (group.path / "cgroup.max.depth").read_text() == "0\n"
    assert [record.__dict__["event"] for record in caplog.records] == ["cgroup.failed"] * 2
