"""Device-code logins: somebody asks for a key, and the person who runs the server says yes or no.

The hosted service sends an e-mail with a link; here the dashboard or `cueworker logins` decides. The device's own
code is its secret, kept hashed; people see and compare a second one, `Login.code`.

A login's state: pending → email_sent → approved → claimed (its key was handed out), or denied.
"""

from __future__ import annotations

import re
import secrets
import sqlite3
from dataclasses import dataclass

from .errors import Refused, bad_request, conflict
from .keys import LOCAL_EMAIL, digest, email_of

EXPIRES_IN = 900
"""Seconds a login waits; protocol, "Keys"."""
MOST_WAITING = 100
"""Logins that may wait at once: asking needs no key, so it must not fill the disk."""
_KEPT = 3600.0
"""Seconds that an ended login still answers `claimed` or `expired` to its device."""
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels, so that no code is a word; nothing that looks like a digit."""
_WAITING = "state IN ('pending', 'email_sent')"


@dataclass(frozen=True)
class Login:
    """One that waits for a decision."""

    code: str
    """What the device shows to its user, such as `BCDF-GHJK`."""
    email: str | None
    """What the device's user says; nobody has checked it. Lower case."""
    asked_at: float
    """Epoch seconds."""
    expires_at: float
    """Epoch seconds."""


@dataclass(frozen=True)
class Granted:
    """An approved login, taken up by its device: whose key it gets."""

    account: int
    email: str
    existing: bool
    """Whether the e-mail address has an account of its own: then it gets a session instead of a new key."""


def pending(db: sqlite3.Connection, now: float, *, account: int) -> list[Login]:
    """The logins that wait for this account's decision, the oldest first: all of them for the account of the person
    who runs the server, else those with the account's own e-mail address."""
    where, values = _decidable(db, account)
    rows = db.execute(
        f"SELECT code, email, asked_at, expires_at FROM logins WHERE {_WAITING} AND expires_at > :now"  # noqa: S608
        f" AND {where} ORDER BY asked_at, rowid",
        {**values, "now": now},
    )
    return [Login(row["code"], row["email"], row["asked_at"], row["expires_at"]) for row in rows]


def approve(db: sqlite3.Connection, code: str, *, account: int, now: float) -> Login:
    """Lets the device in: into the account of its e-mail address if there is one, else into `account`. The device
    gets its key at its next poll. Raises Refused 404 for a login that does not wait for this account's decision."""
    login = _waiting(db, code, account=account, now=now)
    db.execute(
        "UPDATE logins SET state = 'approved',"
        " account = coalesce((SELECT id FROM accounts WHERE accounts.email = logins.email), ?) WHERE code = ?",
        (account, login.code),
    )
    return login


def deny(db: sqlite3.Connection, code: str, *, account: int, now: float) -> Login:
    """Turns the device away; it is told that its code expired. Raises Refused 404 as `approve`."""
    login = _waiting(db, code, account=account, now=now)
    db.execute("UPDATE logins SET state = 'denied' WHERE code = ?", (login.code,))
    return login


def normal_code(text: str) -> str:
    """A code as people type it, `bcdf ghjk` for `BCDF-GHJK`."""
    letters = re.sub(r"[\s-]", "", text).upper()
    return f"{letters[:4]}-{letters[4:]}"


def _waiting(db: sqlite3.Connection, code: str, *, account: int, now: float) -> Login:
    wanted = normal_code(code)
    for login in pending(db, now, account=account):
        if login.code == wanted:
            return login
    raise Refused(404, "login_not_found", f"No login with the code {wanted} waits for a decision")


def _decidable(db: sqlite3.Connection, account: int) -> tuple[str, dict[str, str]]:
    email = email_of(db, account)
    return ("1", {}) if email == LOCAL_EMAIL else ("email = :own", {"own": email})


def begin(db: sqlite3.Connection, device_code: str, *, now: float) -> Login:
    """A new login. Raises Refused 409 for a device code that is in use, 429 when too many wait."""
    db.execute(
        "DELETE FROM logins WHERE expires_at < ? OR (device_hash = ? AND (state = 'claimed' OR expires_at <= ?))",
        (now - _KEPT, digest(device_code), now),
    )
    waiting, oldest = db.execute(
        f"SELECT count(*), min(expires_at) FROM logins WHERE {_WAITING} AND expires_at > ?",  # noqa: S608
        (now,),
    ).fetchone()
    if waiting >= MOST_WAITING:
        raise Refused(
            429,
            "rate_limit_exceeded",
            f"{waiting} logins wait for a decision already",
            headers={"Retry-After": str(max(1, int(oldest - now)))},
        )
    login = Login(_new_code(), None, now, now + EXPIRES_IN)
    made = db.execute(
        "INSERT INTO logins (code, device_hash, state, asked_at, expires_at) VALUES (?, ?, 'pending', ?, ?)"
        " ON CONFLICT (device_hash) DO NOTHING",
        (login.code, digest(device_code), now, login.expires_at),
    )
    if not made.rowcount:
        raise conflict("device_code_exists", "Device code already in use")
    return login


def submit_email(db: sqlite3.Connection, device_code: str, email: str, *, now: float) -> None:
    """Notes who asks, once: what a person saw and approves must not change meanwhile.

    Raises Refused 404 for an unknown device; 400 for one whose code expired, that is decided already, or that
    has another address.
    """
    row = db.execute(
        "SELECT code, email, state, expires_at FROM logins WHERE device_hash = ?", (digest(device_code),)
    ).fetchone()
    if row is None:
        raise Refused(404, "device_code_not_found", "Device code not found")
    if row["expires_at"] <= now:
        raise bad_request("device_code_expired", "Device code expired")
    if row["state"] not in ("pending", "email_sent") or row["email"] not in (None, email.lower()):
        raise bad_request("invalid_status", f"Device code status is '{row['state']}', expected 'pending'")
    db.execute(
        "UPDATE logins SET state = 'email_sent', email = ? WHERE code = ?", (email.lower(), row["code"])
    )


def poll(db: sqlite3.Connection, device_code: str, *, now: float) -> str | Granted:
    """What the device is told: a status of the protocol, or, once, what it was granted. An approval must be
    taken up before the login expires."""
    row = db.execute(
        "SELECT l.state, l.expires_at, l.account, l.email, a.email AS own FROM logins AS l"
        " LEFT JOIN accounts AS a ON a.id = l.account WHERE l.device_hash = ?",
        (digest(device_code),),
    ).fetchone()
    if row is not None and row["state"] == "claimed":
        return "claimed"
    if row is None or row["state"] == "denied" or row["expires_at"] <= now:
        return "expired"
    if row["state"] != "approved":
        return str(row["state"])
    db.execute("UPDATE logins SET state = 'claimed' WHERE device_hash = ?", (digest(device_code),))
    return Granted(row["account"], row["email"] or row["own"], existing=row["email"] == row["own"])


def _new_code() -> str:
    return normal_code("".join(secrets.choice(_LETTERS) for _ in range(8)))
