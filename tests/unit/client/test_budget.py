"""The budget's bookkeeping, and what the client does with it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cueworker.client import (
    AnswerLost,
    Budget,
    BudgetExhausted,
    Conflict,
    CueAPI,
    Priority,
    RateLimited,
    ServerUnreachable,
    Spare,
)
from cueworker.outcome import Report
from support.rawserver import RawServer, Reply, reply

KEY = "cue_sk_0123456789abcdef0123456789abcdef"
NOW = 5000.0


@pytest.fixture
def budget(tmp_path: Path) -> Iterator[Budget]:
    created = Budget.create(tmp_path / "lock")
    yield created
    created.close()


def limits(limit: int, remaining: int, **more: str) -> dict[str, str]:
    return {"X-RateLimit-Limit": str(limit), "X-RateLimit-Remaining": str(remaining), **more}


def answer(budget: Budget, priority: Priority, now: float, status: int, headers: dict[str, str]) -> None:
    reservation = budget.reserve(priority, now)
    budget.settle(reservation, now=now + 0.5, epoch_now=1e9, status=status, headers=headers)


def test_a_fresh_budget_is_free(budget):
    assert budget.spare(NOW) == Spare(limit=None, used=0, free=None, blocked_for=0.0)
    for _ in range(500):
        budget.reserve(Priority.LISTING, NOW)
    assert budget.spare(NOW).used == 500


def test_a_request_counts_until_a_minute_after_its_answer(budget):
    answer(budget, Priority.LISTING, NOW, 200, limits(60, 59))
    assert budget.spare(NOW + 60.25) == Spare(limit=60, used=1, free=29, blocked_for=0.0)
    assert budget.spare(NOW + 60.75) == Spare(limit=60, used=0, free=30, blocked_for=0.0)


def test_an_unanswered_request_counts_for_its_patience_too(budget):
    reservation = budget.reserve(Priority.CLAIM, NOW, patience=20.0)
    budget.settle(reservation, now=NOW + 1, epoch_now=1e9, status=None, headers={})
    assert budget.spare(NOW + 79.75).used == 1
    assert budget.spare(NOW + 80.25).used == 0


def test_a_request_that_was_not_sent_or_was_refused_does_not_count(budget):
    budget.release(budget.reserve(Priority.CLAIM, NOW), NOW)
    answer(budget, Priority.CLAIM, NOW, 429, limits(60, 0))
    assert budget.spare(NOW + 1).used == 0


def test_a_429_blocks_all_then_lets_probes_through_outcomes_first(budget):
    answer(budget, Priority.LISTING, NOW, 200, limits(60, 59))
    answer(budget, Priority.LISTING, NOW, 429, {**limits(60, 0), "Retry-After": "10"})
    end = NOW + 10.5
    assert budget.spare(end - 4) == Spare(limit=60, used=1, free=0, blocked_for=4.0)
    for priority in Priority:
        with pytest.raises(BudgetExhausted) as caught:
            budget.reserve(priority, end - 4)
        assert caught.value.retry_after == pytest.approx(4.0, abs=1.0)
    with pytest.raises(BudgetExhausted):
        budget.reserve(Priority.LEASE, end)
    probe = budget.reserve(Priority.OUTCOME, end)
    with pytest.raises(BudgetExhausted, match=r"try again in 1\.0 s"):
        budget.reserve(Priority.OUTCOME, end)
    budget.settle(probe, now=end + 0.1, epoch_now=1e9, status=200, headers=limits(60, 50))
    assert budget.spare(end + 0.2) == Spare(limit=60, used=2, free=24, blocked_for=0.0)


def test_a_refused_claim_owes_no_outcome(budget):
    answer(budget, Priority.LISTING, NOW, 200, limits(20, 19))
    for number in range(5):
        answer(budget, Priority.CLAIM, NOW, 409, limits(20, 18 - number))
    taken = 0
    with pytest.raises(BudgetExhausted):
        while True:
            budget.reserve(Priority.CLAIM, NOW + 1)
            taken += 1
    # 14 left, one each kept for outcomes and leases: six claims and their outcomes; owing, only three.
    assert taken == 6


CALLS = {
    "outcome": (lambda c: c.executions.report_outcome("e1", success=True), Priority.OUTCOME),
    "report": (lambda c: c.executions.report("e1", Report(success=True)), Priority.OUTCOME),
    "lease": (lambda c: c.executions.heartbeat("e1", worker_id="w"), Priority.LEASE),
    "worker": (lambda c: c.workers.heartbeat("w"), Priority.LEASE),
    "claim": (lambda c: c.executions.claim("e1", worker_id="w"), Priority.CLAIM),
    "claim next": (lambda c: c.executions.claim_next(worker_id="w"), Priority.CLAIM),
    "listing": (lambda c: c.executions.list_claimable(), Priority.LISTING),
    "get": (lambda c: c.executions.get("e1"), Priority.LISTING),
    "fire": (lambda c: c.cues.fire("c1"), Priority.LISTING),
}


@pytest.mark.parametrize("name", CALLS)
def test_each_call_takes_at_its_priority(budget, name):
    call, priority = CALLS[name]
    body = {"outcome_recorded": True, "acknowledged": True, "claimed": True, "execution_id": "e1"}
    with (
        RawServer(reply(200, {**body, "executions": []})) as server,
        CueAPI(KEY, server.url, timeout=5, budget=budget) as client,
    ):
        call(client)
    assert budget._log.used == [int(each is priority) for each in Priority]


def test_a_full_budget_stops_a_call_before_it_is_sent(budget):
    with (
        RawServer(reply(200, {}, limits(60, 2))) as server,
        CueAPI(KEY, server.url, timeout=5, budget=budget) as client,
    ):
        client.usage()
        with pytest.raises(BudgetExhausted):
            client.usage()
        assert len(server.requests) == 1


def test_after_a_429_nothing_is_sent(budget):
    with (
        RawServer(reply(429, {}, {"Retry-After": "30"}), reply(200, {})) as server,
        CueAPI(KEY, server.url, timeout=5, budget=budget) as client,
    ):
        with pytest.raises(RateLimited):
            client.usage()
        with pytest.raises(BudgetExhausted) as caught:
            client.executions.report_outcome("e1", success=True)
        assert 29.0 < caught.value.retry_after <= 30.0
        assert not caught.value.may_have_been_acted_on
        assert len(server.requests) == 1


def test_an_outage_does_not_use_the_budget_up(budget):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with CueAPI(KEY, f"http://127.0.0.1:{port}", timeout=5, budget=budget) as client:
        for _ in range(3):
            with pytest.raises(ServerUnreachable):
                client.executions.report_outcome("e1", success=True)
    assert budget.spare(time.monotonic()).used == 0


def test_refusals_and_lost_answers_are_counted(budget):
    with (
        RawServer(reply(409, {}), Reply(b"", "reset")) as server,
        CueAPI(KEY, server.url, timeout=5, budget=budget) as client,
    ):
        with pytest.raises(Conflict):
            client.executions.claim("e1", worker_id="w")
        with pytest.raises(AnswerLost):
            client.executions.claim("e1", worker_id="w")
    assert budget.spare(time.monotonic()).used == 2


def test_a_repeated_get_takes_twice_or_not_at_all(budget):
    listing = reply(200, {}, limits(4, 3))
    with (
        RawServer(listing, Reply(b"", "reset"), reply(200, {})) as server,
        CueAPI(KEY, server.url, timeout=5, budget=budget) as client,
    ):
        client.usage()
        with pytest.raises(AnswerLost):  # of four requests two are for listing
            client.usage()
        assert len(server.requests) == 2
    assert budget.spare(time.monotonic()).used == 2
