"""API keys: kept as SHA-256 on disk and in memory, each belonging to one account."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
from pathlib import Path

from .discovery import KEY_FILE
from .errors import conflict

LOCAL_EMAIL = "local@localhost"
"""The account that the state directory's own key and `--api-key` open."""


def new_key() -> str:
    """`cue_sk_` and 32 hexadecimal digits."""
    return "cue_sk_" + secrets.token_hex(16)


def digest(key: str) -> str:
    """What is stored of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def read_or_create_key(state_dir: Path) -> str:
    """The key in `<state_dir>/api_key` (0600), created when missing or empty. Raises OSError."""
    path = state_dir / KEY_FILE
    with contextlib.suppress(FileNotFoundError):
        if key := path.read_text("utf-8").strip():
            return key
    key = new_key()
    partial = path.with_name(f".{KEY_FILE}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(key + "\n")
    partial.replace(path)
    return key


class KeyRing:
    """The registered keys, read once; the database is written through."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._accounts: dict[str, int] = {
            row["hash"]: row["account"] for row in db.execute("SELECT * FROM keys")
        }

    def account_of(self, key_digest: str) -> int | None:
        """The account a key opens, or None. Only hashes are looked up and compared, so that the time it takes
        tells nothing about a key."""
        return self._accounts.get(key_digest)

    def add(self, db: sqlite3.Connection, account: int, key: str, *, now: float) -> None:
        """Registers the key; one that is registered already stays as it is."""
        hashed = digest(key)
        db.execute(
            "INSERT OR IGNORE INTO keys (hash, account, created_at) VALUES (?, ?, ?)", (hashed, account, now)
        )
        self._accounts.setdefault(hashed, account)


def local_account(db: sqlite3.Connection, *, now: float) -> int:
    """The account of the person who runs the server."""
    db.execute("INSERT OR IGNORE INTO accounts (email, created_at) VALUES (?, ?)", (LOCAL_EMAIL, now))
    account: int = db.execute("SELECT id FROM accounts WHERE email = ?", (LOCAL_EMAIL,)).fetchone()[0]
    return account


def new_account(db: sqlite3.Connection, email: str, *, now: float) -> int:
    """A new account. Raises Refused 409 when the address has one."""
    cursor = db.execute("INSERT OR IGNORE INTO accounts (email, created_at) VALUES (?, ?)", (email, now))
    if not cursor.rowcount:
        raise conflict("email_already_registered", "This email address is registered already")
    account = cursor.lastrowid
    assert account is not None
    return account
