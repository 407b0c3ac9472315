"""Device-code logins: who sees them, who decides, what the device is told. Time is an argument."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
from cueworker.local import logins
from cueworker.local.errors import Refused
from cueworker.local.keys import local_account, new_account
from cueworker.local.logins import EXPIRES_IN, Granted, Login
from cueworker.local.schema import migrate

NOW = 1_800_000_000.0
DEVICE = "abcd1234"


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrate(connection)
    yield connection
    connection.close()


@pytest.fixture
def owner(db: sqlite3.Connection) -> int:
    """The account of the person who runs the server."""
    return local_account(db, now=NOW)


def status(refused: pytest.ExceptionInfo[Refused]) -> tuple[int, str]:
    return refused.value.status, refused.value.code


def test_a_login_is_seen_approved_and_taken_up_once(db: sqlite3.Connection, owner: int) -> None:
    login = logins.begin(db, DEVICE, now=NOW)
    assert logins.poll(db, DEVICE, now=NOW) == "pending"
    logins.submit_email(db, DEVICE, "Ada@example.org", now=NOW + 1)
    assert logins.poll(db, DEVICE, now=NOW + 1) == "email_sent"
    seen = Login(login.code, "ada@example.org", NOW, NOW + EXPIRES_IN)
    assert logins.pending(db, NOW + 2, account=owner) == [seen]
    typed = login.code.lower().replace("-", " ")
    assert logins.approve(db, typed, account=owner, now=NOW + 2) == seen
    assert logins.pending(db, NOW + 2, account=owner) == []
    assert logins.poll(db, DEVICE, now=NOW + 3) == Granted(owner, "ada@example.org", existing=False)
    assert logins.poll(db, DEVICE, now=NOW + 4) == "claimed"


def test_a_login_without_an_address_can_be_approved(db: sqlite3.Connection, owner: int) -> None:
    logins.approve(db, logins.begin(db, DEVICE, now=NOW).code, account=owner, now=NOW)
    assert logins.poll(db, DEVICE, now=NOW) == Granted(owner, "local@localhost", existing=False)


def test_a_denied_or_unknown_device_is_told_that_its_code_expired(db: sqlite3.Connection, owner: int) -> None:
    code = logins.begin(db, DEVICE, now=NOW).code
    logins.deny(db, code, account=owner, now=NOW)
    assert logins.poll(db, DEVICE, now=NOW) == "expired"
    assert logins.poll(db, "never-seen", now=NOW) == "expired"
    with pytest.raises(Refused) as refused:
        logins.approve(db, code, account=owner, now=NOW)
    assert status(refused) == (404, "login_not_found")


@pytest.mark.parametrize("approved", [False, True])
def test_what_nobody_takes_up_in_time_expires(db: sqlite3.Connection, owner: int, approved: bool) -> None:
    code = logins.begin(db, DEVICE, now=NOW).code
    if approved:
        logins.approve(db, code, account=owner, now=NOW + 899)
    end = NOW + EXPIRES_IN
    assert logins.poll(db, DEVICE, now=end) == "expired"
    assert logins.pending(db, end, account=owner) == []
    with pytest.raises(Refused) as refused:
        logins.approve(db, code, account=owner, now=end)
    assert status(refused) == (404, "login_not_found")
    with pytest.raises(Refused) as refused:
        logins.submit_email(db, DEVICE, "a@b.example", now=end)
    assert status(refused) == (400, "device_code_expired")


def test_an_address_with_an_account_leads_into_that_account_only(db: sqlite3.Connection, owner: int) -> None:
    ada, bob = (new_account(db, f"{name}@example.org", now=NOW) for name in ("ada", "bob"))
    code = logins.begin(db, DEVICE, now=NOW).code
    assert logins.pending(db, NOW, account=ada) == []
    logins.submit_email(db, DEVICE, "ADA@example.org", now=NOW)
    assert [len(logins.pending(db, NOW, account=who)) for who in (owner, ada, bob)] == [1, 1, 0]
    with pytest.raises(Refused) as refused:
        logins.approve(db, code, account=bob, now=NOW)
    assert status(refused) == (404, "login_not_found")
    with pytest.raises(Refused) as refused:
        logins.deny(db, code, account=bob, now=NOW)
    assert status(refused) == (404, "login_not_found")
    logins.approve(db, code, account=owner, now=NOW)
    assert logins.poll(db, DEVICE, now=NOW) == Granted(ada, "ada@example.org", existing=True)


def test_the_address_cannot_change_under_the_eyes_of_who_approves(db: sqlite3.Connection, owner: int) -> None:
    logins.begin(db, DEVICE, now=NOW)
    logins.submit_email(db, DEVICE, "a@example.org", now=NOW)
    logins.submit_email(db, DEVICE, "A@example.org", now=NOW)
    with pytest.raises(Refused) as refused:
        logins.submit_email(db, DEVICE, "b@example.org", now=NOW)
    assert status(refused) == (400, "invalid_status")
    with pytest.raises(Refused) as refused:
        logins.submit_email(db, "never-seen", "a@example.org", now=NOW)
    assert status(refused) == (404, "device_code_not_found")


def test_a_device_code_is_taken_while_its_login_lasts_and_kept_hashed(
    db: sqlite3.Connection, owner: int
) -> None:
    first = logins.begin(db, DEVICE, now=NOW)
    with pytest.raises(Refused) as refused:
        logins.begin(db, DEVICE, now=NOW + EXPIRES_IN - 1)
    assert status(refused) == (409, "device_code_exists")
    assert DEVICE not in "".join(db.iterdump())
    second = logins.begin(db, DEVICE, now=NOW + EXPIRES_IN)
    assert [login.code for login in logins.pending(db, NOW + EXPIRES_IN, account=owner)] == [second.code]
    assert first.code != second.code


def test_waiting_logins_are_bounded_and_old_ones_go(db: sqlite3.Connection, owner: int) -> None:
    for number in range(logins.MOST_WAITING):
        logins.begin(db, f"device-{number}", now=NOW + number)
    with pytest.raises(Refused) as refused:
        logins.begin(db, DEVICE, now=NOW + 200)
    assert (status(refused), refused.value.headers) == ((429, "rate_limit_exceeded"), {"Retry-After": "700"})
    logins.begin(db, DEVICE, now=NOW + EXPIRES_IN)
    logins.begin(db, "much later", now=NOW + 86400)
    assert db.execute("SELECT count(*) FROM logins").fetchone()[0] == 1
