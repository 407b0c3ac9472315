"""The device-code login against a server that answers as it likes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from cueworker.client import Approved, CueAPI, DeviceLogin, LoginEnded, MalformedAnswer, Unauthorized
from support.rawserver import RawServer, Reply, reply

KEY = "cue_sk_0123456789abcdef0123456789abcdef"
BEGUN = reply(201, {"verification_url": "http://127.0.0.1/x", "expires_in": 900})
PENDING = reply(200, {"status": "pending"})
APPROVED = reply(200, {"status": "approved", "api_key": KEY, "email": "a@b.example"})
EXISTING = reply(
    200, {"status": "approved", "existing_user": True, "session_token": "ticket", "email": "a@b.example"}
)
SESSION = reply(200, {"session_token": "jwt"})
THE_KEY = reply(200, {"api_key": KEY})
ERROR = reply(503, {})


def patience(questions: int) -> Callable[[float], bool]:
    """A pause without a wait, for that many questions."""
    left = iter(range(questions))
    return lambda _seconds: next(left, None) is not None


def test_a_new_account_gets_its_key_from_the_poll() -> None:
    told = reply(200, {"status": "email_sent"})
    with (
        RawServer(BEGUN, told, PENDING, told, APPROVED) as server,
        DeviceLogin(server.url, timeout=5) as login,
    ):
        assert login.begin() == "http://127.0.0.1/x"
        login.submit_email("a@b.example")
        assert login.wait(patience(9), 1.0) == Approved(KEY, "a@b.example")
    begun, email, *polls = server.requests
    code = begun.json["device_code"]
    assert len(code) >= 16 and email.json == {"device_code": code, "email": "a@b.example"}
    assert [request.json for request in polls] == [{"device_code": code}] * 3
    assert [request.target for request in server.requests] == [
        "/v1/auth/device-code",
        "/v1/auth/device-code/submit-email",
        *["/v1/auth/device-code/poll"] * 3,
    ]
    assert not [request for request in server.requests if "authorization" in request.headers]


def test_an_existing_account_gets_its_key_for_a_session_and_each_step_is_tried_again() -> None:
    script = (ERROR, EXISTING, ERROR, SESSION, ERROR, THE_KEY)
    with RawServer(*script) as server, DeviceLogin(server.url, timeout=5) as login:
        assert login.wait(patience(9), 1.0) == Approved(KEY, "a@b.example")
    steps = [request.target.removeprefix("/v1/auth/") for request in server.requests]
    poll = "device-code/poll"
    assert steps == [poll, poll, "session", "session", "key", "key"], (
        "the poll is not asked twice for a ticket"
    )
    assert server.requests[-1].headers["authorization"] == "Bearer jwt"
    assert server.requests[3].json == {"token": "ticket"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (reply(200, {"status": "expired"}), "not approved in time"),
        (reply(200, {"status": "claimed"}), "handed out already"),
        (reply(200, {"status": "sold"}), "'sold'"),
        (reply(404, {"error": {"code": "x", "message": "unknown"}}), "unknown"),
    ],
)
def test_a_login_that_brings_no_key_any_more(answer: Reply, why: str) -> None:
    with (
        RawServer(PENDING, answer) as server,
        DeviceLogin(server.url, timeout=5) as login,
        pytest.raises(LoginEnded, match=why),
    ):
        login.wait(patience(9), 1.0)


def test_what_the_server_asks_to_wait_is_waited() -> None:
    pauses: list[float] = []

    def pause(seconds: float) -> bool:
        pauses.append(seconds)
        return True

    limited = reply(429, {}, {"Retry-After": "7"})
    with (
        RawServer(limited, Reply(b"", "reset"), APPROVED) as server,
        DeviceLogin(server.url, timeout=5) as login,
    ):
        login.wait(pause, 2.0)
    assert pauses == [2.0, 7.0, 2.0]


def test_it_ends_with_its_time_or_when_its_caller_gives_up() -> None:
    soon = reply(201, {"verification_url": "http://127.0.0.1/x", "expires_in": 0.001})
    with RawServer(soon, PENDING) as server, DeviceLogin(server.url, timeout=5) as login:
        login.begin()
        assert login.expires_at <= time.monotonic() + 1
        with pytest.raises(LoginEnded, match="not approved in time"):
            login.wait(lambda _seconds: time.sleep(0.002) is None, 1.0)
        with pytest.raises(LoginEnded, match="given up"):
            login.wait(patience(0), 1.0)


@pytest.mark.parametrize(
    "body", [{}, {"api_key": ""}, {"api_key": 7}, {"api_key": "two words"}, {"api_key": "a\nb"}]
)
def test_an_answer_without_a_usable_key_is_none(body: object) -> None:
    with (
        RawServer(reply(200, body)) as server,
        CueAPI("old", server.url, timeout=5) as client,
        pytest.raises(MalformedAnswer, match="api_key"),
    ):
        client.auth.regenerate_key()


def test_the_calls_of_a_key() -> None:
    script = (THE_KEY, reply(200, {"email": "a@b.example"}), reply(401, {}))
    with RawServer(*script) as server, CueAPI("old", server.url, timeout=5) as client:
        assert client.auth.regenerate_key() == KEY
        assert client.auth.me() == {"email": "a@b.example"}
        with pytest.raises(Unauthorized):
            client.auth.key()
    assert [(request.method, request.target) for request in server.requests] == [
        ("POST", "/v1/auth/key/regenerate"),
        ("GET", "/v1/auth/me"),
        ("GET", "/v1/auth/key"),
    ]
    assert server.requests[0].headers["x-confirm-destructive"] == "true"
