"""The local server's envelope, keys, request limit and isolation, over real connections."""

from __future__ import annotations

import http.client
import socket
import time
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.local_server import LocalServerProcess, local_account, local_server, shared_local_server
from support.server_client import ServerClient

__all__ = ["local_account", "local_server", "shared_local_server"]


def test_health_needs_no_key(local_account: ServerClient) -> None:
    answer = local_account.call("GET", "/health", headers={"Authorization": ""})
    assert answer.status_code == 200
    health = answer.json()
    assert (health["status"], set(health)) == ("healthy", {"status", "version", "timestamp", "services"})
    assert health["timestamp"].endswith("Z")
    assert answer.headers["X-Request-Id"]


@pytest.mark.parametrize("header", ["", "Bearer cue_sk_wrong", "Basic abc", "Bearer"])
def test_a_bad_key_is_401(local_account: ServerClient, header: str) -> None:
    answer = local_account.call("GET", "/v1/cues", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json()["error"] == {"code": "invalid_api_key", "message": "Invalid API key", "status": 401}
    assert answer.headers["X-Request-Id"]


def test_unknown_paths_and_methods_have_the_envelope(local_account: ServerClient) -> None:
    missing = local_account.call("GET", "/v1/nothing")
    assert missing.status_code == 404
    assert missing.json()["error"] == {"code": "not_found", "message": "Not found", "status": 404}
    wrong = local_account.call("PUT", "/v1/cues")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "method_not_allowed")
    assert wrong.headers["Allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b"", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b"[" * 100_000, 400, "invalid_json"),
        (b"[]", 422, "validation_error"),
        (b" " * 1_048_577, 413, "request_too_large"),
    ],
)
def test_bodies_that_are_no_json_object(
    local_account: ServerClient, raw: bytes, status: int, code: str
) -> None:
    answer = local_account.call("POST", "/v1/cues", data=raw)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_a_body_of_the_largest_size_passes(local_account: ServerClient) -> None:
    body = b'{"worker_id": "w"}'
    answer = local_account.call("POST", "/v1/worker/heartbeat", data=body.ljust(1_048_576))
    assert answer.status_code == 200


def test_the_connection_is_dropped_after_a_500_without_notice(local_server: LocalServerProcess) -> None:
    connection = http.client.HTTPConnection(urlsplit(local_server.url).netloc, timeout=10)
    headers = {"Authorization": f"Bearer {local_server.api_key}"}
    connection.request("POST", "/v1/worker/heartbeat", '{"worker_id": "\\u0000"}', headers)
    answer = connection.getresponse()
    assert answer.status == 500
    assert b"internal_error" in answer.read()
    assert answer.getheader("Connection") is None
    assert connection.sock.recv(1) == b""
    connection.close()
    assert not any("Traceback" in line for line in local_server.log)


def test_registration_and_isolation(local_account: ServerClient) -> None:
    cue = local_account.cue()
    execution = local_account.fire(cue)
    registered = local_account.call(
        "POST", "/v1/auth/register", {"email": "a@b.example"}, headers={"Authorization": ""}
    )
    assert registered.status_code == 201
    assert registered.json()["email"] == "a@b.example"
    again = local_account.call("POST", "/v1/auth/register", {"email": "A@b.example"})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "duplicate_email")
    assert local_account.call("POST", "/v1/auth/register", {"email": "nobody"}).status_code == 422
    other = {"Authorization": f"Bearer {registered.json()['api_key']}"}

    def status(method: str, path: str, body: object = None) -> int:
        return local_account.call(method, path, body, headers=dict(other)).status_code

    assert status("GET", f"/v1/cues/{cue}") == 404
    assert status("PATCH", f"/v1/cues/{cue}", {"name": "mine"}) == 404
    assert status("POST", f"/v1/cues/{cue}/fire") == 404
    assert status("DELETE", f"/v1/cues/{cue}") == 404
    assert status("GET", f"/v1/executions/{execution}") == 404
    assert status("POST", f"/v1/executions/{execution}/heartbeat") == 404
    assert status("POST", f"/v1/executions/{execution}/outcome", {"success": True}) == 404
    assert status("POST", f"/v1/executions/{execution}/replay") == 404
    assert status("POST", f"/v1/executions/{execution}/claim", {"worker_id": "w"}) == 409
    assert status("POST", "/v1/executions/claim", {"worker_id": "w"}) == 409
    for path, rows in (
        ("/v1/cues", "cues"),
        ("/v1/executions", "executions"),
        ("/v1/executions/claimable", "executions"),
    ):
        assert local_account.ok("GET", path, headers=dict(other))[rows] == []
    assert status("POST", "/v1/cues", _cue_body("a cue")) == 201  # names are unique per account
    assert local_account.execution(execution)["status"] == "pending"


def _cue_body(name: str) -> dict[str, object]:
    return {"name": name, "transport": "worker", "schedule": {"type": "recurring", "cron": "@daily"}}


def test_the_request_limit_counts_60_in_a_window_and_no_refused_one(tmp_path: Path) -> None:
    with LocalServerProcess(tmp_path, rate_limit=60) as server:
        before = time.time()
        answers = [server.call("GET", "/v1/workers") for _ in range(60)]
        assert [a.status_code for a in answers] == [200] * 60
        assert [int(a.headers["X-RateLimit-Remaining"]) for a in answers] == list(range(59, -1, -1))
        refused = [server.call("GET", "/v1/workers") for _ in range(3)]
        assert [a.status_code for a in refused] == [429] * 3
        last = refused[-1]
        assert last.json()["error"]["code"] == "rate_limit_exceeded"
        assert last.headers["X-RateLimit-Limit"] == "60"
        assert 1 <= int(last.headers["Retry-After"]) <= 60
        assert before + 60 <= int(last.headers["X-RateLimit-Reset"]) <= time.time() + 61
        assert server.call("GET", "/health").status_code == 200
        own_key = (tmp_path / "api_key").read_text().strip()
        fresh = server.call("GET", "/v1/usage", headers={"Authorization": f"Bearer {own_key}"})
        assert fresh.json()["rate_limit"] == {"requests_per_minute": 60, "current_usage": 1}


def test_without_a_limit_there_are_no_limit_headers(local_account: ServerClient) -> None:
    answer = local_account.call("GET", "/v1/workers")
    assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]


def test_answers_warn_when_the_months_executions_near_what_the_plan_allows(tmp_path: Path) -> None:
    with LocalServerProcess(tmp_path, monthly_executions=5) as server:
        cue = server.cue()
        warned = []
        for _ in range(5):
            server.fire(cue)
            warned.append(server.call("GET", "/v1/workers").headers.get("X-CueAPI-Usage-Warning"))
        assert warned == [None, None, None, "approaching_limit", "approaching_limit"]
        used = server.ok("GET", "/v1/usage")["executions"]
        assert used == {"used": 5, "limit": 5, "remaining": 0, "percent_used": 100}
        server.fire(cue)  # a warning, not a limit


def test_a_key_tells_whose_it_is(local_account: ServerClient) -> None:
    local_account.fire(local_account.cue())
    me = local_account.ok("GET", "/v1/auth/me")
    assert me.pop("email").endswith("@test.example")
    assert me == {
        "plan": "local",
        "active_cues": 1,
        "active_cue_limit": 1_000_000_000,
        "executions_this_month": 1,
        "monthly_execution_limit": 1_000_000_000,
        "rate_limit_per_minute": None,
    }


def test_usage_and_alerts_start_empty(local_account: ServerClient) -> None:
    usage = local_account.ok("GET", "/v1/usage")
    assert set(usage) == {"plan", "period", "cues", "executions", "outcomes", "rate_limit"}
    assert usage["outcomes"] == {"reported": 0, "succeeded": 0, "failed": 0}
    assert local_account.ok("GET", "/v1/alerts") == {"alerts": [], "total": 0, "limit": 20, "offset": 0}


def test_workers_register_renew_and_go(local_account: ServerClient) -> None:
    answer = local_account.ok("POST", "/v1/worker/heartbeat", {"worker_id": "host/1", "handlers": ["a", "b"]})
    assert answer["acknowledged"] is True
    assert datetime.fromisoformat(answer["server_time"]).tzinfo is not None
    (worker,) = local_account.ok("GET", "/v1/workers")["workers"]
    assert (worker["worker_id"], worker["handlers"], worker["heartbeat_status"]) == (
        "host/1",
        ["a", "b"],
        "active",
    )
    local_account.ok("POST", "/v1/worker/heartbeat", {"worker_id": "host/1"})
    (renewed,) = local_account.ok("GET", "/v1/workers")["workers"]
    assert renewed["handlers"] is None
    assert renewed["registered_since"] == worker["registered_since"]
    assert local_account.call("DELETE", "/v1/workers/host%2F1").status_code == 204
    gone = local_account.call("DELETE", "/v1/workers/host%2F1")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "worker_not_found")
    for body in ({}, {"worker_id": ""}, {"worker_id": "x" * 256}, {"worker_id": "w", "handlers": [1]}):
        assert local_account.call("POST", "/v1/worker/heartbeat", body).status_code == 422


def test_an_answer_comes_in_one_piece(local_account: ServerClient) -> None:
    address = urlsplit(local_account.url)
    with socket.create_connection((address.hostname, address.port), 30) as connection:
        for _ in range(30):
            connection.sendall(f"GET /health HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
            head, _, body = connection.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200") and body.endswith(b"}"), "head and body in one write"
        # The last one before the connection closes is sent as well.
        connection.sendall(
            f"DELETE /v1/workers/nobody HTTP/1.1\r\nHost: {address.netloc}\r\nConnection: close\r\n\r\n".encode()
        )
        said = b""
        while received := connection.recv(65536):
            said += received
        assert said.startswith(b"HTTP/1.1 401") and said.endswith(b"}}")
