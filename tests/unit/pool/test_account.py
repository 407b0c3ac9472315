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


def test_a_refusal_holds_until_the_key_is_taken_or_another_comes() -> None:
    account = Account("key", "http://h")
    assert not account.is_refused
    account.refuse("key", "http://h")
    assert account.is_refused
    account.accept("key", "http://h")
    assert not account.is_refused
    account.refuse("key", "http://h")
    account.publish("another", "http://h")
    assert not account.is_refused


def test_what_becomes_of_a_key_that_is_not_the_pools_any_more_is_no_matter() -> None:
    account = Account("old", "http://h")
    account.publish("new", "http://h")
    account.refuse("old", "http://h")
    assert not account.is_refused
    account.refuse("new", "http://h")
    account.accept("old", "http://h")
    assert account.is_refused
    account.publish("old", "http://h")
    account.publish("new", "http://h")
    assert account.is_refused, "the same key again is as bad as it was"
