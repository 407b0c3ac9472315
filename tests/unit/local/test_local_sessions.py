"""Sessions: what a ticket and a session open, for how long, and that nobody can make one up."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cueworker.local.errors import Refused
from cueworker.local.sessions import LASTS, Sessions

NOW = 1_800_000_000.0


def part(token: str, number: int) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(token.split(".")[number] + "=="))
    return decoded


def made_up(token: str, **claims: object) -> str:
    """The token with other claims, and the old signature."""
    head, _, signature = token.split(".")
    payload = json.dumps({**part(token, 1), **claims}).encode()
    return f"{head}.{base64.urlsafe_b64encode(payload).rstrip(b'=').decode()}.{signature}"


def test_a_ticket_redeems_once_for_a_session() -> None:
    sessions = Sessions()
    ticket = sessions.ticket(7, now=NOW)
    account, session = sessions.redeem(ticket, now=NOW + 1)
    assert (account, sessions.account_of(session, now=NOW + 2)) == (7, 7)
    assert part(session, 0) == {"alg": "HS256", "typ": "JWT"}
    claims = part(session, 1)
    assert (claims["sub"], claims["iat"], claims["exp"]) == ("7", NOW + 1, NOW + 1 + LASTS)
    with pytest.raises(Refused) as refused:
        sessions.redeem(ticket, now=NOW + 2)
    assert (refused.value.status, refused.value.code) == (401, "invalid_token")
    assert sessions.account_of(ticket, now=NOW) is None, "a ticket is no session"
    with pytest.raises(Refused):
        sessions.redeem(session, now=NOW + 2)


def test_both_are_over_after_a_quarter_of_an_hour() -> None:
    sessions = Sessions()
    ticket = sessions.ticket(7, now=NOW)
    with pytest.raises(Refused):
        sessions.redeem(ticket, now=NOW + LASTS)
    session = sessions.redeem(ticket, now=NOW + LASTS - 1)[1]
    assert sessions.account_of(session, now=NOW + 2 * LASTS - 2) == 7
    with pytest.raises(Refused) as refused:
        sessions.account_of(session, now=NOW + 2 * LASTS - 1)
    assert (refused.value.status, refused.value.code) == (401, "session_expired")


def test_nobody_makes_one_up() -> None:
    sessions = Sessions()
    session = sessions.redeem(sessions.ticket(7, now=NOW), now=NOW)[1]
    unsigned = base64.urlsafe_b64encode(b'{"alg": "none", "typ": "JWT"}').decode().rstrip("=")
    for token in (
        made_up(session, sub="8"),
        made_up(session, exp=NOW + 10**9),
        f"{unsigned}.{session.split('.')[1]}.",
        session[:-1] + ("A" if session[-1] != "A" else "B"),
        session.rpartition(".")[0],
        "",
        ".",
        "a.b.c",
        "é.\ud800.\0",
    ):
        assert sessions.account_of(token, now=NOW) is None
    assert Sessions().account_of(session, now=NOW) is None, "another server's, or the one before a restart"


def test_a_session_has_one_key_and_another_session_another() -> None:
    sessions = Sessions()
    first, second = (sessions.redeem(sessions.ticket(7, now=NOW), now=NOW)[1] for _ in range(2))
    assert sessions.key_of(first) == sessions.key_of(first) != sessions.key_of(second)
    assert len(sessions.key_of(first)) == len("cue_sk_") + 32
