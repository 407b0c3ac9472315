"""The local server's outcome endpoint takes what the real one takes and no more; and what follows it."""

from __future__ import annotations

from typing import Any

import pytest
from support.local_server import local_account, shared_local_server
from support.server_client import ServerClient

__all__ = ["local_account", "shared_local_server"]


def _claimed(server: ServerClient, **cue: Any) -> str:
    execution = server.fire(server.cue(**cue))
    server.claim(execution)
    return execution


def _metadata_of(size: int) -> dict[str, str]:
    """An object whose ASCII-escaped JSON has `size` bytes; each `é` costs six."""
    letters, rest = divmod(size - len('{"k": ""}'), 6)
    return {"k": "é" * letters + "x" * rest}


ACCEPTED: list[dict[str, Any]] = [
    {"success": True},
    {"success": False, "error": "e" * 2000},
    {"success": True, "result": "é" * 2000, "summary": "s" * 500},
    {"success": True, "external_id": "i" * 255, "result_ref": "r" * 255, "result_type": "t" * 50},
    {"success": True, "result_url": "https://a.example/" + "x" * (2083 - 18)},
    {"success": True, "metadata": _metadata_of(10_240)},
    {"success": True, "artifacts": [{"a": 1}], "unknown": "ignored"},
    {"success": True, "result": None, "metadata": None, "artifacts": None},
    {"success": True, "result": "a \\u0000 in plain text, NaN, Infinity, 1e999"},
]
REFUSED: list[tuple[int, dict[str, Any]]] = [
    (422, {}),
    (422, {"success": None}),
    (422, {"success": 1}),
    (422, {"success": "true"}),
    (422, {"success": True, "result": "r" * 2001}),
    (422, {"success": False, "error": "e" * 2001}),
    (422, {"success": True, "summary": "s" * 501}),
    (422, {"success": True, "result": 1}),
    (422, {"success": True, "metadata": []}),
    (422, {"success": True, "artifacts": {}}),
    (422, {"success": True, "result_url": "https://"}),
    (422, {"success": True, "result_url": "ftp://a.example"}),
    (422, {"success": True, "result_url": "https://a.example/" + "x" * (2084 - 18)}),
    (400, {"success": True, "metadata": _metadata_of(10_241)}),
    (500, {"success": True, "external_id": "i" * 256}),
    (500, {"success": True, "result_ref": "r" * 256}),
    (500, {"success": True, "result_type": "t" * 51}),
    (500, {"success": True, "result": "a\0b"}),
    (500, {"success": True, "metadata": {"a\0": 1}}),
    (500, {"success": True, "artifacts": ["\ud800"]}),
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_an_outcome_within_the_limits_is_recorded(local_account: ServerClient, body: dict[str, Any]) -> None:
    execution = _claimed(local_account)
    answer = local_account.ok("POST", f"/v1/executions/{execution}/outcome", body)
    state = "reported_success" if body["success"] else "reported_failure"
    assert answer == {
        "execution_id": execution, "outcome_recorded": True, "outcome_state": state, "reason": None,
    }  # fmt: skip
    outcome = local_account.execution(execution)["outcome"]
    for field in ("success", "result", "error", "metadata"):
        assert outcome[field] == body.get(field)
    assert outcome["recorded_at"].endswith("Z")


@pytest.mark.parametrize(("status", "body"), REFUSED)
def test_an_outcome_beyond_the_limits_leaves_no_trace(
    local_account: ServerClient, status: int, body: dict[str, Any]
) -> None:
    execution = _claimed(local_account)
    answer = local_account.call("POST", f"/v1/executions/{execution}/outcome", body)
    assert answer.status_code == status
    code = {422: "validation_error", 400: "metadata_too_large", 500: "internal_error"}[status]
    assert answer.json()["error"]["code"] == code
    assert local_account.execution(execution)["status"] == "delivering"
    local_account.ok("POST", f"/v1/executions/{execution}/outcome", {"success": False})


@pytest.mark.parametrize(
    "raw",
    [
        b'{"success": true, "metadata": {"a": NaN}}',
        b'{"success": true, "metadata": {"a": -Infinity}}',
        b'{"success": true, "metadata": {"a": [1e999]}}',
        b'{"success": true, "result": "\xed\xa0\x80"}',
    ],
)
def test_numbers_and_text_that_no_database_takes(local_account: ServerClient, raw: bytes) -> None:
    execution = _claimed(local_account)
    assert local_account.call("POST", f"/v1/executions/{execution}/outcome", data=raw).status_code == 500


def test_an_outcome_is_written_once_by_whoever_comes_first(local_account: ServerClient) -> None:
    execution = _claimed(local_account)
    path = f"/v1/executions/{execution}/outcome"
    local_account.ok("POST", path, {"success": False, "error": "broken"}, headers={"X-Worker-Id": "stranger"})
    second = local_account.call("POST", path, {"success": True})
    assert (second.status_code, second.json()["error"]["code"]) == (409, "outcome_already_recorded")
    shown = local_account.execution(execution)
    assert (shown["status"], shown["error_message"], shown["delivered_at"]) == ("failed", "broken", None)
    assert local_account.claimable() == []


def test_an_outcome_needs_a_claim(local_account: ServerClient) -> None:
    execution = local_account.fire(local_account.cue())
    early = local_account.call("POST", f"/v1/executions/{execution}/outcome", {"success": True})
    assert (early.status_code, early.json()["error"]["code"]) == (409, "invalid_state")
    missing = local_account.call("POST", "/v1/executions/nothing/outcome", {"success": True})
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "execution_not_found")


@pytest.mark.parametrize(
    ("mode", "evidence", "state"),
    [
        ("none", {}, "reported_success"),
        ("manual", {}, "verification_pending"),
        ("require_external_id", {"external_id": "1"}, "verified_success"),
        ("require_result_url", {"result_url": "https://a.example"}, "verified_success"),
        ("require_artifacts", {"artifacts": ["a"]}, "verified_success"),
        ("require_artifacts", {"artifacts": []}, "verification_failed"),
    ],
)
def test_verification_modes(
    local_account: ServerClient, mode: str, evidence: dict[str, Any], state: str
) -> None:
    execution = _claimed(local_account, verification={"mode": mode})
    answer = local_account.ok("POST", f"/v1/executions/{execution}/outcome", {"success": True, **evidence})
    assert answer["outcome_state"] == state
    shown = local_account.execution(execution)
    assert (shown["outcome_state"], shown["status"]) == (state, "success")
    assert (shown["evidence"] or {}) == {name: value for name, value in evidence.items() if value}
    alerts = local_account.ok("GET", "/v1/alerts")
    assert [a["alert_type"] for a in alerts["alerts"]] == ["verification_failed"] * (
        state == "verification_failed"
    )


def test_a_person_verifies(local_account: ServerClient) -> None:
    execution = _claimed(local_account, verification={"mode": "manual"})
    base = f"/v1/executions/{execution}"
    early = local_account.call("POST", f"{base}/verification-pending")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "no_outcome")
    assert local_account.call("POST", f"{base}/verify").json()["error"]["code"] == "invalid_state"
    local_account.ok("POST", f"{base}/outcome", {"success": True})
    assert local_account.ok("POST", f"{base}/verify") == {
        "execution_id": execution, "outcome_state": "verified_success", "reason": None,
    }  # fmt: skip
    assert local_account.call("POST", f"{base}/verify").status_code == 409
    local_account.ok("POST", f"{base}/verification-pending")
    rejected = local_account.ok("POST", f"{base}/verify", {"valid": False, "reason": "not there"})
    assert (rejected["outcome_state"], rejected["reason"]) == ("verification_failed", "not there")
    assert local_account.call("POST", "/v1/executions/nothing/verify").status_code == 404


def test_evidence_can_be_added_afterwards(local_account: ServerClient) -> None:
    execution = _claimed(local_account)
    base = f"/v1/executions/{execution}"
    assert local_account.call("PATCH", f"{base}/evidence", {"summary": "s"}).status_code == 409
    local_account.ok("POST", f"{base}/outcome", {"success": True, "external_id": "1", "summary": "first"})
    answer = local_account.ok("PATCH", f"{base}/evidence", {"summary": "second", "metadata": {"a": 1}})
    assert answer == {
        "execution_id": execution, "outcome_state": "reported_success", "evidence_updated": True,
    }  # fmt: skip
    shown = local_account.execution(execution)
    assert shown["evidence"] == {"external_id": "1", "summary": "second"}
    assert shown["outcome"]["metadata"] == {"a": 1}
    assert local_account.call("PATCH", f"{base}/evidence", {"summary": "s" * 501}).status_code == 422
    assert local_account.call("PATCH", f"{base}/evidence", {"result_ref": "s" * 256}).status_code == 500


def test_three_failures_in_a_row_raise_one_alert_and_a_success_ends_the_row(
    local_account: ServerClient,
) -> None:
    cue = local_account.cue()
    for success in (False, False, True, False, False, False, False):
        execution = local_account.fire(cue)
        local_account.claim(execution)
        local_account.ok("POST", f"/v1/executions/{execution}/outcome", {"success": success})
    alerts = local_account.ok("GET", "/v1/alerts")
    (alert,) = alerts["alerts"]
    assert (alert["alert_type"], alert["cue_id"]) == ("consecutive_failures", cue)
    assert alert["metadata"] == {"consecutive_failures": 3}
    assert local_account.ok("GET", "/v1/usage")["outcomes"] == {"reported": 7, "succeeded": 1, "failed": 6}


def test_on_failure_may_pause_the_cue(local_account: ServerClient) -> None:
    cue = local_account.cue(on_failure={"pause": True})
    execution = local_account.fire(cue)
    local_account.claim(execution)
    local_account.ok("POST", f"/v1/executions/{execution}/outcome", {"success": False})
    shown = local_account.ok("GET", f"/v1/cues/{cue}")
    assert (shown["status"], shown["run_count"]) == ("paused", 1)
