"""Promise 3: a lease is kept for as long as its handler runs, and no handler outlives its lease."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import psutil
import pytest
from cueworker.pool.process_tree import is_alive
from support.faults import BlackHole, always
from support.stage import Stage, staged
from support.waiting import PATIENCE, until

FENCED_WITHIN = 1.0
"""Seconds after the deadline, or the server's no, within which nothing of the handler may run any more."""

# A handler with a child in a session of its own; both ignore TERM. Each writes its pid.
STUBBORN = """
trap '' TERM
echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/runs"
setsid sh -c 'echo $$ > "$FOLDER/$CUEAPI_EXECUTION_ID.child"; exec sleep 300' &
echo $$ > "$FOLDER/$CUEAPI_EXECUTION_ID.shell"
wait
"""
TIMED = 'echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/runs"; sleep {seconds}'
GATED = 'echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/runs"; while [ ! -e "$FOLDER/gate" ]; do sleep 0.1; done'


def handler(folder: Path, command: str, **options: object) -> dict[str, object]:
    return {"cmd": command, "env": {"FOLDER": str(folder)}, **options}


def runs(folder: Path) -> list[str]:
    """The executions that ran, one entry for each run."""
    file = folder / "runs"
    return file.read_text().split() if file.exists() else []


def processes_of(folder: Path, execution_id: str) -> list[psutil.Process]:
    """The processes of a stubborn handler, once both have started."""

    def probe() -> list[psutil.Process] | None:
        files = [folder / f"{execution_id}.{name}" for name in ("shell", "child")]
        texts = [file.read_text().strip() for file in files if file.exists()]
        return [psutil.Process(int(text)) for text in texts] if len(texts) == 2 and all(texts) else None

    return until(probe, f"both processes of {execution_id} run")


def alive(processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    return [process for process in processes if is_alive(process)]


def assert_fenced(processes: Iterable[psutil.Process], lost_at: float) -> None:
    """Nothing of a handler runs at `FENCED_WITHIN` after its lease was lost (`time.monotonic()`)."""
    within = lost_at + FENCED_WITHIN - time.monotonic()
    until(lambda: not alive(processes), "nothing of the handler runs past its lease", within)


@contextlib.contextmanager
def stolen(stage: Stage, execution_id: str) -> Iterator[None]:
    """Another worker claims an execution once the server has taken it back, and keeps its lease."""
    until(lambda: stage.site.get(execution_id)["status"] == "retry_ready", "the server takes it back")
    stage.server.claim(execution_id, "another-worker")
    over = threading.Event()

    def keep() -> None:
        while not over.wait(0.5):
            headers = {"X-Worker-Id": "another-worker"}
            stage.server.call("POST", f"/v1/executions/{execution_id}/heartbeat", headers=headers)

    keeper = threading.Thread(target=keep)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()


def assert_left_to_the_thief(stage: Stage, execution_id: str) -> None:
    """The pool keeps silent about an execution that is another worker's, and that one's outcome stands."""
    stage.pool.wait_for_event("report.not_ours")
    until(lambda: stage.history(execution_id), "history has it")
    assert stage.proxy.of("outcome", execution_id) == []
    assert [entry["fate"] for entry in stage.history(execution_id)] == ["not ours"]
    stage.server.ok("POST", f"/v1/executions/{execution_id}/outcome", {"success": True, "result": "stolen"})
    assert stage.site.get(execution_id)["outcome"]["result"] == "stolen"


@pytest.mark.parametrize(
    ("seconds", "interval", "take_back_after"),
    [(5.5, 1, 3), pytest.param(30, 3, 10, marks=pytest.mark.soak)],
)
def test_a_long_handler_keeps_its_lease_and_runs_once(
    tmp_path: Path, seconds: float, interval: float, take_back_after: float
) -> None:
    handlers = {"long": handler(tmp_path, TIMED.format(seconds=seconds))}
    flags = {"take_back_after": take_back_after}
    with staged(tmp_path, handlers, flags, heartbeat_interval=interval) as stage:
        execution = stage.site.fire("long")
        found = stage.site.recorded(execution, within=seconds + PATIENCE)
        assert (found["status"], found["attempts"]) == ("success", 1), stage.pool.log.read_text()
        stage.wait_until_settled()
        assert runs(tmp_path) == [execution]
        assert stage.statuses("claim", execution) == [200]
        assert stage.statuses("outcome", execution) == [200]
        (outcome,) = stage.proxy.of("outcome", execution)
        # One that meets the outcome on its way is told that the execution has ended.
        beats = [x for x in stage.proxy.of("heartbeat", execution) if x.request.at < outcome.request.at]
        assert {beat.upstream for beat in beats[:-1]} == {200}
        assert len(beats) <= seconds / interval


def test_an_execution_that_was_taken_back_is_claimed_again_or_given_up(tmp_path: Path) -> None:
    handlers = {"stubborn": handler(tmp_path, STUBBORN), "gated": handler(tmp_path, GATED)}
    with staged(tmp_path, handlers, {"take_back_after": 2}, heartbeat_interval=1) as stage:
        hole = BlackHole()
        stage.proxy.rule = always("heartbeat", hole)
        taken, free = stage.site.fire("stubborn"), stage.site.fire("gated")
        processes = processes_of(tmp_path, taken)
        until(lambda: free in runs(tmp_path), "both run")
        with stolen(stage, taken):
            until(lambda: stage.site.get(free)["status"] == "retry_ready", "the server takes the other back")
            # 403: somebody else runs it. 409: nobody does, so our handler may.
            hole.released.set()
            assert_fenced(processes, time.monotonic())
            assert stage.statuses("heartbeat", taken)[0] == 403
            assert_left_to_the_thief(stage, taken)
        until(lambda: stage.statuses("claim", free) == [200, 200], "the other is claimed again")
        assert stage.statuses("heartbeat", free)[0] == 409
        (tmp_path / "gate").touch()
        assert stage.site.recorded(free)["status"] == "success"
        stage.wait_until_settled()
        assert sorted(runs(tmp_path)) == sorted([taken, free])
        assert stage.statuses("outcome", free) == [200]


def test_an_execution_that_is_gone_is_killed_and_not_reported(tmp_path: Path) -> None:
    with staged(tmp_path, {"stubborn": handler(tmp_path, STUBBORN)}, heartbeat_interval=1) as stage:
        execution = stage.site.fire("stubborn")
        processes = processes_of(tmp_path, execution)
        stage.site.api.cues.delete(stage.site.get(execution)["cue_id"])
        until(lambda: 404 in stage.statuses("heartbeat", execution), "a heartbeat finds it gone")
        assert_fenced(processes, time.monotonic())
        stage.pool.wait_for_event("report.gone")
        stage.wait_until_settled()
        assert stage.proxy.of("outcome", execution) == []
        assert [entry["fate"] for entry in stage.history(execution)] == ["gone"]


def test_a_lease_that_cannot_be_renewed_ends_the_handler_unless_it_may_finish(tmp_path: Path) -> None:
    lease = 4.0
    handlers = {
        "stubborn": handler(tmp_path, STUBBORN),
        "finishing": handler(tmp_path, TIMED.format(seconds=lease + 1.5), on_lease_lost="finish"),
    }
    with staged(tmp_path, handlers, {"lease_seconds": lease}, heartbeat_interval=1) as stage:
        hole = BlackHole()
        stage.proxy.rule = always("heartbeat", hole)
        killed, finished = stage.site.fire("stubborn"), stage.site.fire("finishing")
        processes = processes_of(tmp_path, killed)
        (claim,) = stage.proxy.of("claim", killed)
        kill_grace = stage.pool.settings["kill_grace"]
        until(lambda: time.monotonic() > claim.request.at + lease - kill_grace - 0.5, "half of the lease")
        assert alive(processes) == processes, "killed under its lease"

        assert_fenced(processes, claim.request.at + lease)
        assert stage.pool.worker_of("finishing")
        stage.pool.wait_for_event("execution.ended", 2)
        assert stage.statuses("heartbeat", killed) == []
        assert stage.proxy.of("outcome") == []

        hole.released.set()
        found = stage.site.recorded(killed)
        assert found["status"] == "failed"
        assert "could not be renewed in time" in found["outcome"]["error"]
        assert stage.site.recorded(finished)["status"] == "success"
        stage.wait_until_settled()
        for execution in (killed, finished):
            assert stage.statuses("heartbeat", execution)[0] == 200
            assert stage.statuses("outcome", execution) == [200]
        assert sorted(runs(tmp_path)) == sorted([killed, finished])


def test_a_stopped_worker_does_not_keep_its_handler_past_the_lease(tmp_path: Path) -> None:
    lease = 5.0
    flags = {"lease_seconds": lease, "take_back_after": 2}
    with staged(tmp_path, {"stubborn": handler(tmp_path, STUBBORN)}, flags, heartbeat_interval=1) as stage:
        execution = stage.site.fire("stubborn")
        processes = processes_of(tmp_path, execution)
        worker = stage.pool.worker_of("stubborn")
        until(lambda: stage.statuses("heartbeat", execution), "the lease is kept")
        worker.send_signal(signal.SIGSTOP)
        # The server may have given the execution away by the time at which the supervisor acts.
        with stolen(stage, execution):
            assert alive(processes) == processes, "killed under its lease"
            last = stage.proxy.of("heartbeat", execution)[-1]
            assert_fenced(processes, last.request.at + lease)
            assert stage.pool.events("slot.overdue")
            assert_left_to_the_thief(stage, execution)
        stage.wait_until_settled()
        until(lambda: len(stage.pool.workers()) == stage.pool.settings["workers"], "the slot is refilled")
        assert runs(tmp_path) == [execution]
