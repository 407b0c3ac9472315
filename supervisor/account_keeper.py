"""Another API key for a running pool, when the server refuses the one it has.

While it does, the configuration and what logins leave are read again whenever one of them has changed; a key that the
steward's login was given is kept and used. The pool's handlers, leases and spool know nothing of it.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..pool.account import Account
from ..pool.events import emit
from ..pool.offers import Notices
from .config_problem import ConfigError

LOOK_EVERY = 1.0
"""Seconds between two looks at the disk."""

SURE_AFTER = 2.0
"""Seconds of refusals after which the key is bad, and not one answer."""


@dataclass(frozen=True)
class Found:
    """A key on the disk."""

    api_key: str = field(repr=False)
    api_base: str
    source: str
    remedy: str = ""
    """What to do when the server refuses it."""


class KeysOnDisk(Protocol):
    """Where keys come from."""

    def signature(self) -> Hashable:
        """Differs when a file has changed in which a key may stand."""

    def load(self) -> Found:
        """The key that a pool would start with now. Raises ConfigError."""

    def save(self, api_key: str, email: str | None, api_base: str) -> str:
        """Keep a key; returns where. Raises ConfigError or OSError."""


class AccountKeeper:
    """The supervisor's; it alone writes the pool's account. Times are `boottime()` seconds."""

    def __init__(
        self, account: Account, approved: Notices, concerned: Sequence[Notices], keys: KeysOnDisk
    ) -> None:
        """`approved` brings what the steward's login was given; `concerned` are told of another account."""
        self._account = account
        self._approved = approved
        self._concerned = concerned
        self._keys = keys
        self._refused_since: float | None = None
        self._next_look = 0.0
        self._seen: Hashable = None
        self._found: Found | None = None
        self._told_of: tuple[str, str] | None = None
        """The account that has been said to be refused."""

    def look(self, now: float) -> bool:
        """Do what is to be done about the key; True while it is surely refused and there is no other."""
        for notice in self._approved.drain():
            self._take_approved(notice)
        if not self._account.is_refused:
            if self._told_of is not None and self._told_of == self._account.read():
                emit("account.accepted")
            self._refused_since = self._told_of = None
            return False
        if self._refused_since is None:
            self._refused_since, self._seen = now, None
        if now >= self._next_look:
            self._next_look = now + LOOK_EVERY
            if self._look_at_disk():
                return False
        if now >= self._refused_since + SURE_AFTER:
            self._say_refused()
        return self._told_of is not None

    def fileno(self) -> int:
        """Readable when the steward has something to say."""
        return self._approved.fileno()

    def _look_at_disk(self) -> bool:
        """Whether there is another key than the pool's, which then is the pool's."""
        signature = self._keys.signature()
        if signature == self._seen:
            return False
        self._seen = signature
        try:
            found = self._found = self._keys.load()
            if (found.api_key, found.api_base) == self._account.read():
                return False
            self._publish(found.api_key, found.api_base, found.source)
        except (ConfigError, ValueError) as error:
            emit("account.unreadable", reason=error)
            return False
        return True

    def _say_refused(self) -> None:
        if self._told_of is None:
            self._told_of = self._account.read()
            known = self._found
            emit(
                "account.refused",
                source="the start" if known is None else known.source,
                remedy="mend the configuration, see above" if known is None else known.remedy,
            )

    def _take_approved(self, notice: dict[str, Any]) -> None:
        api_key, api_base = notice["api_key"], notice["api_base"]
        if (self._account.read() or ("", ""))[0] == api_key:
            return
        source = "a login"
        try:
            source = self._keys.save(api_key, notice["email"], api_base)
            winner = self._keys.load()
            if winner.api_key != api_key:
                emit("account.unsaved", reason=f"{winner.source} wins over {source}")
        except (ConfigError, OSError) as error:
            emit("account.unsaved", reason=error)
        self._publish(api_key, api_base, source)

    def _publish(self, api_key: str, api_base: str, source: str) -> None:
        self._account.publish(api_key, api_base)
        self._refused_since = self._told_of = None
        for notices in self._concerned:
            notices.send("account")
        emit("account.changed", source=source)
