"""The steward's login for another key, when the server refuses the pool's: somebody approves it by e-mail.

It is a thread of its own, so that leases, the spool and the handlers go on meanwhile.
"""

from __future__ import annotations

import threading
import time

from ..client import Approved, CueAPIError, DeviceLogin
from .account import Account
from .clock import boottime
from .events import emit
from .offers import Notices

GRACE = 3.0
"""Seconds that the key must have been refused for: another may be on the disk already, or the server be confused."""

POLL_EVERY = 2.0
"""Seconds between two questions whether somebody has approved."""

RETRY_FIRST, RETRY_LAST = 60.0, 3600.0
"""Seconds between a login that came to nothing and the next e-mail, doubling."""

_HANDED_OVER_WITHIN = 60
"""Times that the supervisor is told of a key, a second apart."""


def pause_after(failures: int) -> float:
    """Seconds to leave the account's owner alone for, after that many logins that came to nothing. Pure."""
    return min(RETRY_LAST, RETRY_FIRST * 2.0 ** min(failures - 1, 16))


class KeyLogin:
    """Logs in when it has to, one login at a time. Asked by the steward's main thread."""

    def __init__(self, email: str | None, account: Account, approved: Notices) -> None:
        self._email = email
        self._account = account
        self._approved = approved
        self._thread: threading.Thread | None = None
        self._refused_since: float | None = None
        self._failures = 0
        self._next_at = 0.0

    def consider(self, now: float) -> None:
        """Begin a login if the key has been refused for a while and nobody is asked already. Returns at once."""
        if self._email is None:
            return
        if not self._account.is_refused:
            self._refused_since = None
            return
        if self._refused_since is None:
            self._refused_since = now
        if now < max(self._refused_since + GRACE, self._next_at):
            return
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, args=(self._email,), name="login", daemon=True)
            self._thread.start()

    def _run(self, email: str) -> None:
        account = self._account.read()
        if account is None:
            return
        _, api_base = account
        try:
            approved = self._ask(email, api_base)
        except CueAPIError as error:
            if not self._account.is_refused:
                return
            self._failures += 1
            seconds = pause_after(self._failures)
            self._next_at = boottime() + seconds
            emit("login.failed", email=email, seconds=seconds, reason=error)
            return
        self._failures = 0
        emit("login.approved", email=approved.email or email)
        self._hand_over(approved, api_base)

    def _ask(self, email: str, api_base: str) -> Approved:
        with DeviceLogin(api_base) as login:
            url = login.begin()
            login.submit_email(email)
            emit("login.asked", email=email, url=url)
            return login.wait(self._pause, POLL_EVERY)

    def _pause(self, seconds: float) -> bool:
        """Wait; False as soon as there is another key from elsewhere."""
        time.sleep(seconds)
        return self._account.is_refused

    def _hand_over(self, approved: Approved, api_base: str) -> None:
        """Tell the supervisor until the pool has the key: the server gives it once, and a notice can be lost."""
        for _ in range(_HANDED_OVER_WITHIN):
            self._approved.send(
                "approved", api_key=approved.api_key, api_base=api_base, email=approved.email or self._email
            )
            time.sleep(1.0)
            if (self._account.read() or ("", ""))[0] == approved.api_key:
                return
