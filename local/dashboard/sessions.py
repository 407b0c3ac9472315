"""Who is signed in: sessions and one-time links, in memory, by the SHA-256 of their secrets.

A restart of the server signs everybody out. Times are epoch seconds.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from ..keys import digest

IDLE_LIMIT = 12 * 3600.0
"""Seconds after the last page that a person asked for; what the live view fetches by itself does not count."""
LONGEST = 7 * 24 * 3600.0
"""Seconds after which anybody signs in again."""
LINK_LIMIT = 60.0
"""Seconds that a one-time link can be used."""
MOST = 50
"""Sessions, and links, that an account has at once; the oldest gives way."""


@dataclass
class Session:
    """One browser, signed in with one key."""

    account: int
    key: str
    """The key's digest: a key that is revoked ends its sessions."""
    csrf: str
    """What every form of the session carries."""
    opened_at: float
    last_used: float
    notices: list[str] = field(default_factory=list)
    """What the next page tells once."""


@dataclass(frozen=True)
class Link:
    """A link that opens one session."""

    account: int
    key: str
    made_at: float


class BrowserSessions:
    """Owned by the event loop's thread."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}
        self._links: dict[str, Link] = {}

    def open(self, account: int, key: str, *, now: float) -> tuple[str, Session]:
        """A new session for the account, opened with the key of that digest; and the secret for its cookie."""
        secret = secrets.token_urlsafe(32)
        _make_room(self._sessions, account)
        session = Session(account, key, secrets.token_urlsafe(24), now, now)
        self._sessions[digest(secret)] = session
        return secret, session

    def find(self, secret: str) -> Session | None:
        """The session of a cookie, whether it is still good or not."""
        return self._sessions.get(digest(secret))

    def end(self, secret: str) -> None:
        """Signs out; an unknown secret is none of our business."""
        self._sessions.pop(digest(secret), None)

    def offer(self, account: int, key: str, *, now: float) -> str:
        """A token that opens one session within LINK_LIMIT."""
        token = secrets.token_urlsafe(24)
        _make_room(self._links, account)
        self._links[digest(token)] = Link(account, key, now)
        return token

    def redeem(self, token: str, *, now: float) -> Link | None:
        """What the token opens; None for one that is unknown, used, or too old. It is used up now."""
        link = self._links.pop(digest(token), None)
        return link if link is not None and 0 <= now - link.made_at <= LINK_LIMIT else None


def is_current(session: Session, *, now: float) -> bool:
    """Whether the session is neither idle for too long nor too old. A clock that was set back ends it too."""
    return 0 <= now - session.last_used <= IDLE_LIMIT and 0 <= now - session.opened_at <= LONGEST


def _make_room(kept: dict[str, Session] | dict[str, Link], account: int) -> None:
    own = [place for place, one in kept.items() if one.account == account]
    for place in own[: max(0, len(own) - MOST + 1)]:
        del kept[place]
