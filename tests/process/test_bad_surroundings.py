"""What a pool does when its surroundings fail it: it says so, and each execution gets one outcome (promise 1)."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from cueworker.pool.spool import Spool
from cueworker.supervisor.settlement import settle_all
from support.disk import SmallDisk, small_disk
from support.faults import Request, page, refusal
from support.forked import unprivileged
from support.limits import limited
from support.nobody import as_owner_of, nobodys, nobodys_pool
from support.pool import Pool, end
from support.records import prepared, write_record
from support.repository import ROOT
from support.stage import Stage, staged
from support.waiting import until

__all__ = ["nobodys"]
PROGRAM = ROOT / "tests" / "programs" / "surroundings.py"
HTML = page(200)
ROOM_FOR_OUTPUT = 24 << 20
"""Bytes by which a worker may grow while it reads its handler's output."""


def doing(*words: object) -> dict[str, Any]:
    """A handler that runs `programs/surroundings.py`."""
    return {"argv": [sys.executable, "-IS", str(PROGRAM), *map(str, words)], "timeout": 100}


def recorded_once(stage: Stage, execution_id: str, status: str = "success") -> dict[str, Any]:
    """The execution once it has its only outcome."""
    found = stage.site.recorded(execution_id)
    assert found["status"] == status, found
    until(lambda: 200 in stage.statuses("outcome", execution_id), "the proxy has seen the answer, too")
    assert stage.statuses("outcome", execution_id).count(200) == 1
    return found


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as made:
        yield made


# A full disk. Its state directory lies on it; the configuration, the log and the server do not.


@pytest.fixture
def on_disk(tmp_path: Path, disk: SmallDisk) -> Iterator[Stage]:
    go = tmp_path / "go"
    handlers = {
        "quick": "echo done",
        "waiter": doing("wait_for", go),
        "writer": doing("fill_outcome", tmp_path / "write"),
    }
    with staged(tmp_path, handlers, is_up=False, workers=2) as stage:
        stage.pool.state_dir = disk.root / "state"
        stage.pool.start()
        yield stage
        disk.free()


@pytest.mark.parametrize("executions_before", [0, 1], ids=["slot record", "workspace"])
def test_a_full_disk_claims_nothing_that_it_cannot_begin(
    on_disk: Stage, disk: SmallDisk, executions_before: int
) -> None:
    stage = on_disk
    for _ in range(executions_before):
        # Each of the two workers has a slot record then, which is overwritten, and only its handler's files are new.
        recorded_once(stage, stage.site.fire("quick"))
        recorded_once(stage, stage.site.fire("quick"))
        stage.wait_until_settled()
    disk.fill()
    execution = stage.site.fire("quick")
    assert "No space left on device" in stage.pool.wait_for_event("claiming.held")[0]
    assert stage.site.get(execution)["status"] == "pending"
    disk.free()
    assert recorded_once(stage, execution)["outcome"]["result"] == "done\n"
    stage.wait_until_settled()


def test_a_full_disk_loses_no_outcome_and_tears_no_history(
    on_disk: Stage, disk: SmallDisk, tmp_path: Path
) -> None:
    stage = on_disk
    executions = [stage.site.fire(task) for task in ("writer", "waiter")]
    stage.pool.wait_for_event("execution.started", 2)
    disk.fill()
    # One after the other: each that ends deletes its files, and so makes room for what the other one writes.
    (tmp_path / "write").touch()
    written = recorded_once(stage, executions[0])["outcome"]["result"]
    assert written == "went on\nno outcome written: No space left on device\n"
    disk.fill()
    (tmp_path / "go").touch()
    assert recorded_once(stage, executions[1])["outcome"]["result"] == "went on\n"
    assert stage.pool.events("report.unspooled")
    disk.free()
    last = stage.site.fire("quick")
    recorded_once(stage, last)
    until(lambda: stage.history(last), "the worker has its acknowledgement, too")
    assert [entry["success"] for entry in stage.history(last)] == [True]
    stage.wait_until_settled()


def test_a_full_disk_and_a_dead_server_at_once(on_disk: Stage, disk: SmallDisk, tmp_path: Path) -> None:
    stage = on_disk
    execution = stage.site.fire("waiter")
    stage.pool.wait_for_event("execution.started")
    disk.fill()
    stage.proxy.refuse()
    (tmp_path / "go").touch()
    stage.pool.wait_for_event("report.unspooled")
    disk.free()
    stage.pool.wait_for_event("report.waiting")
    # What waits is on disk now: the worker is free to die.
    for worker in stage.pool.workers():
        worker.kill()
    stage.proxy.admit()
    assert recorded_once(stage, execution)["outcome"]["result"] == "went on\n"
    stage.wait_until_settled()


def test_a_worker_that_dies_on_a_full_disk_is_settled_when_there_is_room(
    on_disk: Stage, disk: SmallDisk
) -> None:
    stage = on_disk
    execution = stage.site.fire("waiter")
    stage.pool.wait_for_event("execution.started")
    disk.fill()
    stage.pool.worker_of("waiter").kill()
    assert "No space left on device" in stage.pool.wait_for_event("report.unspooled")[0]
    # Nobody may take its place before: the new one would overwrite the record.
    assert len(stage.pool.workers()) == 1
    disk.free()
    assert "worker lost" in recorded_once(stage, execution, "failed")["outcome"]["error"]
    stage.pool.wait_until_up()
    stage.wait_until_settled()


# A state directory that cannot be used.


def a_file(root: Path) -> None:
    root.touch()


def a_dangling_link(root: Path) -> None:
    root.symlink_to(root.parent / "nowhere" / "at all")


def of_somebody_else(root: Path) -> None:
    root.mkdir()
    os.chown(root, 12345, 12345)


def with_a_linked_spool(root: Path) -> None:
    root.mkdir()
    (root.parent / "elsewhere").mkdir()
    (root / "spool").symlink_to(root.parent / "elsewhere")


def with_a_folder_for_a_lock(root: Path) -> None:
    (root / "lock").mkdir(parents=True)


BAD_ROOTS: dict[Callable[[Path], None], tuple[str, str]] = {
    a_file: ("File exists", "choose"),
    a_dangling_link: ("cannot be used", "choose"),
    of_somebody_else: ("belongs to user id 12345", "run as its owner"),
    with_a_linked_spool: ("spool is a symbolic link", "remove it"),
    with_a_folder_for_a_lock: ("lock: Is a directory", "remove it"),
}
"""Each with what must be said of it, and to do."""


def refuses_to_start(pool: Pool, *said: str, by: Sequence[str] = ()) -> None:
    """The pool ends at once with the code for an unusable state directory, and says so on one line."""
    try:
        pool.spawn(by=by)
        assert pool.process is not None
        assert pool.process.wait(20) == 73
        log = pool.log.read_text()
        for words in said:
            assert words in log
        assert "Traceback" not in log
    finally:
        end(pool)


@pytest.mark.parametrize("make", BAD_ROOTS, ids=lambda make: make.__name__)
def test_an_unusable_state_directory_is_refused(tmp_path: Path, make: Callable[[Path], None]) -> None:
    if make is of_somebody_else and os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    pool = Pool(tmp_path, {"quick": "true"})
    make(pool.state_dir)
    refuses_to_start(pool, str(pool.state_dir), *BAD_ROOTS[make])


def test_a_full_disk_is_refused_at_the_start(tmp_path: Path, disk: SmallDisk) -> None:
    pool = Pool(tmp_path, {"quick": "true"})
    pool.state_dir = disk.root / "state"
    disk.fill()
    refuses_to_start(pool, "No space left on device", "make room")
    assert list(pool.state_dir.glob(".*")) == []


def test_a_read_only_file_system_is_refused(tmp_path: Path, disk: SmallDisk) -> None:
    pool = Pool(tmp_path, {"quick": "true"})
    pool.state_dir = disk.root / "state"
    pool.state_dir.mkdir()
    disk.remount("ro")
    refuses_to_start(pool, "Read-only file system", "choose")


def test_a_state_directory_without_permissions_is_refused(nobodys: Path) -> None:
    pool = nobodys_pool(nobodys, {"quick": "true"})
    (nobodys / "locked").mkdir(mode=0o500)
    pool.state_dir = nobodys / "locked" / "state"
    refuses_to_start(pool, "Permission denied", "choose", by=as_owner_of(nobodys))


def test_a_record_that_cannot_be_read_is_not_thrown_away(nobodys: Path) -> None:
    """An execution stands in it: better no pool than one execution less."""
    state_dir = prepared(nobodys / "state")
    write_record(state_dir)
    record = state_dir.slot_record(0)
    record.chmod(0)
    for path in (state_dir.root, state_dir.slots):
        path.chmod(0o755)
    nobodys.chmod(0o755)
    assert unprivileged(lambda: [settle_all(state_dir), record.exists()]) == [False, True]
    record.chmod(0o600)
    assert settle_all(state_dir)
    assert Spool(state_dir).has("e-1")


# Limits. Root has none on processes, so an unprivileged user runs the pool.


@pytest.fixture
def nobodys_stage(nobodys: Path, tmp_path: Path) -> Iterator[Stage]:
    """A pool of an unprivileged user, up."""
    handlers = {
        "quick": "echo done",
        "waiter": f"while [ ! -e {nobodys}/go ]; do sleep 0.05; done; echo done",
    }
    with staged(tmp_path, {"quick": "true"}, is_up=False) as stage:
        settings = {key: stage.pool.settings[key] for key in ("api_base", "api_key")}
        pool = nobodys_pool(nobodys, handlers, workers=2, **settings)
        try:
            pool.spawn(env={"HOME": str(nobodys)}, by=as_owner_of(nobodys))
            pool.wait_until_up()
            yield Stage(stage.server, stage.proxy, pool, stage.site)
        finally:
            end(pool)


def supervisor_of(stage: Stage) -> psutil.Process:
    assert stage.pool.process is not None
    return psutil.Process(stage.pool.process.pid)


def test_a_worker_that_may_not_fork_says_which_limit_to_raise(nobodys_stage: Stage) -> None:
    stage = nobodys_stage
    with limited(stage.pool.workers(), resource.RLIMIT_NPROC, 1):
        found = recorded_once(stage, stage.site.fire("quick"), "failed")
        assert "Resource temporarily unavailable; raise the pool's limits" in found["outcome"]["error"]
    assert recorded_once(stage, stage.site.fire("quick"))["outcome"]["result"] == "done\n"
    stage.wait_until_settled()


def test_a_supervisor_that_may_not_fork_tries_again(nobodys_stage: Stage) -> None:
    stage = nobodys_stage
    with limited([supervisor_of(stage)], resource.RLIMIT_NPROC, 1):
        stage.pool.workers()[0].kill()
        assert "Resource temporarily unavailable" in stage.pool.wait_for_event("slot.cannot_boot")[0]
        # The other one goes on.
        recorded_once(stage, stage.site.fire("quick"))
    stage.pool.wait_until_up()


def test_a_worker_without_a_thread_for_its_lease_goes_on(nobodys_stage: Stage) -> None:
    stage = nobodys_stage
    execution = stage.site.fire("waiter")
    stage.pool.wait_for_event("execution.started")
    with limited([stage.pool.worker_of("waiter")], resource.RLIMIT_NPROC, 1):
        stage.pool.wait_for_event("lease.unkept")
    (stage.pool.folder / "go").touch()
    assert recorded_once(stage, execution)["outcome"]["result"] == "done\n"


NO_FILES = 3
"""A limit on open files that leaves no room for another one."""


def test_processes_without_a_free_descriptor_lose_nothing(tmp_path: Path) -> None:
    handlers = {"quick": "echo done", "waiter": doing("wait_for", tmp_path / "go")}
    with staged(tmp_path, handlers, workers=2) as stage:
        pool = stage.pool
        # Workers: nothing is claimed.
        with limited(pool.workers(), resource.RLIMIT_NOFILE, NO_FILES):
            held = stage.site.fire("quick")
            until(lambda: "Too many open files" in pool.log.read_text(), "it is said")
            assert stage.site.get(held)["status"] == "pending"
        recorded_once(stage, held)
        # The steward: nothing is offered, and what waits in the spool stays there.
        with limited([pool.steward()], resource.RLIMIT_NOFILE, NO_FILES):
            held = stage.site.fire("quick")
            until(lambda: "cannot offer work" in pool.log.read_text(), "it is said")
        recorded_once(stage, held)
        # The supervisor: nothing is settled before it can look.
        lost = stage.site.fire("waiter")
        pool.wait_for_event("execution.started", 3)
        with limited([supervisor_of(stage)], resource.RLIMIT_NOFILE, NO_FILES):
            pool.worker_of("waiter").kill()
            pool.wait_for_event("slot.unswept")
            assert stage.site.get(lost)["status"] == "delivering"
        assert "worker lost" in recorded_once(stage, lost, "failed")["outcome"]["error"]
        pool.wait_until_up()
        recorded_once(stage, stage.site.fire("quick"))
        stage.wait_until_settled()


# Handlers that take or destroy much.


@pytest.mark.parametrize("gigabytes", [0.25, pytest.param(5, marks=pytest.mark.soak)])
def test_endless_output_takes_no_memory(tmp_path: Path, gigabytes: float) -> None:
    with staged(tmp_path, {"flood": doing("flood", gigabytes)}, workers=1) as stage:
        worker = stage.pool.workers()[0]
        execution = stage.site.fire("flood")
        stage.site.claimed(execution)
        before = grown = worker.memory_info().rss
        while stage.site.get(execution)["status"] == "delivering":
            grown = max(grown, worker.memory_info().rss)
        found = recorded_once(stage, execution)["outcome"]["result"]
        assert grown - before < ROOM_FOR_OUTPUT
        assert found.startswith("xxx")
        assert found.endswith("all written\n")


def test_a_state_directory_that_a_handler_deletes_is_made_again(tmp_path: Path) -> None:
    handlers = {
        "uproot": doing("uproot", tmp_path / "state"),
        "waiter": doing("wait_for", tmp_path / "go"),
        "quick": "echo done",
    }
    with staged(tmp_path, handlers, workers=2) as stage:
        waiter = stage.site.fire("waiter")
        stage.pool.wait_for_event("execution.started")
        assert recorded_once(stage, stage.site.fire("uproot"))["outcome"]["result"] == "nothing left\n"
        (tmp_path / "go").touch()
        assert recorded_once(stage, waiter)["outcome"]["result"] == "went on\n"
        # Every process can be replaced, and still nothing is lost while the server is away.
        stage.proxy.rule = lambda request: refusal(503) if request.action == "outcome" else None
        waiting = stage.site.fire("quick")
        stage.pool.wait_for_event("report.waiting")
        for process in (*stage.pool.workers(), stage.pool.steward()):
            process.kill()
        stage.pool.wait_for_event("slot.crashed", 3)
        stage.proxy.clear()
        assert recorded_once(stage, waiting)["outcome"]["result"] == "done\n"
        stage.pool.wait_until_up()
        recorded_once(stage, stage.site.fire("quick"))
        stage.wait_until_settled()
        assert {
            path.stat().st_mode & 0o777 for path in (stage.pool.state_dir, stage.pool.state_dir / "spool")
        } == {0o700}


def test_a_spool_that_cannot_be_looked_through_is_tried_again(tmp_path: Path) -> None:
    with staged(tmp_path, {"quick": "echo done"}) as stage:
        stage.proxy.rule = lambda request: refusal(503) if request.action == "outcome" else None
        execution = stage.site.fire("quick")
        stage.pool.wait_for_event("report.waiting")
        until(lambda: not stage.pool.leftovers()["slots"], "the report is the steward's")
        spool, aside = stage.pool.state_dir / "spool", tmp_path / "aside"
        spool.rename(aside)
        spool.touch()
        steward = stage.pool.steward()
        stage.pool.wait_for_event("spool.unusable")
        spool.unlink()
        aside.rename(spool)
        stage.proxy.clear()
        assert recorded_once(stage, execution)["outcome"]["result"] == "done\n"
        assert stage.pool.steward() == steward
        stage.wait_until_settled()


def test_a_payload_of_a_megabyte_arrives(tmp_path: Path) -> None:
    with staged(tmp_path, {"digest": doing("digest", "")}) as stage:
        text = "ä" * 100_000 + "x" * 300_000
        execution = stage.site.fire("digest", {"text": text})
        size, digest, in_environment = recorded_once(stage, execution)["outcome"]["result"].split()
        payload = json.dumps({"text": text, "task": "digest"}).encode()
        assert (int(size), digest) == (len(payload), hashlib.sha256(payload).hexdigest())
        assert in_environment == "False"
        stage.wait_until_settled()


# A server that is not what it should be.


def test_rows_that_can_never_be_claimed_starve_nobody(tmp_path: Path) -> None:
    with staged(tmp_path, {"quick": "echo done"}, is_up=False, workers=2) as stage:
        blocked = {stage.site.fire("quick") for _ in range(49)}
        last = stage.site.fire("quick")

        def rule(request: Request) -> Any:
            is_refused = request.action == "claim" and request.execution_id in blocked
            return refusal(409) if is_refused else None

        stage.proxy.rule = rule
        stage.pool.start()
        recorded_once(stage, last)
        tries = [len(stage.proxy.of("claim", execution)) for execution in blocked]
        assert max(tries) <= 3, "a refused row must rest"
        stage.proxy.clear()
        for execution in blocked:
            recorded_once(stage, execution)
        stage.wait_until_settled()


def test_a_full_page_of_a_task_that_nobody_handles_starves_nobody(tmp_path: Path) -> None:
    with staged(tmp_path, {"quick": "echo done"}, is_up=False) as stage:
        for _ in range(55):
            stage.site.fire("somebody-elses")
        last = stage.site.fire("quick")
        stage.pool.start()
        recorded_once(stage, last)


def test_a_server_that_answers_html_is_named_and_loses_nothing(tmp_path: Path) -> None:
    handlers = {"quick": "echo done", "waiter": doing("wait_for", tmp_path / "go")}
    # A third worker, so that one is idle, and work is listed, also when a listing that was under way shows the second.
    with staged(tmp_path, handlers, workers=3) as stage:
        running = stage.site.fire("waiter")
        stage.pool.wait_for_event("execution.started")
        stage.proxy.rule = lambda _: HTML
        waiting = stage.site.fire("quick")
        assert "is not JSON" in stage.pool.wait_for_event("listing.failed")[0]
        (tmp_path / "go").touch()
        stage.pool.wait_for_event("report.waiting")
        stage.proxy.clear()
        for execution in (running, waiting):
            recorded_once(stage, execution)
        stage.wait_until_settled()
