"""The account in shared memory, read by a process that was forked before it changed."""

from __future__ import annotations

import os

import pytest
from cueworker.pool.account import Account


def test_a_forked_process_sees_what_was_published_after_the_fork() -> None:
    account = Account("old-key", "http://old")
    assert account.read() == ("old-key", "http://old")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.read(reader, 1)
        os._exit(0 if account.read() == ("a-new-key-of-another-length", "https://new") else 1)
    try:
        account.publish("a-new-key-of-another-length", "https://new")
    finally:
        os.write(writer, b"x")
        os.close(reader)
        os.close(writer)
    assert os.waitpid(child, 0)[1] == 0


def test_a_shorter_account_leaves_nothing_of_a_longer_one() -> None:
    account = Account("k" * 100, "http://" + "h" * 100)
    account.publish("k", "http://h")
    assert account.read() == ("k", "http://h")


def test_an_absurd_key_is_refused_and_the_old_one_stays() -> None:
    account = Account("key", "http://h")
    with pytest.raises(ValueError, match="do not fit"):
        account.publish("k" * 10_000, "http://h")
    assert account.read() == ("key", "http://h")
