"""The client against the real local server: an execution's whole way, refusals, waiting, and the budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cueworker.client import (
    Budget,
    BudgetExhausted,
    Conflict,
    CueAPI,
    Forbidden,
    NotFound,
    ServerError,
    ServerUnreachable,
    Unauthorized,
    Unprocessable,
)
from cueworker.client.budget import DEFAULT_PATIENCE
from cueworker.outcome import Report
from support.local_server import LocalServerProcess


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServerProcess]:
    with LocalServerProcess(tmp_path_factory.mktemp("server")) as running:
        # A module's server outlives each test: its pipe must be open before the first.
        yield running


@pytest.fixture
def client(server: LocalServerProcess) -> Iterator[CueAPI]:
    with CueAPI(server.api_key, server.url + "/v1") as made:
        yield made


def cue_for(client: CueAPI, task: str) -> str:
    made = client.cues.create(
        f"cue of {task}", cron="0 0 1 1 *", timezone="Europe/Riga", payload={"task": task}
    )
    return str(made["id"])


def test_the_whole_way_of_an_execution(client):
    cue = cue_for(client, "whole-way")
    fired = client.cues.fire(cue, payload_override={"n": 1}, merge_strategy="merge", idempotency_key="once")
    assert client.cues.fire(cue, {"n": 1}, idempotency_key="once")["id"] == fired["id"]
    (row,) = client.executions.list_claimable(task="whole-way")
    assert (row["execution_id"], row["payload"], row["attempt"]) == (
        fired["id"],
        {"task": "whole-way", "n": 1},
        0,
    )

    assert client.workers.heartbeat("worker one", ["whole-way"])["acknowledged"] is True
    claim = client.executions.claim_next(worker_id="worker one", task="whole-way")
    assert (claim["execution_id"], claim["lease_seconds"]) == (fired["id"], 900)
    assert client.executions.claim_next(worker_id="worker one", task="whole-way") == {
        "claimed": False,
        "reason": "no_executions_for_task",
        "task": "whole-way",
    }
    with pytest.raises(Conflict):
        client.executions.claim(fired["id"], worker_id="worker one")
    with pytest.raises(Forbidden) as caught:
        client.executions.heartbeat(fired["id"], worker_id="worker two")
    assert caught.value.code == "not_execution_owner"
    client.executions.heartbeat(fired["id"], worker_id="worker one")

    client.executions.report(fired["id"], Report(success=True, result="done", external_id="x-1"))
    with pytest.raises(Conflict, match="outcome_already_recorded"):
        client.executions.report_outcome(fired["id"], success=False)
    client.executions.evidence(fired["id"], result_url="https://example.org/pr/1")
    assert client.executions.get(fired["id"])["outcome"]["result"] == "done"
    assert [
        row["id"] for row in client.executions.list(cue_id=cue, status_in=["success", "failed"])["executions"]
    ]

    replayed = client.executions.replay(fired["id"])
    assert replayed["replayed_from"] == fired["id"]
    assert client.executions.claim(replayed["id"], worker_id="worker one")["claimed"] is True
    client.executions.report_outcome(replayed["id"], success=True)
    assert [worker["worker_id"] for worker in client.workers.list()["workers"]] == ["worker one"]
    client.workers.delete("worker one")
    assert client.workers.list()["workers"] == []


def test_cues(client):
    cue = cue_for(client, "cues")
    assert client.cues.pause(cue)["status"] == "paused"
    assert cue in [row["id"] for row in client.cues.list(status="paused", limit=100)["cues"]]
    assert client.cues.resume(cue)["status"] == "active"
    assert client.cues.update(cue, description="text")["description"] == "text"
    assert client.cues.update(cue, description=None)["description"] is None
    assert client.cues.get(cue)["executions"] == []
    with pytest.raises(Unprocessable) as caught:
        client.cues.update(cue, no_such_field=1)
    assert caught.value.details
    client.cues.delete(cue)
    with pytest.raises(NotFound):
        client.cues.get(cue)


def test_account(client, server):
    assert client.health()["status"] == "healthy"
    assert client.usage()["rate_limit"]
    assert "alerts" in client.alerts()
    with CueAPI("cue_sk_" + "f" * 32, server.url) as stranger, pytest.raises(Unauthorized):
        stranger.usage()


def test_verification(client):
    made = client.cues.create("verified", cron="0 0 1 1 *", verification={"mode": "manual"})
    execution = client.cues.fire(made["id"])["id"]
    client.executions.claim(execution, worker_id="w")
    assert (
        client.executions.report_outcome(execution, success=True)["outcome_state"] == "verification_pending"
    )
    client.executions.verify(execution, valid=True, reason="looked at it")
    client.executions.verification_pending(execution)
    client.executions.verify(execution)


def test_a_500_of_the_server_is_survived(client):
    execution = client.cues.fire(cue_for(client, "five-hundred"))["id"]
    client.executions.claim(execution, worker_id="w")
    with pytest.raises(ServerError):
        client.executions.report_outcome(execution, success=True, result="NUL \0 here")
    assert (
        client.executions.report_outcome(execution, success=True, result="no NUL")["outcome_recorded"] is True
    )


def test_waiting_for_work(client, server):
    cue = cue_for(client, "waiting")
    assert client.executions.list_claimable(task="waiting") == []
    assert client.executions.max_wait is not None and client.executions.max_wait >= 1

    found: list[dict[str, object]] = []
    with CueAPI(server.api_key, server.url, timeout=(5, 0.5)) as waiter:
        thread = threading.Thread(
            target=lambda: found.extend(waiter.executions.list_claimable("waiting", wait=20))
        )
        thread.start()
        execution = client.cues.fire(cue)["id"]
        thread.join(20)
    assert [row["execution_id"] for row in found] == [execution]


def test_the_budget_holds_against_the_servers_limiter(tmp_path: Path):
    budget = Budget.create(tmp_path / "lock")
    with LocalServerProcess(tmp_path / "server", rate_limit=60) as limited:

        def take_all() -> None:
            with CueAPI(limited.api_key, limited.url, budget=budget) as client:
                while True:
                    try:
                        client.executions.heartbeat("00000000-0000-0000-0000-000000000000", worker_id="w")
                    except NotFound:
                        answered.append(time.monotonic())
                    except BudgetExhausted as exhausted:
                        waits.append(exhausted.retry_after)
                        return
                    except Exception as error:
                        surprises.append(error)
                        return

        answered: list[float] = []
        waits: list[float] = []
        surprises: list[Exception] = []
        with CueAPI(limited.api_key, limited.url, budget=budget) as client:
            client.executions.list_claimable()
        assert budget.spare(time.monotonic()).limit == 60
        threads = [threading.Thread(target=take_all) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    budget.close()
    assert surprises == []
    assert len(answered) == 56, "sixty but for the listing and three that are kept for outcomes"
    # 60 s from the first one; less for a request under way, which its caller may give up.
    assert all(DEFAULT_PATIENCE < wait <= 60 for wait in waits)


def test_a_server_that_went_away_is_unreachable_and_comes_back(tmp_path: Path):
    server = LocalServerProcess(tmp_path / "server").start()
    try:
        with CueAPI(server.api_key, server.url) as client:
            client.usage()
            server.kill()
            with pytest.raises(ServerUnreachable):
                client.workers.heartbeat("w")
            server.start()
            client.workers.heartbeat("w")
    finally:
        server.stop()
