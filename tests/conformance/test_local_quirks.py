"""`--quirks core`: the local server behaves as the open-source core where that differs from the hosted service."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.local_server import LocalServerProcess
from support.server_client import ServerClient
from support.waiting import until


@pytest.fixture(scope="module")
def core_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServerProcess]:
    """One server with the core's quirks, which takes claims back quickly."""
    with LocalServerProcess(tmp_path_factory.mktemp("core"), quirks="core", take_back_after=0.2) as running:
        yield running


@pytest.fixture
def core(core_server: LocalServerProcess) -> ServerClient:
    """A fresh account on it."""
    body = {"email": f"{uuid.uuid4()}@test.example"}
    return ServerClient(core_server.url, core_server.ok("POST", "/v1/auth/register", body)["api_key"])


def test_the_limit_of_the_listing_comes_before_its_filter(core: ServerClient) -> None:
    crowd = core.cue("crowd", payload={"task": "crowd"})
    mine = core.cue("mine", payload={"task": "mine", "agent": "y"})
    for _ in range(50):
        core.fire(crowd)
    execution = core.fire(mine)
    assert len(core.claimable()) == 50
    assert core.claimable("?task=mine") == []
    core.ok("DELETE", f"/v1/cues/{crowd}")
    (row,) = core.claimable("?task=mine&agent=nobody")
    assert (row["execution_id"], row["payload"]) == (execution, {"task": "mine", "agent": "y"})


def test_a_task_that_is_no_string_breaks_the_unfiltered_listing(core: ServerClient) -> None:
    core.fire(core.cue("fine", payload={"task": "t"}))
    core.fire(core.cue("none", payload={}))
    core.fire(core.cue("null", payload={"task": None}))
    assert len(core.claimable()) == 3
    core.fire(core.cue("odd", payload={"task": ["t"]}))
    assert core.call("GET", "/v1/executions/claimable").status_code == 500
    assert [row["task"] for row in core.claimable("?task=t")] == ["t"]


def test_a_fire_heeds_when_and_nothing_else(core: ServerClient) -> None:
    cue = core.cue(payload={"task": "t"})
    fired = [core.fire(cue, payload_override={"task": "u"}, idempotency_key="k") for _ in range(2)]
    assert len(set(fired)) == 2
    assert [row["payload"] for row in core.claimable()] == [{"task": "t"}] * 2
    core.fire(cue, send_at="2099-01-01T00:00:00Z")
    assert len(core.claimable()) == 2


def test_an_execution_is_told_without_payload_evidence_and_claimer(core: ServerClient) -> None:
    cue = core.cue(payload={"task": "t"})
    execution = core.fire(cue)
    core.claim(execution)
    core.ok("POST", f"/v1/executions/{execution}/outcome", {"success": True, "external_id": "1"})
    shown = core.execution(execution)
    assert set(shown) == {
        "id", "cue_id", "scheduled_for", "status", "attempts", "error_message", "started_at", "delivered_at",
        "last_attempt_at", "outcome", "created_at", "updated_at",
    }  # fmt: skip
    assert core.ok("GET", "/v1/executions")["executions"] == [shown]
    assert core.ok("GET", f"/v1/cues/{cue}")["executions"] == [shown]


def test_a_lost_lease_never_comes_back_to_workers(core: ServerClient) -> None:
    execution = core.fire(core.cue(retry={"max_attempts": 3}))
    core.claim(execution)
    until(lambda: core.execution(execution)["status"] == "retry_ready", "the lease is lost")
    (row,) = core.claimable()
    assert (row["execution_id"], row["attempt"]) == (execution, 2)
    claim = core.call("POST", f"/v1/executions/{execution}/claim", {"worker_id": "w"})
    assert (claim.status_code, claim.json()["error"]["code"]) == (409, "claim_failed")


def test_a_listing_is_not_held(core: ServerClient) -> None:
    answer = core.call("GET", "/v1/executions/claimable?wait=30")
    assert answer.json() == {"executions": []}
    assert "X-Cueworker-Wait" not in answer.headers
    assert answer.elapsed.total_seconds() < 20


def test_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="invalid choice"):
        LocalServerProcess(tmp_path, quirks="moon").start()
