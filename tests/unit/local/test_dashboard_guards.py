"""The dashboard's pure guards: names, origins, sessions, links, forms."""

from __future__ import annotations

import pytest
from cueworker.local.dashboard import sessions
from cueworker.local.dashboard.forms import Form
from cueworker.local.dashboard.hosts import is_ours, same_origin
from cueworker.local.dashboard.sessions import BrowserSessions, is_current
from cueworker.local.errors import Refused
from cueworker.local.listener import OpenToOthers, listen

NOW = 1_800_000_000.0


NAMES = {
    ("127.0.0.1:8000", "127.0.0.1", "127.0.0.1"): True,
    ("127.8.8.8", "127.0.0.1", "127.0.0.1"): True,
    ("[::1]:8000", "::1", "::1"): True,
    ("LOCALHOST:1", "127.0.0.1", "127.0.0.1"): True,
    ("me.localhost", "127.0.0.1", "127.0.0.1"): True,
    ("box.lan:8000", "box.lan", "192.0.2.7"): True,
    ("192.0.2.7:8000", "0.0.0.0", "192.0.2.7"): True,
    ("[fe80::1]", "::", "fe80::1%eth0"): True,
    ("192.0.2.8:8000", "0.0.0.0", "192.0.2.7"): False,
    ("box.lan", "0.0.0.0", "192.0.2.7"): False,
    ("evil.example", "127.0.0.1", "127.0.0.1"): False,
    ("localhost.evil.example", "127.0.0.1", "127.0.0.1"): False,
    ("notlocalhost", "127.0.0.1", "127.0.0.1"): False,
    ("127.0.0.1@evil.example", "127.0.0.1", "127.0.0.1"): False,
    ("127.0.0.1.", "127.0.0.1", "127.0.0.1"): False,
    ("", "127.0.0.1", "127.0.0.1"): False,
    ("", "", "127.0.0.1"): False,
    ("[", "127.0.0.1", "127.0.0.1"): False,
}
"""(Host header, told to listen on, address reached): ours?"""


def test_names() -> None:
    answers = {
        (header, listened, reached): is_ours(header, listened=listened, reached=reached)
        for header, listened, reached in NAMES
    }
    assert answers == NAMES


ORIGINS = {
    "http://127.0.0.1:8000": True,
    "https://127.0.0.1:8000": True,
    "http://127.0.0.1:8001": False,
    "http://127.0.0.1:8000.evil.example": False,
    "null": False,
    "": False,
    "http://[": False,
}


def test_origins() -> None:
    assert {origin: same_origin(origin, "127.0.0.1:8000") for origin in ORIGINS} == ORIGINS


def test_a_session_ends_by_itself() -> None:
    kept = BrowserSessions()
    secret, session = kept.open(1, "key", now=NOW)
    assert kept.find(secret) is session and kept.find(secret + "x") is None
    assert is_current(session, now=NOW + sessions.IDLE_LIMIT)
    assert not is_current(session, now=NOW + sessions.IDLE_LIMIT + 1)
    session.last_used = NOW + sessions.LONGEST + 1
    assert not is_current(session, now=NOW + sessions.LONGEST + 1)
    assert not is_current(session, now=NOW - 3600), "a clock that was set back makes nobody stay longer"
    kept.end(secret)
    kept.end(secret)
    assert kept.find(secret) is None


def test_a_link_works_once_and_for_a_minute() -> None:
    kept = BrowserSessions()
    token = kept.offer(1, "key", now=NOW)
    link = kept.redeem(token, now=NOW + 60)
    assert link is not None and (link.account, link.key) == (1, "key")
    assert kept.redeem(token, now=NOW) is None
    assert kept.redeem(kept.offer(1, "key", now=NOW), now=NOW + 60.1) is None
    assert kept.redeem(kept.offer(1, "key", now=NOW), now=NOW - 1) is None


def test_no_account_drives_out_another() -> None:
    kept = BrowserSessions()
    owner, _ = kept.open(1, "key", now=NOW)
    link = kept.offer(1, "key", now=NOW)
    others = [kept.open(2, "other", now=NOW)[0] for _ in range(sessions.MOST + 3)]
    for _ in range(sessions.MOST + 3):
        kept.offer(2, "other", now=NOW)
    assert kept.find(owner) is not None and kept.redeem(link, now=NOW) is not None
    assert [kept.find(secret) is not None for secret in others] == [False] * 3 + [True] * sessions.MOST


def test_secrets_are_not_kept() -> None:
    kept = BrowserSessions()
    secret, _ = kept.open(1, "key", now=NOW)
    token = kept.offer(1, "key", now=NOW)
    assert secret not in repr(vars(kept)) and token not in repr(vars(kept))


OBJECTS: dict[str, dict[str, object] | None] = {
    '{"a": [1]}': {"a": [1]},
    "  ": None,
    "[1]": None,
    "{": None,
    '{"a": NaN}': None,
    '{"a": "\\u0000"}': None,
    '{"a": "\\ud800"}': None,
    "[" * 100_000: None,
}


def test_objects_in_forms() -> None:
    for text, value in OBJECTS.items():
        form = Form({"payload": text})
        assert form.json_object("payload") == value
        assert bool(form.problems) is (value is None and bool(text.strip())), text[:20]


def test_forms_that_no_browser_sends() -> None:
    for raw in (b"\xff\xfe=1", b"a=%00", b"&".join([b"a=1"] * 200)):
        with pytest.raises(Refused) as refused:
            Form.parse(raw)
        assert refused.value.status == 400


def test_a_forms_line_ends_are_plain() -> None:
    assert Form.parse(b"a=1%0D%0A2&b=%C3%A9+%2B")["a"] == "1\n2"
    assert Form.parse(b"a=1&b=%C3%A9+%2B")["b"] == "é +"


def test_other_machines_need_a_key() -> None:
    for host in ("0.0.0.0", "::"):
        with pytest.raises(OpenToOthers, match="--api-key"):
            listen(host, 0)
