"""Who may see the dashboard: signing in and out, forged forms, other sites, other accounts. Without a browser."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from cueworker.local.dashboard.routes import _PAGES
from support.local_server import LocalServerProcess, local_account, shared_local_server
from support.server_client import DEADLINE, ServerClient
from support.visitor import Visitor
from support.waiting import until

__all__ = ["local_account", "shared_local_server"]

GUARDED = [page for page in _PAGES if page.signed_in]
ALLOWED_SOURCES = {"'self'", "'none'"}


def address_of(path: str, *, execution: str = "x", cue: str = "x", code: str = "x") -> str:
    """A path of the table with its parameters filled in."""
    known = {"executions": execution, "cues": cue}
    return path.replace("{id}", known.get(path.split("/")[1], "")).replace("{code}", code)


@pytest.fixture
def visitor(local_account: ServerClient) -> Iterator[Visitor]:
    """Signed in to a fresh account."""
    visitor = Visitor(local_account.url)
    with contextlib.closing(visitor):
        assert visitor.sign_in(local_account.api_key).heading == "Overview"
        yield visitor


@pytest.fixture
def stranger(shared_local_server: LocalServerProcess) -> Iterator[Visitor]:
    """Not signed in."""
    visitor = Visitor(shared_local_server.url)
    with contextlib.closing(visitor):
        yield visitor


def test_every_page_and_form_wants_a_session(stranger: Visitor) -> None:
    for page in GUARDED:
        answer = stranger.session.request(
            page.method,
            stranger.url + address_of(page.path),
            data={"csrf": ""},
            allow_redirects=False,
            timeout=DEADLINE,
        )
        assert answer.status_code == 303, page
        assert answer.headers["Location"].split("?")[0] == "/login", page
    assert stranger.get("/events").status == 401
    assert len(GUARDED) > 15


def test_a_key_signs_in_and_leads_on_to_the_page_that_was_wanted(
    local_account: ServerClient, stranger: Visitor
) -> None:
    page = stranger.get("/executions?status=failed")
    assert page.heading == "Sign in"
    page = stranger.send(page, "/login", key="cue_sk_wrong")
    assert page.status == 403 and "This key opens no account here." in page.text
    assert "cue_sk_wrong" not in page.answer.text
    page = stranger.send(page, "/login", key=f" {local_account.api_key} ")
    assert page.answer.url.endswith("/executions?status=failed")
    assert page.heading == "Executions"
    assert local_account.api_key not in page.answer.text


def test_signing_in_leads_nowhere_else(local_account: ServerClient, stranger: Visitor) -> None:
    for goal in ("//evil.example/", "/\\evil.example", "https://evil.example/", "", "/\n/x"):
        values = {"key": local_account.api_key, "next": goal}
        answer = stranger.post("/login", values, allow_redirects=False).answer
        assert (answer.status_code, answer.headers["Location"]) == (303, "/"), goal


def test_the_cookie_is_out_of_reach_and_signing_out_ends_it(
    local_account: ServerClient, stranger: Visitor
) -> None:
    page = stranger.post("/login", {"key": local_account.api_key}, allow_redirects=False)
    name, _, flags = page.answer.headers["Set-Cookie"].partition("=")
    assert name == f"cueworker_{stranger.url.rpartition(':')[2]}"
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {flag.strip() for flag in flags.split(";")}
    kept = dict(stranger.session.cookies)
    assert stranger.send(stranger.get("/"), "/logout").heading == "Sign in"
    stranger.session.cookies.update(kept)
    assert stranger.get("/").heading == "Sign in"


def test_a_link_signs_in_once(local_account: ServerClient, stranger: Visitor) -> None:
    link = local_account.ok("POST", "/dashboard/link")
    assert link["expires_in"] == 60
    for harmless in ({"Sec-Purpose": "prefetch"}, {}):
        method = "GET" if harmless else "HEAD"
        answer = stranger.session.request(
            method, stranger.url + link["path"], headers=harmless, timeout=DEADLINE
        )
        assert answer.status_code == 204
    page = stranger.get(link["path"])
    assert page.heading == "Signed in"
    (refresh,) = page.document.all("meta", **{"http-equiv": "refresh"})
    assert refresh.attributes["content"] == "0; url=/"
    assert stranger.get("/").heading == "Overview"
    again = Visitor(stranger.url)
    with contextlib.closing(again):
        page = again.get(link["path"])
        assert page.status == 403 and "was used already" in page.text
        assert again.get("/").heading == "Sign in"


def test_a_link_needs_a_key(stranger: Visitor) -> None:
    assert stranger.post("/dashboard/link", {}).status == 401


def test_a_revoked_key_ends_its_sessions(local_account: ServerClient, visitor: Visitor) -> None:
    (key,) = local_account.ok("GET", "/v1/auth/keys")["keys"]
    with visitor.session.get(visitor.url + "/events", stream=True, timeout=DEADLINE) as stream:
        local_account.ok("DELETE", f"/v1/auth/keys/{key['id']}")
        # The page is told to look again, and finds itself signed out.
        lines = list(stream.iter_lines())
    assert lines[-3:] == [b"event: change", b"data:", b""]
    assert visitor.get("/").heading == "Sign in"


def test_a_form_without_its_token_does_nothing(local_account: ServerClient, visitor: Visitor) -> None:
    cue = local_account.cue()
    execution = local_account.fire(cue)
    other = Visitor(visitor.url)
    with contextlib.closing(other):
        other.sign_in(local_account.api_key)
        anothers = other.get(f"/cues/{cue}").form("/logout")["csrf"]
    fields = {"name": "forged", "when": "hand", "verdict": "valid"}
    for page in (page for page in GUARDED if page.method == "POST"):
        for token in ({}, {"csrf": ""}, {"csrf": "é"}, {"csrf": anothers}):
            found = visitor.post(address_of(page.path, execution=execution, cue=cue), {**fields, **token})
            assert found.status == 403, page
            assert "nothing was done" in found.text
    assert local_account.ok("GET", f"/v1/cues/{cue}")["status"] == "active"
    assert local_account.ok("GET", "/v1/executions")["total"] == 1
    assert local_account.ok("GET", "/v1/cues")["total"] == 1
    assert visitor.get("/").heading == "Overview", "the session goes on"


def test_a_form_that_another_site_sent_does_nothing(local_account: ServerClient, visitor: Visitor) -> None:
    cue = local_account.cue()
    values = visitor.get(f"/cues/{cue}").form(f"/cues/{cue}/pause")
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": visitor.url.replace("127.0.0.1", "localhost")},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert visitor.post(f"/cues/{cue}/pause", values, headers=headers).status == 403
    assert local_account.ok("GET", f"/v1/cues/{cue}")["status"] == "active"
    login = {"key": local_account.api_key}
    assert visitor.post("/login", login, headers={"Origin": "https://evil.example"}).status == 403
    assert visitor.post(f"/cues/{cue}/pause", values, headers={"Origin": visitor.url}).status == 200
    assert local_account.ok("GET", f"/v1/cues/{cue}")["status"] == "paused"


def test_another_account_sees_and_touches_nothing(
    local_account: ServerClient, shared_local_server: LocalServerProcess
) -> None:
    cue = local_account.cue("private cue", payload={"task": "private-task"})
    execution = local_account.fire(cue)
    local_account.claim(execution, "private-worker")
    local_account.ok("POST", "/v1/worker/heartbeat", {"worker_id": "private-worker"})
    local_account.ok("POST", f"/v1/executions/{execution}/outcome", {"success": True, "result": "private"})
    device = uuid.uuid4().hex
    code = shared_local_server.ok("POST", "/v1/auth/device-code", {"device_code": device})["user_code"]
    key = shared_local_server.ok("POST", "/v1/auth/register", {"email": f"{uuid.uuid4()}@test.example"})[
        "api_key"
    ]
    other = Visitor(local_account.url)
    with contextlib.closing(other):
        token = other.sign_in(key).form("/logout")["csrf"]
        values = {"csrf": token, "verdict": "valid"}
        for page in GUARDED:
            path = address_of(page.path, execution=execution, cue=cue, code=code)
            if path == "/logout":
                continue
            found = other.get(path) if page.method == "GET" else other.post(path, values)
            assert found.status == (404 if "{" in page.path else 422 if page.method == "POST" else 200), page
            assert "private" not in found.answer.text
        for query in (f"q={execution}", f"q={execution[:8]}", f"cue={cue}", "worker=private-worker"):
            assert "No execution matches." in other.get(f"/executions?{query}").text
    assert local_account.ok("GET", f"/v1/cues/{cue}")["execution_total"] == 1


def test_only_our_own_names_are_answered(local_account: ServerClient, visitor: Visitor) -> None:
    local_account.cue("unspoken")
    port = visitor.url.rpartition(":")[2]
    cookies = "; ".join(f"{name}={value}" for name, value in visitor.session.cookies.items())

    def ask(name: str, path: str) -> requests.Response:
        headers = {"Host": name, "Cookie": cookies, "Accept": "text/html"}
        return requests.get(visitor.url + path, headers=headers, timeout=DEADLINE, allow_redirects=False)

    for name in ("evil.example", f"evil.example:{port}", "", "127.0.0.1.evil.example", "192.0.2.1", "[::"):
        for path in ("/", "/cues", "/login", "/nothing", "/events"):
            answer = ask(name, path)
            assert answer.status_code == 403, (name, path)
            assert "unspoken" not in answer.text
    for name in (f"localhost:{port}", "127.0.0.1", f"[::1]:{port}", "LOCALHOST", "a.localhost"):
        answer = ask(name, "/cues")
        assert answer.status_code == 200 and "unspoken" in answer.text, name


def test_every_answer_keeps_the_browser_to_ourselves(local_account: ServerClient, visitor: Visitor) -> None:
    cue = local_account.cue()
    for path in ("/", "/cues", f"/cues/{cue}", "/cues/missing", "/nothing", "/static/style.css", "/static/x"):
        headers = visitor.get(path).answer.headers
        policy = dict(part.split(maxsplit=1) for part in headers["Content-Security-Policy"].split("; "))
        assert set(policy.values()) <= ALLOWED_SOURCES, path
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"
        if not path.startswith("/static/"):
            assert headers["Cache-Control"] == "no-store"


def test_problems_are_pages_for_browsers_and_envelopes_for_programs(
    local_account: ServerClient, visitor: Visitor
) -> None:
    assert visitor.get("/nothing").heading == "Not found"
    assert visitor.get("/cues/missing").heading == "Not found"
    page = visitor.get("/logout")
    assert (page.status, page.answer.headers["Allow"]) == (405, "POST")
    assert page.document.all("h1")
    assert local_account.call("GET", "/nothing").json()["error"]["code"] == "not_found"
    assert visitor.get("/v1/nothing").answer.json()["error"]["code"] == "not_found"
    token = visitor.get("/").form("/logout")["csrf"]
    assert visitor.post("/cues/new", {"csrf": token, "name": "x" * 1_100_000}).heading == "Too much"
    assert visitor.post("/cues/new", {"csrf": token, "name": "nul \0"}).status == 400


def test_the_stream_of_events_tells_of_changes_and_holds_up_no_stop(tmp_path: Path) -> None:
    with LocalServerProcess(tmp_path / "files") as server:
        visitor = Visitor(server.url)
        with contextlib.closing(visitor):
            visitor.sign_in(server.api_key)
            with visitor.session.get(server.url + "/events", stream=True, timeout=DEADLINE) as stream:
                assert stream.headers["Content-Type"] == "text/event-stream"
                lines = stream.iter_lines()
                assert next(lines) == b"retry: 1000"
                cue = server.cue()
                assert next(line for line in lines if line) == b"event: change"
                for _ in range(20):
                    server.fire(cue)
                assert server.stop() == 0
                told = [line for line in lines if line == b"event: change"]
                assert len(told) < 15, "many changes are one event"


def test_other_machines_are_let_in_only_with_a_key(tmp_path: Path) -> None:
    refused = LocalServerProcess(tmp_path / "files", api_key="", host="0.0.0.0")
    with pytest.raises(
        AssertionError, match=r"--api-key KEY; to stay on this machine, use --host 127\.0\.0\.1"
    ):
        refused.start()
    until(lambda: not (tmp_path / "files" / "server.json").exists(), "it never listened")
    with LocalServerProcess(tmp_path / "files", host="0.0.0.0") as server:
        assert any("OTHER MACHINES" in line for line in server.log)
        assert server.ok("GET", "/v1/cues")["total"] == 0
