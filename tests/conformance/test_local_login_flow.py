"""Logging in at the local server as the official clients do: device code, session, key; keys that end."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from cueworker.local import discover
from support.local_server import LocalServerProcess, local_account, local_server, shared_local_server
from support.server_client import ServerClient

__all__ = ["local_account", "local_server", "shared_local_server"]

CONFIRM = {"X-Confirm-Destructive": "true"}


def confirmed(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **CONFIRM}


def open_call(server: ServerClient, path: str, body: object) -> Any:
    """A call without a key."""
    return server.ok("POST", path, body, headers={"Authorization": ""})


def begin(server: ServerClient, email: str | None = None) -> tuple[str, str]:
    """A new login: the device's code and the one that people see."""
    device = uuid.uuid4().hex
    begun = open_call(server, "/v1/auth/device-code", {"device_code": device})
    code = begun["user_code"]
    assert begun == {
        "verification_url": f"{server.url}/logins/{code}", "expires_in": 900, "user_code": code,
    }  # fmt: skip
    assert poll(server, device) == {"status": "pending"}
    if email is not None:
        body = {"device_code": device, "email": email}
        assert open_call(server, "/v1/auth/device-code/submit-email", body) == {"status": "email_sent"}
        assert poll(server, device) == {"status": "email_sent"}
    return device, code


def poll(server: ServerClient, device: str) -> Any:
    return open_call(server, "/v1/auth/device-code/poll", {"device_code": device})


def code_of(server: ServerClient, key: str) -> str:
    answer = server.call("GET", "/v1/cues", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    return str(answer.json()["error"]["code"])


def test_an_approved_device_gets_a_key_of_the_approvers_account_once(
    shared_local_server: LocalServerProcess,
) -> None:
    owner = shared_local_server
    email = f"{uuid.uuid4()}@test.example"
    device, code = begin(owner, email)
    (login,) = [row for row in owner.ok("GET", "/v1/auth/logins")["logins"] if row["code"] == code]
    assert login["email"] == email
    approved = owner.ok("POST", f"/v1/auth/logins/{code}/approve")
    assert (approved["code"], approved["status"]) == (code, "approved")
    granted = poll(owner, device)
    assert (granted["status"], granted["email"]) == ("approved", email)
    assert poll(owner, device) == {"status": "claimed"}
    cue = owner.cue(f"cue {device}")
    assert ServerClient(owner.url, granted["api_key"]).ok("GET", f"/v1/cues/{cue}")["id"] == cue
    owner.ok("DELETE", f"/v1/cues/{cue}")
    again = owner.call("POST", f"/v1/auth/logins/{code}/approve")
    assert (again.status_code, again.json()["error"]["code"]) == (404, "login_not_found")


def test_a_known_address_gets_a_session_and_with_it_a_key_of_its_account(
    shared_local_server: LocalServerProcess,
) -> None:
    owner = shared_local_server
    email = f"{uuid.uuid4()}@test.example"
    ada = ServerClient(owner.url, open_call(owner, "/v1/auth/register", {"email": email})["api_key"])
    device, code = begin(owner, email.upper())
    ada.ok("POST", f"/v1/auth/logins/{code}/approve")
    granted = poll(owner, device)
    ticket = granted.pop("session_token")
    assert granted == {"status": "approved", "existing_user": True, "email": email}
    session = open_call(owner, "/v1/auth/session", {"token": ticket})
    assert session["email"] == email
    twice = owner.call("POST", "/v1/auth/session", {"token": ticket})
    assert (twice.status_code, twice.json()["error"]["code"]) == (401, "invalid_token")
    person = ServerClient(owner.url, session["session_token"])
    key = person.ok("GET", "/v1/auth/key")["api_key"]
    assert person.ok("GET", "/v1/auth/key")["api_key"] == key
    found = ServerClient(owner.url, key)
    assert found.ok("GET", "/v1/auth/key") == {"api_key": key}
    labels = [row["label"] for row in ada.ok("GET", "/v1/auth/keys")["keys"]]
    assert labels == [f"login of {email}", "registration"]
    # A person's session is no key: a new one takes the place of all.
    new = person.ok("POST", "/v1/auth/key/regenerate", headers=confirmed(person.api_key))["api_key"]
    assert [code_of(owner, dead) for dead in (key, ada.api_key)] == ["key_rotated"] * 2
    assert person.call("GET", "/v1/auth/key").json()["error"]["code"] == "key_rotated"
    assert ServerClient(owner.url, new).ok("GET", "/v1/cues")["total"] == 0


def test_only_the_owner_and_the_address_itself_see_and_decide(
    shared_local_server: LocalServerProcess, local_account: ServerClient
) -> None:
    device, code = begin(shared_local_server, f"{uuid.uuid4()}@test.example")
    assert local_account.ok("GET", "/v1/auth/logins") == {"logins": []}
    for what in ("approve", "deny"):
        assert local_account.call("POST", f"/v1/auth/logins/{code}/{what}").status_code == 404
    assert poll(shared_local_server, device) == {"status": "email_sent"}
    denied = shared_local_server.ok("POST", f"/v1/auth/logins/{code}/deny")
    assert denied["status"] == "denied"
    assert poll(shared_local_server, device) == {"status": "expired"}


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("device-code", {}, 422, "validation_error"),
        ("device-code", {"device_code": "short"}, 400, "invalid_device_code"),
        ("device-code", {"device_code": "x" * 129}, 400, "invalid_device_code"),
        ("device-code/submit-email", {"device_code": "unknown"}, 422, "validation_error"),
        ("device-code/submit-email", {"device_code": "unknown", "email": "nobody"}, 422, "validation_error"),
        ("device-code/submit-email", {"device_code": "unknown", "email": "a@b.example"}, 404, "device_code_not_found"),
        ("device-code/poll", {"device_code": 1}, 422, "validation_error"),
        ("session", {"token": "made.up.token"}, 401, "invalid_token"),
        ("session", {}, 422, "validation_error"),
    ],
)  # fmt: skip
def test_errors_of_logging_in(
    shared_local_server: LocalServerProcess, path: str, body: object, status: int, code: str
) -> None:
    answer = shared_local_server.call("POST", f"/v1/auth/{path}", body, headers={"Authorization": ""})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_an_unknown_device_code_is_told_as_expired(shared_local_server: LocalServerProcess) -> None:
    assert poll(shared_local_server, "nobody began this") == {"status": "expired"}


def test_regenerating_a_key_needs_a_confirmation_and_kills_it(local_account: ServerClient) -> None:
    path = "/v1/auth/key/regenerate"
    unsure = local_account.call("POST", path)
    assert (unsure.status_code, unsure.json()["error"]["code"]) == (400, "confirmation_required")
    fresh = local_account.ok("POST", path, headers=dict(CONFIRM))
    assert fresh["previous_key_revoked"] is True
    assert code_of(local_account, local_account.api_key) == "key_rotated"
    assert ServerClient(local_account.url, fresh["api_key"]).ok("GET", "/v1/cues")["total"] == 0


def test_keys_are_made_listed_and_revoked(local_account: ServerClient) -> None:
    made = local_account.call("POST", "/v1/auth/keys", {"label": "laptop"})
    assert made.status_code == 201
    key, key_id = made.json()["api_key"], made.json()["id"]
    other = ServerClient(local_account.url, key)
    assert other.ok("GET", "/v1/cues")["total"] == 0
    rows = other.ok("GET", "/v1/auth/keys")
    assert [(row["label"], row["current"]) for row in rows["keys"]] == [
        ("laptop", True),
        ("registration", False),
    ]
    assert key not in str(rows) and local_account.api_key not in str(rows)
    assert local_account.ok("DELETE", f"/v1/auth/keys/{key_id}") == {
        "id": key_id, "revoked": True, "replaced": False,
    }  # fmt: skip
    assert code_of(local_account, key) == "key_revoked"
    missing = local_account.call("DELETE", f"/v1/auth/keys/{key_id}")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "key_not_found")


def test_the_servers_own_key_is_replaced_where_its_commands_look_for_it(tmp_path: Path) -> None:
    server = LocalServerProcess(tmp_path).start()
    found = discover(tmp_path)
    assert found is not None
    new = server.ok("POST", "/v1/auth/key/regenerate", headers=confirmed(found.api_key))["api_key"]
    again = discover(tmp_path)
    assert again is not None and again.api_key == new
    server.ok("POST", "/v1/auth/key/regenerate", headers=dict(CONFIRM))  # the key of --api-key
    server.stop()
    with server:
        assert code_of(server, server.api_key) == "key_rotated"
        assert code_of(server, found.api_key) == "key_rotated"
        assert ServerClient(server.url, new).ok("GET", "/v1/cues")["total"] == 0
        (row,) = [
            row
            for row in ServerClient(server.url, new).ok("GET", "/v1/auth/keys")["keys"]
            if row["label"] == "--api-key"
        ]
        assert row["last_used"] is None, "the one that replaced it was never used"
    assert any("--api-key was rotated" in line for line in server.log)
