"""Promise 3 where it is hardest: pools that were stopped past their leases, servers that list and grant everything
again, and a second pool that takes over. (Leases lost in plainer ways: test_lease.py.)
"""

from __future__ import annotations

import contextlib
import json
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from cueworker.pool.process_tree import is_alive
from support.faults import Answer, AnswerLost, BlackHole, Fault, InTurn, Request, Rewrite, always, page
from support.pool import SETTLED, Pool
from support.proxy import FaultProxy
from support.stage import Stage, acting, serving, staged
from support.waiting import until

LEASE = 4.0
FENCED_WITHIN = 1.0
"""Seconds after the deadline, or after the pool could act again, within which nothing of the handler may run."""
LATE = 6.0
"""Seconds after which leases are over and a supervisor knows that it was held up itself."""

# A handler with a child in a session of its own; both ignore TERM. Each writes its pid.
STUBBORN = """
trap '' TERM
echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/begun"
setsid sh -c 'echo $$ > "$FOLDER/$CUEAPI_EXECUTION_ID.child"; exec sleep 300' &
echo $$ > "$FOLDER/$CUEAPI_EXECUTION_ID.shell"
wait
"""
# A handler that goes on when its gate opens.
GATED = """
echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/begun"
echo $$ > "$FOLDER/$CUEAPI_EXECUTION_ID.shell"
while [ ! -e "$FOLDER/gate" ]; do sleep 0.05; done
echo "$CUEAPI_EXECUTION_ID" >> "$FOLDER/done"
"""


def handler(folder: Path, command: str, **options: object) -> dict[str, Any]:
    return {"cmd": command, "env": {"FOLDER": str(folder)}, **options}


def lines(folder: Path, name: str) -> list[str]:
    """The executions in a file, one entry for each time that a handler wrote it."""
    file = folder / name
    return sorted(file.read_text().split()) if file.exists() else []


def processes_of(folder: Path, execution_id: str, *names: str) -> list[psutil.Process]:
    """The processes of a handler, once they have all written their pids."""

    def probe() -> list[psutil.Process] | None:
        files = [folder / f"{execution_id}.{name}" for name in names]
        texts = [file.read_text().strip() if file.exists() else "" for file in files]
        return [psutil.Process(int(text)) for text in texts] if all(texts) else None

    return until(probe, f"{execution_id} runs")


def assert_fenced(processes: Iterable[psutil.Process], since: float) -> None:
    """Nothing of a handler runs at `FENCED_WITHIN` after `since` (`time.monotonic()`)."""
    within = since + FENCED_WITHIN - time.monotonic()
    until(lambda: not any(map(is_alive, processes)), "nothing of the handler runs any more", within)


def last_renewed(proxy: FaultProxy, execution_id: str) -> float:
    """When the last request that the server acknowledged as a renewal was made."""
    renewals = [*proxy.of("claim", execution_id), *proxy.of("heartbeat", execution_id)]
    return max(renewal.request.at for renewal in renewals if renewal.sent == 200)


def is_kept(proxy: FaultProxy, execution_id: str) -> bool:
    return any(beat.sent == 200 for beat in proxy.of("heartbeat", execution_id))


def wait_past(moment: float, what: str) -> None:
    until(lambda: time.monotonic() > moment, what)


def whole(pool: Pool) -> list[psutil.Process]:
    """Every process of a pool, its supervisor first."""
    assert pool.process is not None
    return [psutil.Process(pool.process.pid), *pool.children()]


@contextlib.contextmanager
def stopped(processes: list[psutil.Process]) -> Iterator[None]:
    """These processes do nothing; whoever was not continued by the test is at the end."""
    try:
        for process in processes:
            process.suspend()
        yield
    finally:
        go_on(processes)


def go_on(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.resume()


ORDERS: dict[str, Callable[[list[psutil.Process]], list[psutil.Process]]] = {
    "supervisor first": lambda processes: processes,
    "workers first": lambda processes: processes[::-1],
    "supervisor alone": lambda processes: processes[:1],
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("stop", [LEASE + 0.5, pytest.param(LATE, marks=pytest.mark.soak)])
def test_a_pool_stopped_past_its_leases_kills_its_handlers_as_soon_as_it_goes_on(
    tmp_path: Path, order: str, stop: float
) -> None:
    handlers = {"stubborn": handler(tmp_path, STUBBORN)}
    with staged(tmp_path, handlers, {"lease_seconds": LEASE}, heartbeat_interval=1) as stage:
        executions = [stage.site.fire("stubborn") for _ in range(2)]
        handlers_run = [
            process for e in executions for process in processes_of(tmp_path, e, "shell", "child")
        ]
        until(lambda: all(is_kept(stage.proxy, e) for e in executions), "both leases are kept")
        hole = BlackHole()
        processes = whole(stage.pool)
        with stopped(processes):
            stage.proxy.rule = always("heartbeat", hole)
            wait_past(time.monotonic() + stop, "the leases are over")
            assert all(map(is_alive, handlers_run)), "there was nobody to kill them"
            resumed = time.monotonic()
            go_on(ORDERS[order](processes))
            assert_fenced(handlers_run, resumed)
        hole.released.set()
        for execution in executions:
            assert stage.site.recorded(execution)["status"] == "failed"
        stage.wait_until_settled()
        for execution in executions:
            assert stage.statuses("outcome", execution) == [200]
        assert lines(tmp_path, "begun") == sorted(executions)


def test_a_handler_that_ended_while_the_pool_was_stopped_is_a_success(tmp_path: Path) -> None:
    handlers = {"gated": handler(tmp_path, GATED)}
    with staged(tmp_path, handlers, {"lease_seconds": LEASE}, heartbeat_interval=1) as stage:
        execution = stage.site.fire("gated")
        (shell,) = processes_of(tmp_path, execution, "shell")
        until(lambda: is_kept(stage.proxy, execution), "its lease is kept")
        processes = whole(stage.pool)
        with stopped(processes):
            (tmp_path / "gate").touch()
            until(lambda: not is_alive(shell), "the handler ends")
            wait_past(time.monotonic() + LATE, "the lease is over")
        assert stage.site.recorded(execution)["status"] == "success"
        stage.wait_until_settled()
        assert stage.statuses("outcome", execution) == [200]
        assert not stage.pool.events("slot.overdue")


def test_what_was_taken_while_the_pool_was_stopped_is_left_to_the_thief(tmp_path: Path) -> None:
    handlers = {
        "stubborn": handler(tmp_path, STUBBORN),
        "finishing": handler(tmp_path, GATED, on_lease_lost="finish"),
    }
    flags = {"lease_seconds": LEASE, "take_back_after": 2}
    with staged(tmp_path, handlers, flags, heartbeat_interval=1) as stage:
        killed, finished = stage.site.fire("stubborn"), stage.site.fire("finishing")
        handlers_run = processes_of(tmp_path, killed, "shell", "child")
        processes_of(tmp_path, finished, "shell")
        processes = whole(stage.pool)
        with stopped(processes):
            for execution in (killed, finished):
                until(lambda e=execution: stage.site.get(e)["status"] == "retry_ready", "it is taken back")
                stage.server.claim(execution, "another-worker")
            resumed = time.monotonic()
            go_on(processes)
            assert_fenced(handlers_run, resumed)
        stage.pool.wait_for_event("report.not_ours")
        (tmp_path / "gate").touch()
        stage.pool.wait_for_event("report.not_ours", 2)
        stage.wait_until_settled()
        assert stage.proxy.of("outcome") == []
        assert lines(tmp_path, "done") == [finished]
        for execution in (killed, finished):
            assert [entry["fate"] for entry in stage.history(execution)] == ["not ours"]


def test_a_pool_that_comes_back_past_the_lease_keeps_silent_about_what_was_taken(tmp_path: Path) -> None:
    handlers = {"stubborn": handler(tmp_path, STUBBORN), "gated": handler(tmp_path, GATED)}
    flags = {"lease_seconds": LEASE, "take_back_after": LEASE}
    with staged(tmp_path, handlers, flags, heartbeat_interval=1) as stage:
        failed, succeeded = stage.site.fire("stubborn"), stage.site.fire("gated")
        handlers_run = processes_of(tmp_path, failed, "shell", "child")
        processes_of(tmp_path, succeeded, "shell")
        stage.proxy.rule = always("outcome", page(503))
        (tmp_path / "gate").touch()
        until(lambda: len(stage.pool.leftovers()["spool"]) == 1, "the success waits")
        # The workers kill what still runs, spool that it failed, and leave.
        stage.pool.kill()
        until(lambda: len(stage.pool.leftovers()["spool"]) == 2, "the failure waits, too")
        until(lambda: not any(map(is_alive, handlers_run)), "nothing runs any more")
        for execution in (failed, succeeded):
            until(lambda e=execution: stage.site.get(e)["status"] == "retry_ready", "it is taken back")
            stage.server.claim(execution, "another-worker")
        stage.proxy.rule = None
        stage.pool.start()
        # What was done under the lease has been done, whoever does it again. What failed may still succeed elsewhere.
        assert stage.site.recorded(succeeded)["status"] == "success"
        stage.pool.wait_for_event("report.not_ours")
        stage.wait_until_settled()
        assert stage.statuses("outcome", failed) == []
        assert [entry["fate"] for entry in stage.history(failed)] == ["not ours"]


def test_a_stopped_worker_whose_handler_may_finish_is_left_alone(tmp_path: Path) -> None:
    handlers = {"finishing": handler(tmp_path, GATED, on_lease_lost="finish")}
    with staged(tmp_path, handlers, {"lease_seconds": LEASE}, heartbeat_interval=1) as stage:
        execution = stage.site.fire("finishing")
        processes_of(tmp_path, execution, "shell")
        until(lambda: is_kept(stage.proxy, execution), "its lease is kept")
        with stopped([stage.pool.worker_of("finishing")]):
            wait_past(time.monotonic() + LEASE + 1.5, "the supervisor had time to step in")
        (tmp_path / "gate").touch()
        assert stage.site.recorded(execution)["status"] == "success"
        stage.wait_until_settled()
        assert not stage.pool.events("slot.overdue")
        assert stage.statuses("outcome", execution) == [200]


def test_an_execution_is_not_run_again_before_its_dead_worker_is_settled(tmp_path: Path) -> None:
    """The server took it back while its worker was stopped, and goes on listing it while the supervisor, for lack of a
    place to write, cannot say yet what became of it.
    """
    handlers = {"stubborn": handler(tmp_path, STUBBORN)}
    flags = {"lease_seconds": LEASE, "take_back_after": 1.5}
    with staged(tmp_path, handlers, flags, workers=4, heartbeat_interval=0.5, poll_interval=0.2) as stage:
        execution = stage.site.fire("stubborn")
        assert stage.pool.process is not None
        in_the_way = stage.pool.state_dir / "spool" / f".{execution}.json.{stage.pool.process.pid}"
        in_the_way.mkdir()
        handlers_run = processes_of(tmp_path, execution, "shell", "child")
        until(lambda: is_kept(stage.proxy, execution), "its lease is kept")
        with stopped([stage.pool.worker_of("stubborn")]):
            until(lambda: stage.site.get(execution)["status"] == "retry_ready", "the server takes it back")
            assert_fenced(handlers_run, last_renewed(stage.proxy, execution) + LEASE)
            stage.pool.wait_for_event("slot.overdue")
        stage.pool.wait_for_event("report.unspooled")
        listed = len(stage.proxy.of("list"))
        until(lambda: len(stage.proxy.of("list")) >= listed + 5, "it is listed again and again")
        in_the_way.rmdir()
        assert stage.site.recorded(execution)["status"] == "failed"
        stage.wait_until_settled()
        assert lines(tmp_path, "begun") == [execution]
        assert stage.statuses("claim", execution) == [200]


class Forgetful:
    """A server that lists whatever it ever listed, three times over, and grants every claim. It cannot hold a
    listing back, so it is asked often.
    """

    def __init__(self) -> None:
        self._rows: dict[str, Any] = {}

    def __call__(self, request: Request) -> Fault | None:
        match request.action:
            case "list":
                return Rewrite(self._list)
            case "claim":
                return Rewrite(lambda answer: self._grant(answer, request))
            case "outcome":
                return page(503)
        return None

    def _list(self, answer: Answer) -> Answer:
        for row in json.loads(answer.body)["executions"]:
            self._rows[row["execution_id"]] = row
        rows = list(self._rows.values()) * 3
        headers = {name: value for name, value in answer.headers.items() if "wait" not in name.lower()}
        return replace(answer, body=json.dumps({"executions": rows}).encode(), headers=headers)

    def _grant(self, answer: Answer, request: Request) -> Answer:
        granted = {"claimed": True, "execution_id": request.execution_id, "lease_seconds": 900}
        return replace(answer, status=200, body=json.dumps(granted).encode())


def test_what_is_listed_and_granted_again_and_again_runs_once_at_a_time(tmp_path: Path) -> None:
    with staged(
        tmp_path, {"gated": handler(tmp_path, GATED)}, is_up=False, workers=6, poll_interval=0.2
    ) as stage:
        stage.proxy.rule = Forgetful()
        stage.pool.start()
        executions = [stage.site.fire("gated") for _ in range(3)]
        until(lambda: len(lines(tmp_path, "begun")) == 3, "all three run")
        assert_not_run_again(stage, executions)
        # A fresh steward remembers no offer.
        stage.pool.steward().send_signal(signal.SIGKILL)
        stage.pool.wait_for_event("slot.refilled")
        assert_not_run_again(stage, executions)
        # Nor may one run whose report waits.
        (tmp_path / "gate").touch()
        until(lambda: len(stage.pool.leftovers()["spool"]) == 3, "all reports wait")
        stage.pool.steward().send_signal(signal.SIGKILL)
        stage.pool.wait_for_event("slot.refilled", 2)
        assert_not_run_again(stage, executions)
        stage.proxy.rule = None
        for execution in executions:
            assert stage.site.recorded(execution)["status"] == "success"
        stage.wait_until_settled()
        assert lines(tmp_path, "done") == sorted(executions)


def assert_not_run_again(stage: Stage, executions: list[str]) -> None:
    """While everything is listed several times more, nothing begins once more."""
    listed = len(stage.proxy.of("list"))
    until(lambda: len(stage.proxy.of("list")) >= listed + 5, "it is listed again and again")
    assert lines(stage.pool.folder, "begun") == sorted(executions)
    assert [len(stage.proxy.of("claim", execution)) for execution in executions] == [1, 1, 1]


def test_a_second_pool_takes_over_and_the_first_keeps_silent(tmp_path: Path) -> None:
    flags = {"lease_seconds": LEASE, "take_back_after": 2}
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first, second = folders
    with (
        serving(tmp_path, flags) as (server, site),
        acting(
            first,
            {"open": handler(first, STUBBORN), "over": handler(first, STUBBORN)},
            server,
            worker_id="the-first",
            heartbeat_interval=1,
        ) as (proxy, pool),
        acting(
            second,
            {"open": handler(second, GATED), "over": handler(second, "true")},
            server,
            worker_id="the-second",
            heartbeat_interval=1,
        ) as (_, other),
    ):
        hole = BlackHole()
        proxy.rule = always("heartbeat", hole)
        pool.start()
        executions = [site.fire("open"), site.fire("over")]
        handlers_run = [process for e in executions for process in processes_of(first, e, "shell", "child")]
        deadline = max(last_renewed(proxy, execution) for execution in executions) + LEASE
        other.start()
        assert_fenced(handlers_run, deadline)
        # One is still with the second pool when the first one learns of it, one it has already reported.
        assert site.recorded(executions[1])["status"] == "success"
        processes_of(second, executions[0], "shell")
        assert proxy.of("outcome") == []
        hole.released.set()
        pool.wait_for_event("report.not_ours")
        until(lambda: pool.leftovers() == SETTLED, "the first pool is done with both")
        assert proxy.of("outcome", executions[0]) == []
        assert {exchange.upstream for exchange in proxy.of("outcome", executions[1])} <= {409}
        (second / "gate").touch()
        assert site.recorded(executions[0])["status"] == "success"
        assert site.get(executions[1])["status"] == "success"
        until(lambda: other.leftovers() == SETTLED, "the second pool is done with both")
        assert lines(first, "begun") == sorted(executions)
        assert lines(second, "begun") == lines(second, "done") == [executions[0]]


def test_a_kill_grace_longer_than_the_lease_neither_ends_a_kept_handler_nor_spares_a_lost_one(
    tmp_path: Path,
) -> None:
    handlers = {"gated": handler(tmp_path, GATED), "stubborn": handler(tmp_path, STUBBORN)}
    flags = {"lease_seconds": LEASE}
    with staged(tmp_path, handlers, flags, heartbeat_interval=1, kill_grace=30) as stage:
        kept, lost = stage.site.fire("gated"), stage.site.fire("stubborn")
        processes_of(tmp_path, kept, "shell")
        handlers_run = processes_of(tmp_path, lost, "shell", "child")
        stage.proxy.rule = always("heartbeat", BlackHole(), lost)
        deadline = last_renewed(stage.proxy, lost) + LEASE
        wait_past(deadline - LEASE / 2, "half of the lease")
        assert all(map(is_alive, handlers_run)), "killed under its lease"
        assert_fenced(handlers_run, deadline)
        wait_past(deadline + LEASE / 2, "the other has outlived its first lease, too")
        (tmp_path / "gate").touch()
        assert stage.site.recorded(kept)["status"] == "success"
        stage.proxy.clear()
        assert stage.site.recorded(lost)["status"] == "failed"
        stage.wait_until_settled()
        assert lines(tmp_path, "begun") == sorted([kept, lost])


def test_a_claim_that_was_settled_by_a_heartbeat_has_the_lease_that_the_server_named(tmp_path: Path) -> None:
    with staged(
        tmp_path, {"stubborn": handler(tmp_path, STUBBORN)}, {"lease_seconds": LEASE}, heartbeat_interval=1
    ) as stage:
        lose, hole = InTurn("claim", AnswerLost()), BlackHole()

        def rule(request: Request) -> Fault | None:
            is_second = request.action == "heartbeat" and is_kept(stage.proxy, str(request.execution_id))
            return hole if is_second else lose(request)

        stage.proxy.rule = rule
        execution = stage.site.fire("stubborn")
        handlers_run = processes_of(tmp_path, execution, "shell", "child")
        assert_fenced(handlers_run, last_renewed(stage.proxy, execution) + LEASE)
        hole.released.set()
        assert stage.site.recorded(execution)["status"] == "failed"
        stage.wait_until_settled()
