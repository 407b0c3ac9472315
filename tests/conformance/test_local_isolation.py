"""Nothing of one account is seen or touched with another's key: every endpoint that takes a key has a case here."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cueworker.local.routes import ENDPOINTS
from support.local_server import LocalServerProcess, shared_local_server
from support.server_client import ServerClient

__all__ = ["shared_local_server"]

Rows = dict[str, list[tuple[Any, ...]]]


@dataclass(frozen=True)
class Owner:
    """An account with one of everything; `mark` is in all of its texts."""

    client: ServerClient
    account: int
    mark: str
    cue: str
    pending: str
    held: str
    ended: str
    key_id: str
    login: str


@dataclass(frozen=True)
class Case:
    """What a stranger sends with the owner's names, and what it is answered."""

    status: int
    path: Callable[[Owner], dict[str, str]] = lambda _: {}
    body: Callable[[Owner], object] = lambda _: None
    query: Callable[[Owner], str] = lambda _: ""
    headers: Callable[[Owner], dict[str, str]] = lambda _: {}
    sends_the_mark: bool = False


def _of(execution: str) -> Callable[[Owner], dict[str, str]]:
    return lambda owner: {"id": getattr(owner, execution)}


def _cue_body(owner: Owner) -> object:
    schedule = {"type": "recurring", "cron": "@daily"}
    return {"name": f"cue {owner.mark}", "transport": "worker", "schedule": schedule}


def _worker(owner: Owner) -> dict[str, str]:
    return {"X-Worker-Id": f"worker {owner.mark}"}


CONFIRM = {"X-Confirm-Destructive": "true"}
CASES: dict[tuple[str, str], Case] = {
    ("GET", "/v1/executions/claimable"): Case(200),
    ("POST", "/v1/executions/{id}/claim"): Case(409, _of("pending"), lambda _: {"worker_id": "thief"}),
    ("POST", "/v1/executions/{id}/heartbeat"): Case(404, _of("held"), headers=_worker),
    ("POST", "/v1/executions/{id}/outcome"): Case(404, _of("held"), lambda _: {"success": True}),
    ("POST", "/v1/executions/claim"): Case(409, body=lambda _: {"worker_id": "thief"}),
    ("GET", "/v1/executions"): Case(200, query=lambda owner: f"?cue_id={owner.cue}"),
    ("GET", "/v1/executions/{id}"): Case(404, _of("ended")),
    ("PATCH", "/v1/executions/{id}/evidence"): Case(404, _of("ended"), lambda _: {"summary": "s"}),
    ("POST", "/v1/executions/{id}/verify"): Case(404, _of("ended"), lambda _: {"valid": False}),
    ("POST", "/v1/executions/{id}/verification-pending"): Case(404, _of("ended")),
    ("POST", "/v1/executions/{id}/replay"): Case(404, _of("ended")),
    ("POST", "/v1/worker/heartbeat"): Case(200, body=lambda owner: {"worker_id": f"worker {owner.mark}"}),
    ("GET", "/v1/workers"): Case(200),
    ("DELETE", "/v1/workers/{id:anything}"): Case(404, lambda owner: {"id": f"worker%20{owner.mark}"}),
    ("POST", "/v1/cues/{id}/fire"): Case(404, lambda owner: {"id": owner.cue}),
    ("POST", "/v1/cues"): Case(201, body=_cue_body, sends_the_mark=True),
    ("GET", "/v1/cues"): Case(200),
    ("GET", "/v1/cues/{id}"): Case(404, lambda owner: {"id": owner.cue}),
    ("PATCH", "/v1/cues/{id}"): Case(404, lambda owner: {"id": owner.cue}, lambda _: {"description": "mine"}),
    ("DELETE", "/v1/cues/{id}"): Case(404, lambda owner: {"id": owner.cue}),
    ("GET", "/v1/usage"): Case(200),
    ("GET", "/v1/alerts"): Case(200),
    ("GET", "/v1/auth/me"): Case(200),
    ("GET", "/v1/auth/key"): Case(200),
    ("POST", "/v1/auth/key/regenerate"): Case(200, headers=lambda _: CONFIRM),
    ("GET", "/v1/auth/keys"): Case(200),
    ("POST", "/v1/auth/keys"): Case(201, body=lambda _: {"label": "mine"}),
    ("DELETE", "/v1/auth/keys/{id}"): Case(404, lambda owner: {"id": owner.key_id}),
    ("GET", "/v1/auth/logins"): Case(200),
    ("POST", "/v1/auth/logins/{code}/approve"): Case(404, lambda owner: {"code": owner.login}),
    ("POST", "/v1/auth/logins/{code}/deny"): Case(404, lambda owner: {"code": owner.login}),
}


def register(server: ServerClient, email: str) -> ServerClient:
    return ServerClient(server.url, server.ok("POST", "/v1/auth/register", {"email": email})["api_key"])


@pytest.fixture(scope="module")
def owner(shared_local_server: LocalServerProcess) -> Owner:
    mark = uuid.uuid4().hex
    email = f"{mark}@test.example"
    client = register(shared_local_server, email)
    name = f"cue {mark}"
    payload = {"task": mark, "agent": mark}
    cue = client.cue(name, description=mark, payload=payload, callback={"headers": {"x": mark}})
    ended = [client.fire(cue) for _ in range(4)]
    for execution in ended:
        client.claim(execution, f"worker {mark}")
    for execution in ended[:3]:
        client.ok(
            "POST", f"/v1/executions/{execution}/outcome", {"success": False, "error": mark, "summary": mark}
        )
    client.ok("POST", f"/v1/executions/{ended[3]}/outcome", {"success": True, "result": mark})
    held = client.fire(cue, idempotency_key=mark)
    client.claim(held, f"worker {mark}")
    key_id = client.ok("POST", "/v1/auth/keys", {"label": mark})["id"]
    device = {"device_code": uuid.uuid4().hex}
    login = client.ok("POST", "/v1/auth/device-code", device)["user_code"]
    client.ok("POST", "/v1/auth/device-code/submit-email", {**device, "email": email})
    assert [row["code"] for row in client.ok("GET", "/v1/auth/logins")["logins"]] == [login]
    assert client.ok("GET", "/v1/alerts")["total"] == 1
    pending = client.fire(cue)
    # Last: with it the server writes when the keys were used, which no stranger's call changes afterwards.
    client.ok("POST", "/v1/worker/heartbeat", {"worker_id": f"worker {mark}", "handlers": [mark]})
    with closing(database(shared_local_server.state_dir)) as db:
        account = db.execute("SELECT id FROM accounts WHERE email = ?", (email,)).fetchone()[0]
    return Owner(client, account, mark, cue, pending, held, ended[3], key_id, login)


def database(state_dir: Path) -> sqlite3.Connection:
    """The server's database, to look at."""
    return sqlite3.connect(f"file:{state_dir / 'cueworker.db'}?mode=ro", uri=True)


def rows_of(state_dir: Path, owner: Owner) -> Rows:
    """Everything that the database has of the owner."""
    with closing(database(state_dir)) as db:
        tables = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {}
        for table in tables:
            columns = {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
            if "account" in columns:
                where = "account = ?"
            elif table == "accounts":
                where = "id = ?"
            else:
                continue
            found[table] = db.execute(f"SELECT * FROM {table} WHERE {where}", (owner.account,)).fetchall()
        found["logins"] = db.execute("SELECT * FROM logins WHERE code = ?", (owner.login,)).fetchall()
    return found


@pytest.fixture
def untouched(shared_local_server: LocalServerProcess, owner: Owner) -> Iterator[None]:
    before = rows_of(shared_local_server.state_dir, owner)
    assert all(
        before[table] for table in ("accounts", "keys", "cues", "executions", "workers", "alerts", "logins")
    )
    yield
    assert rows_of(shared_local_server.state_dir, owner) == before


def test_every_endpoint_that_takes_a_key_has_a_case() -> None:
    assert {(method, path) for method, path, needs_key in ENDPOINTS if needs_key} == set(CASES)


@pytest.mark.parametrize("endpoint", CASES, ids=" ".join)
@pytest.mark.usefixtures("untouched")
def test_a_stranger_sees_and_touches_nothing(
    shared_local_server: LocalServerProcess, owner: Owner, endpoint: tuple[str, str]
) -> None:
    method, template = endpoint
    case = CASES[endpoint]
    stranger = register(shared_local_server, f"{uuid.uuid4()}@test.example")
    path = template.replace(":anything}", "}").format(**case.path(owner)) + case.query(owner)
    headers = {"Authorization": f"Bearer {stranger.api_key}", **case.headers(owner)}
    answer = stranger.call(method, path, case.body(owner), headers=headers)
    assert answer.status_code == case.status, answer.text
    if not case.sends_the_mark:
        assert owner.mark not in answer.text
        assert not any(
            name in answer.text for name in (owner.held, owner.ended, owner.cue) if name not in path
        )
    for name in ("cues", "executions", "workers", "alerts", "logins"):
        if answer.ok and name in (said := answer.json()) and isinstance(said[name], list):
            assert said[name] == []


def test_without_a_key_there_is_no_answer(shared_local_server: LocalServerProcess) -> None:
    answered = {}
    for method, template in CASES:
        path = template.replace(":anything}", "}").format(id="x", code="x")
        answer = shared_local_server.call(method, path, {}, headers={"Authorization": "Bearer cue_sk_wrong"})
        answered[method, template] = (answer.status_code, answer.json()["error"]["code"])
    assert answered == dict.fromkeys(CASES, (401, "invalid_api_key"))
