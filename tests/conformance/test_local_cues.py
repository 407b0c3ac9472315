"""The local server's cue endpoints: shapes, errors, firing, schedules that really fire."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from support.local_server import LocalServerProcess, local_account, shared_local_server
from support.server_client import ServerClient

__all__ = ["local_account", "shared_local_server"]

DAILY = {"type": "recurring", "cron": "@daily"}


def _soon(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()


def test_a_cue_on_the_wire(local_account: ServerClient) -> None:
    body = {"name": "a", "transport": "worker", "schedule": {"type": "recurring", "cron": "0 9 * * *"}}
    answer = local_account.call("POST", "/v1/cues", body)
    assert answer.status_code == 201
    cue = answer.json()
    assert cue.pop("warning") == "No active workers found. Start a worker to process this cue."
    assert re.fullmatch(r"cue_[a-z0-9]{12}", cue["id"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT09:00:00Z", cue["next_run"])
    for volatile in ("id", "next_run", "created_at", "updated_at"):
        del cue[volatile]
    assert cue == {
        "name": "a",
        "description": None,
        "status": "active",
        "transport": "worker",
        "schedule": {"type": "recurring", "timezone": "UTC", "cron": "0 9 * * *"},
        "callback": {"url": None, "method": "POST", "headers": {}},
        "payload": {},
        "retry": {"max_attempts": 3, "backoff_minutes": [1, 5, 15]},
        "last_run": None,
        "run_count": 0,
        "fired_count": 0,
        "on_failure": {"email": True, "pause": False, "webhook": None},
        "verification": None,
    }


def test_a_cue_whose_worker_is_alive_has_no_warning(local_account: ServerClient) -> None:
    local_account.ok("POST", "/v1/worker/heartbeat", {"worker_id": "w"})
    body = {"name": "a", "transport": "worker", "schedule": DAILY}
    made = local_account.ok("POST", "/v1/cues", body)
    assert made["warning"] is None
    hooked = local_account.ok(
        "PATCH", f"/v1/cues/{made['id']}", {"on_failure": {"webhook": "https://a.example"}}
    )
    assert "on_failure.webhook" in hooked["warning"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": None}, 422, "validation_error"),
        ({"name": ""}, 422, "validation_error"),
        ({"name": "x" * 256}, 422, "validation_error"),
        ({"name": 1}, 422, "validation_error"),
        ({"payload": []}, 422, "validation_error"),
        ({"payload": {"x": ["\0"]}}, 400, "invalid_payload"),
        ({"payload": {"x": "\ud800"}}, 500, "internal_error"),
        ({"description": "\0"}, 500, "internal_error"),
        ({"transport": "pigeon"}, 422, "validation_error"),
        ({"transport": "webhook"}, 422, "validation_error"),
        ({"callback": {"transport": "worker"}}, 422, "validation_error"),
        ({"retry": {"max_attempts": 11}}, 422, "validation_error"),
        ({"retry": {"backoff_minutes": ["x"]}}, 422, "validation_error"),
        ({"on_failure": {"pause": "yes"}}, 422, "validation_error"),
        ({"verification": {"mode": "trust me"}}, 422, "validation_error"),
        ({"schedule": None}, 422, "validation_error"),
        ({"schedule": {}}, 422, "validation_error"),
        ({"schedule": {"type": "recurring"}}, 400, "invalid_schedule"),
        ({"schedule": {"type": "recurring", "cron": ""}}, 400, "invalid_schedule"),
        ({"schedule": {"type": "recurring", "cron": "never"}}, 400, "invalid_schedule"),
        ({"schedule": {"type": "once"}}, 400, "invalid_schedule"),
        ({"schedule": {"type": "once", "at": "2020-01-01T00:00:00Z"}}, 400, "invalid_schedule"),
        ({"schedule": {"type": "once", "at": "tomorrow"}}, 422, "validation_error"),
        ({"schedule": {"type": "sometimes"}}, 400, "invalid_schedule"),
        ({"schedule": {**DAILY, "timezone": "Mars/Olympus"}}, 422, "invalid_timezone"),
    ],
)
def test_errors_at_create(
    local_account: ServerClient, change: dict[str, Any], status: int, code: str
) -> None:
    answer = local_account.call(
        "POST", "/v1/cues", {"name": "a", "transport": "worker", "schedule": DAILY, **change}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert local_account.ok("GET", "/v1/cues")["total"] == 0


def test_422_details_name_the_fields(local_account: ServerClient) -> None:
    error = local_account.call("POST", "/v1/cues", {"transport": "worker"}).json()["error"]
    assert [detail["field"] for detail in error["details"]] == ["body.name", "body.schedule"]
    assert error["message"] == error["details"][0]["message"]


def test_names_are_unique_and_the_number_of_cues_may_be_limited(tmp_path: Path) -> None:
    with LocalServerProcess(tmp_path, max_cues=2) as server:
        server.cue("a")
        body = {"name": "a", "transport": "worker", "schedule": DAILY}
        assert server.call("POST", "/v1/cues", body).json()["error"]["code"] == "duplicate_cue_name"
        second = server.cue("b")
        assert server.call("PATCH", f"/v1/cues/{second}", {"name": "a"}).status_code == 409
        third = server.call("POST", "/v1/cues", {**body, "name": "c"})
        assert (third.status_code, third.json()["error"]["code"]) == (403, "cue_limit_exceeded")
        assert server.ok("GET", "/v1/usage")["cues"] == {
            "used": 2, "active": 2, "limit": 2, "remaining": 0, "percent_used": 100,
        }  # fmt: skip


def test_listing_is_newest_first_with_pages_and_status(local_account: ServerClient) -> None:
    ids = [local_account.cue(name) for name in "abc"]
    local_account.ok("PATCH", f"/v1/cues/{ids[0]}", {"status": "paused"})
    page = local_account.ok("GET", "/v1/cues?limit=2&offset=1")
    assert ([cue["name"] for cue in page["cues"]], page["total"]) == (["b", "a"], 3)
    assert (page["limit"], page["offset"]) == (2, 1)
    paused = local_account.ok("GET", "/v1/cues?status=paused")
    assert [cue["id"] for cue in paused["cues"]] == [ids[0]]
    for query in ("limit=0", "limit=101", "limit=x", "offset=-1"):
        answer = local_account.call("GET", f"/v1/cues?{query}")
        assert answer.status_code == 422
        assert answer.json()["error"]["details"][0]["field"] == f"query.{query.split('=')[0]}"


def test_one_cue_shows_its_executions(local_account: ServerClient) -> None:
    cue = local_account.cue()
    fired = [local_account.fire(cue) for _ in range(3)]
    shown = local_account.ok("GET", f"/v1/cues/{cue}?execution_limit=2")
    assert [row["id"] for row in shown["executions"]] == [fired[2], fired[1]]
    assert (shown["execution_total"], shown["execution_limit"], shown["execution_offset"]) == (3, 2, 0)
    assert shown["fired_count"] == 3


def test_patch_changes_what_it_names(local_account: ServerClient) -> None:
    cue = local_account.cue(description="before", payload={"task": "a"})
    changed = local_account.ok(
        "PATCH",
        f"/v1/cues/{cue}",
        {"description": None, "payload": {"task": "b"}, "verification": {"mode": "manual"}},
    )
    assert (changed["description"], changed["payload"]) == (None, {"task": "b"})
    assert changed["verification"] == {"mode": "manual"}
    assert changed["name"] == "a cue"
    for bad in ({"color": 1}, {"transport": "worker"}, {"status": "completed"}, {"name": ""}):
        assert local_account.call("PATCH", f"/v1/cues/{cue}", bad).status_code == 422
    bad_schedule = local_account.call("PATCH", f"/v1/cues/{cue}", {"schedule": {"type": "once"}})
    assert bad_schedule.json()["error"]["code"] == "invalid_schedule"


def test_deleting_a_cue_deletes_its_executions_in_flight(local_account: ServerClient) -> None:
    cue = local_account.cue()
    execution = local_account.fire(cue)
    local_account.claim(execution)
    assert local_account.call("DELETE", f"/v1/cues/{cue}").status_code == 204
    assert local_account.call("DELETE", f"/v1/cues/{cue}").json()["error"]["code"] == "cue_not_found"
    beat = local_account.call("POST", f"/v1/executions/{execution}/heartbeat")
    assert (beat.status_code, beat.json()["error"]["code"]) == (404, "execution_not_found")
    assert (
        local_account.call("POST", f"/v1/executions/{execution}/outcome", {"success": True}).status_code
        == 404
    )


def test_fire_overrides_live_on_the_execution(local_account: ServerClient) -> None:
    cue = local_account.cue(payload={"task": "a", "n": {"x": 1}})
    plain = local_account.ok("POST", f"/v1/cues/{cue}/fire")
    assert {**plain, "id": 0, "scheduled_for": 0} == {
        "id": 0, "cue_id": cue, "scheduled_for": 0, "status": "pending", "triggered_by": "manual_fire",
    }  # fmt: skip
    local_account.fire(cue, payload_override={"n": {"y": 2}})
    local_account.fire(cue, payload_override={"task": "b"}, merge_strategy="replace")
    assert [row["payload"] for row in local_account.claimable()] == [
        {"task": "a", "n": {"x": 1}},
        {"task": "a", "n": {"y": 2}},
        {"task": "b"},
    ]
    assert [row["task"] for row in local_account.claimable("?task=b")] == ["b"]
    assert local_account.ok("GET", f"/v1/cues/{cue}")["payload"] == {"task": "a", "n": {"x": 1}}
    bad: dict[str, Any]
    for bad in (
        {"payload_override": 1},
        {"merge_strategy": "deep"},
        {"send_at": "soon"},
        {"idempotency_key": ""},
    ):
        assert local_account.call("POST", f"/v1/cues/{cue}/fire", bad).status_code == 422


def test_the_same_idempotency_key_is_the_same_execution(local_account: ServerClient) -> None:
    cue, other = local_account.cue("a"), local_account.cue("b")
    first = local_account.ok("POST", f"/v1/cues/{cue}/fire", {"idempotency_key": "k"})
    assert local_account.ok("POST", f"/v1/cues/{cue}/fire", {"idempotency_key": "k"}) == first
    assert local_account.fire(cue, idempotency_key="k2") != first["id"]
    assert local_account.fire(other, idempotency_key="k") != first["id"]
    assert len(local_account.claimable()) == 3


def test_send_at_holds_an_execution_back_and_a_waiting_listing_gets_it_in_time(
    local_account: ServerClient,
) -> None:
    cue = local_account.cue()
    due = time.time() + 1.2
    execution = local_account.fire(cue, send_at=datetime.fromtimestamp(due, UTC).isoformat())
    assert local_account.claimable() == []
    early = local_account.call("POST", f"/v1/executions/{execution}/claim", {"worker_id": "w"})
    assert early.status_code == 409
    (row,) = local_account.claimable("?wait=20")
    assert row["execution_id"] == execution
    assert due <= time.time() < due + 1
    local_account.fire(cue, send_at="2020-01-01T00:00:00Z")  # the past means now
    assert len(local_account.claimable()) == 2


def test_a_single_run_fires_at_its_time_and_completes_with_its_outcome(
    local_account: ServerClient,
) -> None:
    cue = local_account.cue(schedule={"type": "once", "at": _soon(1)})
    early = local_account.fire(cue)
    local_account.claim(early)
    local_account.ok("POST", f"/v1/executions/{early}/outcome", {"success": True})
    assert local_account.ok("GET", f"/v1/cues/{cue}")["status"] == "active"  # its own time is still to come
    (row,) = local_account.claimable("?wait=20")
    local_account.claim(row["execution_id"])
    assert local_account.execution(row["execution_id"])["triggered_by"] == "schedule"
    local_account.ok("POST", f"/v1/executions/{row['execution_id']}/outcome", {"success": True})
    done = local_account.ok("GET", f"/v1/cues/{cue}")
    assert (done["status"], done["next_run"], done["run_count"]) == ("completed", None, 2)


def test_a_paused_cue_does_not_fire_on_schedule_but_by_hand(local_account: ServerClient) -> None:
    paused = local_account.cue("paused", schedule={"type": "once", "at": _soon(0.8)})
    local_account.ok("PATCH", f"/v1/cues/{paused}", {"status": "paused"})
    witness = local_account.cue("witness", schedule={"type": "once", "at": _soon(1.2)})
    (row,) = local_account.claimable("?wait=20")
    assert row["cue_id"] == witness
    local_account.fire(paused)
    assert [row["cue_id"] for row in local_account.claimable()] == [witness, paused]


def test_a_webhook_cue_is_kept_with_a_warning_and_never_given_to_workers(
    local_account: ServerClient,
) -> None:
    body = {"name": "hook", "schedule": DAILY, "callback": {"url": "https://a.example/hook"}}
    cue = local_account.ok("POST", "/v1/cues", body)
    assert (cue["transport"], cue["callback"]["url"]) == ("webhook", "https://a.example/hook")
    assert "does not deliver webhooks" in cue["warning"]
    execution = local_account.fire(cue["id"])
    assert local_account.claimable() == []
    claim = local_account.call("POST", f"/v1/executions/{execution}/claim", {"worker_id": "w"})
    assert claim.status_code == 409
