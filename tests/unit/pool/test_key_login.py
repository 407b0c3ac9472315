"""How often the owner of an account is asked for another key."""

from __future__ import annotations

from cueworker.pool.account import Account
from cueworker.pool.key_login import RETRY_FIRST, RETRY_LAST, KeyLogin, pause_after
from cueworker.pool.offers import Notices

NOWHERE = "http://127.0.0.1:9"


def test_the_pauses_double_up_to_an_hour() -> None:
    pauses = [pause_after(failures) for failures in range(1, 100)]
    assert pauses[:4] == [RETRY_FIRST, 2 * RETRY_FIRST, 4 * RETRY_FIRST, 8 * RETRY_FIRST]
    assert pauses == sorted(pauses) and pauses[-1] == RETRY_LAST


def test_without_an_address_nobody_is_asked() -> None:
    account, approved = Account("key", NOWHERE), Notices()
    account.refuse("key", NOWHERE)
    login = KeyLogin(None, account, approved)
    for now in range(100):
        login.consider(float(now))
    assert approved.drain() == []
