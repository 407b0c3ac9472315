"""The key ring: what is good, what ended and how, and the file with the server's own key."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from cueworker.local.errors import Refused
from cueworker.local.keys import KeyRing, digest, hint, local_account, new_account, new_key
from cueworker.local.own_key import OwnKey
from cueworker.local.schema import migrate

NOW = 1_800_000_000.0


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    migrate(connection)
    yield connection
    connection.close()


@pytest.fixture
def account(db: sqlite3.Connection) -> int:
    return local_account(db, now=NOW)


@pytest.fixture
def ring(db: sqlite3.Connection, tmp_path: Path) -> KeyRing:
    return KeyRing(db, OwnKey(tmp_path))


def file_key(tmp_path: Path) -> str:
    return (tmp_path / "api_key").read_text().strip()


def opens(ring: KeyRing, key: str) -> int | None:
    return ring.account_of(digest(key))


def test_a_revoked_key_is_dead_at_once_and_after_a_restart(
    db: sqlite3.Connection, account: int, ring: KeyRing
) -> None:
    key, other = new_key(), new_key()
    key_id = ring.add(db, account, key, label="laptop", now=NOW)
    ring.add(db, account, other, now=NOW)
    assert opens(ring, key) == account
    assert ring.revoke(db, account, key_id, now=NOW + 1) is False
    for known in (ring, KeyRing(db)):
        assert (opens(known, key), known.ended(digest(key))) == (None, "revoked")
        assert (opens(known, other), known.ended(digest(other))) == (account, None)
    ring.add(db, account, key, now=NOW + 2)
    assert opens(ring, key) is None, "no key comes back"
    with pytest.raises(Refused) as refused:
        ring.revoke(db, account, key_id, now=NOW + 2)
    assert (refused.value.status, refused.value.code) == (404, "key_not_found")


def test_nobody_revokes_another_accounts_key(db: sqlite3.Connection, account: int, ring: KeyRing) -> None:
    stranger = new_account(db, "a@b.example", now=NOW)
    key = new_key()
    key_id = ring.add(db, account, key, now=NOW)
    with pytest.raises(Refused):
        ring.revoke(db, stranger, key_id, now=NOW)
    assert opens(ring, key) == account
    assert ring.listing(db, stranger, current="") == []


def test_a_new_key_takes_the_place_of_the_old_one(
    db: sqlite3.Connection, account: int, ring: KeyRing
) -> None:
    old, bystander = new_key(), new_key()
    ring.add(db, account, old, label="laptop", now=NOW)
    ring.add(db, account, bystander, now=NOW)
    new = ring.rotate(db, account, digest(old), now=NOW + 1)
    assert [opens(ring, key) for key in (old, bystander, new)] == [None, account, account]
    assert ring.ended(digest(old)) == "rotated"
    assert [key["label"] for key in ring.listing(db, account, current=digest(new)) if key["current"]] == [
        "laptop"
    ]
    last = ring.rotate(db, account, None, now=NOW + 2)
    assert [opens(ring, key) for key in (bystander, new, last)] == [None, None, account]


def test_a_listing_shows_no_key(db: sqlite3.Connection, account: int, ring: KeyRing) -> None:
    key = "cue_sk_" + "0123456789abcdef" * 2
    key_id = ring.add(db, account, key, label="<b>", now=NOW)
    ring.use(digest(key), now=NOW + 5)
    assert ring.listing(db, account, current=digest(key)) == [
        {
            "id": key_id,
            "label": "<b>",
            "key": "cue_sk_…cdef",
            "created_at": "2027-01-15T08:00:00Z",
            "last_used": "2027-01-15T08:00:05Z",
            "current": True,
        }
    ]
    assert hint("cue_sk_mine") == "…", "four characters of a short key are too much of it"


def test_uses_are_kept_when_they_are_saved(db: sqlite3.Connection, account: int, ring: KeyRing) -> None:
    key = new_key()
    ring.add(db, account, key, now=NOW)
    ring.use(digest(key), now=NOW + 5)
    assert KeyRing(db).listing(db, account, current="")[0]["last_used"] is None
    ring.save_uses(db)
    assert KeyRing(db).listing(db, account, current="")[0]["last_used"] == "2027-01-15T08:00:05Z"


def test_the_file_always_holds_a_good_key(
    db: sqlite3.Connection, account: int, ring: KeyRing, tmp_path: Path
) -> None:
    first = ring.add_own(db, account, now=NOW)
    assert ring.add_own(db, account, now=NOW) == first == file_key(tmp_path)
    second = ring.rotate(db, account, digest(first), now=NOW)
    assert file_key(tmp_path) == second
    (row,) = ring.listing(db, account, current="")
    assert ring.revoke(db, account, row["id"], now=NOW) is True
    third = file_key(tmp_path)
    assert (opens(ring, second), opens(ring, third)) == (None, account)
    (tmp_path / "api_key").write_text(first)  # an old copy put back
    assert opens(ring, ring.add_own(db, account, now=NOW)) == account
    assert file_key(tmp_path) != first
    assert stat.S_IMODE((tmp_path / "api_key").stat().st_mode) == 0o600


def test_a_file_that_cannot_be_written_leaves_the_old_key_good(
    db: sqlite3.Connection, account: int, ring: KeyRing, tmp_path: Path
) -> None:
    key = ring.add_own(db, account, now=NOW)
    (row,) = ring.listing(db, account, current="")
    (tmp_path / f".api_key.{os.getpid()}").mkdir()  # where the new file would be made
    with pytest.raises(OSError):
        ring.revoke(db, account, row["id"], now=NOW)
    with pytest.raises(OSError):
        ring.rotate(db, account, digest(key), now=NOW)
    assert (opens(ring, key), file_key(tmp_path)) == (account, key)


def test_keys_of_an_older_database_get_an_id_and_a_hint() -> None:
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    migrate(db, upto=1)
    account = local_account(db, now=NOW)
    key = new_key()
    db.execute("INSERT INTO keys VALUES (?, ?, ?)", (digest(key), account, NOW))
    migrate(db)
    ring = KeyRing(db)
    assert opens(ring, key) == account
    ring.add(db, account, key, label="--api-key", now=NOW + 9)
    (row,) = ring.listing(db, account, current="")
    assert (row["label"], row["key"], row["created_at"]) == ("--api-key", hint(key), "2027-01-15T08:00:00Z")
    assert row["id"].startswith("key_")
    db.close()
