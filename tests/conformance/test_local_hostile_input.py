"""Hostile texts are stored and given back as the texts they are; requests beyond the limits harm nobody."""

from __future__ import annotations

import contextlib
import socket
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from support.local_server import LocalServerProcess, local_account, shared_local_server
from support.server_client import DEADLINE, ServerClient

__all__ = ["local_account", "shared_local_server"]

HOSTILE = [
    "'; DROP TABLE cues; --",
    "\" OR 1=1 --",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "../../etc/passwd",
    "%00%2e%2e%2f?#&=;",
    "$(id) `id` ${HOME} {{ payload.x }}",
    "\x1b]0;title\x07\x1b[31m\r\nX-Injected: yes",
    "\u202eevil\u2066 \u200b\ufeff",
    "𝄞" * 120,
    "NaN",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_text_comes_back_as_it_is(local_account: ServerClient, text: str) -> None:
    payload = {"task": text, "agent": text, text: [text]}
    body: dict[str, Any] = {
        "description": text,
        "payload": payload,
        "callback": {"method": text, "headers": {text: text}},
        "verification": {"mode": "manual"},
    }
    cue = local_account.cue(text, **body)
    made = local_account.ok("GET", f"/v1/cues/{cue}")
    assert (made["name"], made["description"], made["payload"]) == (text, text, payload)
    assert made["callback"]["headers"] == {text: text}
    execution = local_account.fire(cue, idempotency_key=text)
    assert local_account.fire(cue, idempotency_key=text) == execution
    (row,) = local_account.claimable(f"?task={quote(text)}&agent={quote(text)}")
    assert (row["cue_name"], row["task"], row["payload"]) == (text, text, payload)
    local_account.claim(execution, text)
    told = {
        "result": text,
        "summary": text,
        "external_id": text,
        "artifacts": [text],
        "metadata": {text: text},
    }
    local_account.ok("POST", f"/v1/executions/{execution}/outcome", {"success": True, **told})
    shown = local_account.execution(execution)
    assert shown["claimed_by_worker"] == text
    assert (shown["outcome"]["result"], shown["outcome"]["metadata"]) == (text, {text: text})
    assert shown["evidence"] == {"summary": text, "external_id": text, "artifacts": [text]}
    local_account.ok("POST", f"/v1/executions/{execution}/verify", {"valid": False, "reason": text})
    listed = local_account.ok("GET", f"/v1/executions?worker_id={quote(text)}&cue_id={cue}")
    assert [row["id"] for row in listed["executions"]] == [execution]
    local_account.ok("POST", "/v1/worker/heartbeat", {"worker_id": text, "handlers": [text]})
    (worker,) = local_account.ok("GET", "/v1/workers")["workers"]
    assert (worker["worker_id"], worker["handlers"]) == (text, [text])
    assert local_account.call("DELETE", f"/v1/workers/{quote(text, safe='')}").status_code == 204
    label = local_account.ok("POST", "/v1/auth/keys", {"label": text[:100]})["id"]
    labels = {key["id"]: key["label"] for key in local_account.ok("GET", "/v1/auth/keys")["keys"]}
    assert labels[label] == text[:100]
    for path in (f"/v1/cues/{quote(text, safe='')}", f"/v1/executions/{quote(text, safe='')}"):
        answer = local_account.call("GET", path)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/json")


def talk(server: ServerClient, data: bytes) -> bytes:
    """Everything that the server says to these bytes until it hangs up."""
    said = b""
    address = urlsplit(server.url)
    with (
        socket.create_connection((address.hostname, address.port), timeout=DEADLINE) as connection,
        contextlib.suppress(ConnectionError),  # it may hang up before it has read all
    ):
        connection.sendall(data)
        while chunk := connection.recv(65536):
            said += chunk
    return said


def test_headers_without_an_end_are_hung_up_on(shared_local_server: LocalServerProcess) -> None:
    said = talk(shared_local_server, b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 200_000)
    assert said == b"" or said.startswith(b"HTTP/1.1 400 ")
    assert shared_local_server.ok("GET", "/health")["status"] == "healthy"


def test_a_body_without_an_end_is_hung_up_on(shared_local_server: LocalServerProcess) -> None:
    key = shared_local_server.api_key.encode()
    head = b"POST /v1/cues HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + key
    chunks = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
    said = talk(shared_local_server, head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks * 200)
    assert said == b"" or said.startswith(b"HTTP/1.1 413 ")
    assert shared_local_server.ok("GET", "/health")["status"] == "healthy"


def test_what_is_no_http_is_refused(shared_local_server: LocalServerProcess) -> None:
    assert talk(shared_local_server, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert shared_local_server.ok("GET", "/health")["status"] == "healthy"


def test_a_host_that_is_none_gets_into_no_address(shared_local_server: LocalServerProcess) -> None:
    for number, host in enumerate(("a.example/evil?", "evil\"'<", "a b", "user@evil")):
        body = {"device_code": f"host-{number}-{shared_local_server.pid}"}
        answer = shared_local_server.call("POST", "/v1/auth/device-code", body, headers={"Host": host})
        assert answer.status_code in (201, 400), answer.text
        if answer.status_code == 201:
            assert answer.json()["verification_url"].startswith("/logins/")
