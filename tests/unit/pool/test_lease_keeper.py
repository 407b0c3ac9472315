"""Keeping a lease against a real server: renewed, lost in each way, and through an outage."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cueworker.client import Budget
from cueworker.pool.account import Account
from cueworker.pool.clock import boottime
from cueworker.pool.cueapi_source import CueAPISource
from cueworker.pool.lease import Lease, Loss
from cueworker.pool.lease_keeper import KEEP_FROM, LeaseKeeper
from support.faults import BlackHole, always
from support.local_server import LocalServerProcess, local_account, local_server, shared_local_server
from support.proxy import FaultProxy
from support.server_client import ServerClient
from support.waiting import until

__all__ = ["local_account", "local_server", "shared_local_server"]

OURS, OTHERS = "our-pool", "another-pool"
INTERVAL = 0.1


class Watch:
    """A keeper with one lease, and what it has said."""

    def __init__(self, server: ServerClient, folder: Path, execution_id: str) -> None:
        account = Account(server.api_key, server.url)
        budget = Budget.create(folder / "budget.lock")
        self.keeper = LeaseKeeper(lambda: CueAPISource(OURS, account, budget), INTERVAL, workers=1)
        self.changes = 0
        self.is_over = False
        self.first = Lease.granted(execution_id, boottime(), 300.0)
        self.keeper.watch(self.first, self._on_change)

    def _on_change(self) -> None:
        self.changes += 1

    def begin(self) -> None:
        """The handler has run long enough for the lease to be renewed."""
        self.keeper.tend(self.first.acknowledged + KEEP_FROM)

    @property
    def lease(self) -> Lease:
        return self.keeper.lease

    def end(self) -> None:
        if not self.is_over:
            self.is_over = True
            self.keeper.release()
        until(lambda: not lease_threads(), "the lease's thread has left")


def lease_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "lease"]


Start = Callable[[str], Watch]


@pytest.fixture
def server(local_account: ServerClient) -> ServerClient:
    return local_account


@pytest.fixture
def start(server: ServerClient, tmp_path: Path) -> Iterator[Start]:
    watches = []

    def starter(execution_id: str) -> Watch:
        watches.append(Watch(server, tmp_path, execution_id))
        return watches[-1]

    yield starter
    # Emptied, since what a fixture still holds is not closed yet when open descriptors are looked for.
    while watches:
        watches.pop().end()


def claimed(server: ServerClient, worker: str = OURS) -> str:
    execution_id = server.fire(server.cue())
    server.claim(execution_id, worker)
    return execution_id


def test_a_lease_is_renewed_again_and_again(server: ServerClient, start: Start) -> None:
    execution_id = claimed(server)
    before = server.execution(execution_id)["updated_at"]
    watch = start(execution_id)
    watch.begin()
    until(lambda: watch.changes >= 3, "the lease has been renewed three times")
    lease = watch.lease
    assert lease.loss is None
    assert watch.first.deadline < lease.deadline <= boottime() + 300.0
    assert server.execution(execution_id)["updated_at"] > before


def test_a_short_handler_costs_neither_a_thread_nor_a_heartbeat(server: ServerClient, start: Start) -> None:
    watch = start(claimed(server))
    watch.keeper.tend(watch.first.acknowledged)
    watch.keeper.tend(watch.first.acknowledged + KEEP_FROM - 0.001)
    assert lease_threads() == []
    watch.begin()
    watch.begin()
    assert len(lease_threads()) == 1
    watch.end()


def test_after_its_release_a_lease_is_left_alone(server: ServerClient, start: Start) -> None:
    watch = start(claimed(server))
    watch.begin()
    until(lambda: watch.changes >= 1, "the lease has been renewed")
    watch.end()
    said = watch.changes
    watch.keeper.tend(boottime() + 1000)
    assert lease_threads() == []
    assert watch.changes == said


def test_an_answer_that_comes_after_the_release_changes_nothing(server: ServerClient, tmp_path: Path) -> None:
    """The handler's report has gone out by then; its worker may be at another execution."""
    hole = BlackHole()
    execution_id = claimed(server)
    with FaultProxy(server.url) as proxy:
        proxy.rule = always("heartbeat", hole)
        watch = Watch(ServerClient(proxy.url, server.api_key), tmp_path, execution_id)
        kept = watch.keeper._kept
        assert kept is not None
        watch.begin()
        until(lambda: proxy.of("heartbeat"), "a heartbeat is on its way")
        watch.keeper.release()
        hole.released.set()
        until(lambda: not lease_threads(), "the lease's thread has left")
        assert [exchange.sent for exchange in proxy.of("heartbeat")] == [200]
    assert (watch.changes, kept.lease) == (0, watch.first)


def test_a_lease_that_somebody_else_has_is_lost(server: ServerClient, start: Start) -> None:
    watch = start(claimed(server, OTHERS))
    watch.begin()
    until(lambda: watch.lease.loss, "the loss is known")
    assert watch.lease.loss is Loss.TAKEN
    assert (watch.lease.deadline, watch.changes) == (watch.first.deadline, 1)
    until(lambda: not lease_threads(), "a lost lease is not renewed any more")


def test_a_lease_of_a_deleted_cue_is_gone(server: ServerClient, start: Start) -> None:
    cue = server.cue()
    execution_id = server.fire(cue)
    server.claim(execution_id, OURS)
    watch = start(execution_id)
    server.ok("DELETE", f"/v1/cues/{cue}")
    watch.begin()
    until(lambda: watch.lease.loss, "the loss is known")
    assert watch.lease.loss is Loss.GONE


def test_a_lease_that_was_taken_back_is_claimed_again(server: ServerClient, start: Start) -> None:
    """409 on the heartbeat: nobody has it, and the handler that runs it is ours."""
    execution_id = server.fire(server.cue())
    watch = start(execution_id)
    watch.begin()
    until(lambda: watch.changes >= 3, "the lease has been renewed")
    assert watch.lease.loss is None
    assert server.execution(execution_id)["status"] == "delivering"


def test_a_lease_that_cannot_be_claimed_again_has_ended(server: ServerClient, start: Start) -> None:
    execution_id = claimed(server)
    server.ok("POST", f"/v1/executions/{execution_id}/outcome", {"success": True})
    watch = start(execution_id)
    watch.begin()
    until(lambda: watch.lease.loss, "the loss is known")
    assert watch.lease.loss is Loss.ENDED


def test_an_outage_is_no_loss_and_the_lease_is_renewed_after_it(tmp_path: Path) -> None:
    with LocalServerProcess(tmp_path / "server") as server:
        execution_id = claimed(server)
        watch = Watch(server, tmp_path, execution_id)
        watch.begin()
        until(lambda: watch.changes >= 1, "the lease has been renewed")
        server.kill()
        last = until_it_stops_moving(watch)
        assert last.loss is None
        server.start()
        until(lambda: watch.lease.acknowledged > last.acknowledged, "the lease is renewed again")
        assert watch.lease.loss is None
        watch.end()


def until_it_stops_moving(watch: Watch) -> Lease:
    """The lease once a heartbeat is overdue: the server is not there."""

    def overdue() -> Lease | None:
        lease = watch.lease
        return lease if boottime() > lease.acknowledged + 5 * INTERVAL else None

    return until(overdue, "a heartbeat is overdue")
