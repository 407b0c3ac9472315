"""API keys: kept as SHA-256 on disk and in memory, each belonging to one account."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from dataclasses import dataclass
from typing import Any

from .errors import Refused, conflict
from .own_key import OwnKey
from .wire import iso, stamp

LOCAL_EMAIL = "local@localhost"
"""The account that the state directory's own key and `--api-key` open."""
OWN_LABEL = "this server's own"
_SHOWN = 4
"""Characters of a key's end that listings show, if the key is long enough to spare them."""
_SPARES = 24


def new_key() -> str:
    """`cue_sk_` and 32 hexadecimal digits."""
    return "cue_sk_" + secrets.token_hex(16)


def digest(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def hint(key: str) -> str:
    """What people recognise a key by: its kind and its last four characters."""
    return f"{key[:7]}…{key[-_SHOWN:]}" if len(key) >= _SPARES else "…"


@dataclass
class _Known:
    """A registered key."""

    digest: str
    account: int
    ended: str | None
    """`revoked` or `rotated`; None while the key is good."""
    last_used: float | None
    saved: bool = True
    """Whether the database has `last_used`."""


class KeyRing:
    """The registered keys, read once; the database is written through."""

    def __init__(self, db: sqlite3.Connection, own: OwnKey | None = None) -> None:
        """`own` is the file to keep a good key in."""
        self._own = own
        self._keys = {
            _place(row["hash"]): _Known(row["hash"], row["account"], row["ended"], row["last_used"])
            for row in db.execute("SELECT * FROM keys")
        }

    def _find(self, key_digest: str) -> _Known | None:
        """Only hashes are looked up, and they are compared in constant time: how long it takes tells nothing
        about a key."""
        known = self._keys.get(_place(key_digest))
        return known if known is not None and hmac.compare_digest(known.digest, key_digest) else None

    def account_of(self, key_digest: str) -> int | None:
        """The account that a key opens; None for one that is unknown or ended."""
        known = self._find(key_digest)
        return None if known is None or known.ended else known.account

    def use(self, key_digest: str, *, now: float) -> int | None:
        """The same for a request, whose time is noted in memory; `save_uses` keeps it."""
        known = self._find(key_digest)
        if known is None or known.ended:
            return None
        known.last_used, known.saved = now, False
        return known.account

    def ended(self, key_digest: str) -> str | None:
        """How a key ended: `revoked` or `rotated`; None for one that is good or unknown."""
        known = self._find(key_digest)
        return None if known is None else known.ended

    def save_uses(self, db: sqlite3.Connection) -> None:
        """Writes what was noted: when somebody writes anyway, since no request is worth a write of its own."""
        unsaved = [known for known in self._keys.values() if not known.saved]
        db.executemany(
            "UPDATE keys SET last_used = ? WHERE hash = ?",
            [(known.last_used, known.digest) for known in unsaved],
        )
        for known in unsaved:
            known.saved = True

    def add(self, db: sqlite3.Connection, account: int, key: str, *, label: str = "", now: float) -> str:
        """Registers the key and returns its id; one that is registered already stays as it is."""
        hashed = digest(key)
        db.execute(
            "INSERT INTO keys (hash, account, created_at, id, label, hint) VALUES (?, ?, ?, ?, ?, ?)"
            # Keys of older databases have no hint yet.
            " ON CONFLICT (hash) DO UPDATE SET label = excluded.label, hint = excluded.hint WHERE hint = ''",
            (hashed, account, now, "key_" + secrets.token_hex(6), label, hint(key)),
        )
        self._keys.setdefault(_place(hashed), _Known(hashed, account, None, None))
        row = db.execute("SELECT id FROM keys WHERE hash = ?", (hashed,)).fetchone()
        return str(row[0])

    def add_own(self, db: sqlite3.Connection, account: int, *, now: float) -> str:
        """Sees to it that the file holds a good key. Raises OSError."""
        assert self._own is not None
        key = self._own.read()
        if key is None or self.ended(digest(key)):
            return self._make_own(db, account, now=now)
        self.add(db, account, key, label=OWN_LABEL, now=now)
        return key

    def _make_own(self, db: sqlite3.Connection, account: int, *, now: float) -> str:
        assert self._own is not None
        key = new_key()
        self._own.write(key)
        self.add(db, account, key, label=OWN_LABEL, now=now)
        return key

    def listing(self, db: sqlite3.Connection, account: int, *, current: str) -> list[dict[str, Any]]:
        """The account's keys that are good, newest first; `current` is the digest of the asking one."""
        rows = db.execute(
            "SELECT * FROM keys WHERE account = ? AND ended IS NULL ORDER BY created_at DESC, rowid DESC",
            (account,),
        )
        return [
            {
                "id": row["id"],
                "label": row["label"],
                "key": row["hint"],
                "created_at": stamp(row["created_at"]),
                "last_used": iso(self._keys[_place(row["hash"])].last_used),
                "current": row["hash"] == current,
            }
            for row in rows
        ]

    def revoke(self, db: sqlite3.Connection, account: int, key_id: str, *, now: float) -> bool:
        """Ends a key at once. The file's own key is replaced by a new one: returns whether this was it.

        Raises Refused 404; OSError when the file cannot be written.
        """
        row = db.execute(
            "SELECT hash FROM keys WHERE account = ? AND id = ? AND ended IS NULL", (account, key_id)
        ).fetchone()
        if row is None:
            raise Refused(404, "key_not_found", "Key not found")
        own = self._is_own(row["hash"])
        if own:
            self._make_own(db, account, now=now)
        self._end(db, row["hash"], "revoked", now=now)
        return own

    def rotate(self, db: sqlite3.Connection, account: int, old: str | None, *, now: float) -> str:
        """A new key in place of the one with the digest `old`, or in place of all of the account's keys for None
        (a person's session, which came with no key). The old ones are dead at once.

        Raises OSError when it was the file's own key and the file cannot be written.
        """
        rows = db.execute(
            "SELECT hash, label FROM keys WHERE account = ? AND ended IS NULL AND hash = coalesce(?, hash)"
            " ORDER BY created_at",
            (account, old),
        ).fetchall()
        key = new_key()
        if self._own is not None and any(self._is_own(row["hash"]) for row in rows):
            self._own.write(key)  # first: if it cannot be written, the old key stays good
        self.add(db, account, key, label=rows[0]["label"] if rows else "", now=now)
        for row in rows:
            self._end(db, row["hash"], "rotated", now=now)
        return key

    def _is_own(self, key_digest: str) -> bool:
        key = None if self._own is None else self._own.read()
        return key is not None and digest(key) == key_digest

    def _end(self, db: sqlite3.Connection, key_digest: str, how: str, *, now: float) -> None:
        db.execute("UPDATE keys SET ended = ?, ended_at = ? WHERE hash = ?", (how, now, key_digest))
        self._keys[_place(key_digest)].ended = how


def _place(key_digest: str) -> str:
    """Half of a digest finds the key; the comparison of the whole is a separate, constant-time step."""
    return key_digest[:32]


def local_account(db: sqlite3.Connection, *, now: float) -> int:
    """The account of the person who runs the server."""
    db.execute("INSERT OR IGNORE INTO accounts (email, created_at) VALUES (?, ?)", (LOCAL_EMAIL, now))
    account: int = db.execute("SELECT id FROM accounts WHERE email = ?", (LOCAL_EMAIL,)).fetchone()[0]
    return account


def new_account(db: sqlite3.Connection, email: str, *, now: float) -> int:
    """A new account. Raises Refused 409 when the address has one."""
    cursor = db.execute("INSERT OR IGNORE INTO accounts (email, created_at) VALUES (?, ?)", (email, now))
    if not cursor.rowcount:
        raise conflict("duplicate_email", "This email address is registered already")
    account = cursor.lastrowid
    assert account is not None
    return account


def email_of(db: sqlite3.Connection, account: int) -> str:
    """The account's e-mail address."""
    return str(db.execute("SELECT email FROM accounts WHERE id = ?", (account,)).fetchone()[0])
