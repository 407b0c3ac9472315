"""Getting a key without having one: the device-code login (PROTOCOL.md, "Keys")."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from .answers import Answer
from .auth import key_in
from .errors import CueAPIError, LoginEnded, RefusedByServer
from .transport import Timeout, Transport

EXPIRES_IN = 900.0
"""Seconds that a login waits where the server does not say."""

_WAITING = ("pending", "email_sent")


@dataclass(frozen=True)
class Approved:
    """What an approved login brought."""

    api_key: str = field(repr=False)
    email: str | None
    """Whose key it is, where the server says."""


class DeviceLogin:
    """One login, waiting for somebody's approval. A context manager; every call raises CueAPIError.

    `base_url` as for `CueAPI`; ValueError for an address that cannot be used.
    """

    def __init__(self, base_url: str, timeout: Timeout = (10, 30)) -> None:
        self._base_url = base_url
        self._timeout = timeout
        self._transport = Transport(None, base_url, timeout, None)
        self._code = secrets.token_hex(16)
        self._email: str | None = None
        self._ticket: str | None = None
        self._session: str | None = None
        self.expires_at = time.monotonic() + EXPIRES_IN
        """CLOCK_MONOTONIC seconds."""

    def begin(self) -> str:
        """Ask; returns the address where the login can be approved."""
        answer = self._post("/v1/auth/device-code", device_code=self._code)
        told = answer.json_object()
        seconds = told.get("expires_in")
        if isinstance(seconds, int | float) and seconds > 0:
            self.expires_at = time.monotonic() + seconds
        url = told.get("verification_url")
        if not isinstance(url, str) or not url:
            raise answer.malformed("it names no verification_url")
        return url

    def submit_email(self, email: str) -> None:
        """Have a link sent to the account's owner."""
        self._post("/v1/auth/device-code/submit-email", device_code=self._code, email=email).json_object()

    def poll(self) -> Approved | None:
        """The key, once the login is approved; None while it waits.

        Raises LoginEnded when it never will be. After any other error it may be called again.
        """
        if self._ticket is None:
            answer = self._post("/v1/auth/device-code/poll", device_code=self._code)
            told = answer.json_object()
            status = told.get("status")
            if status in _WAITING:
                return None
            if status != "approved":
                raise _ended(status)
            email = told.get("email")
            self._email = email if isinstance(email, str) else None
            ticket = told.get("session_token")
            if not told.get("existing_user") or not isinstance(ticket, str):
                return Approved(key_in(answer), self._email)
            self._ticket = ticket
        return Approved(self._key_of_session(self._ticket), self._email)

    def wait(self, pause: Callable[[float], bool], every: float) -> Approved:
        """Poll every `every` seconds until the login is approved. `pause(seconds)` waits and says whether to go on.

        Trouble on the way is waited out. Raises LoginEnded.
        """
        seconds = every
        while pause(seconds):
            seconds = every
            try:
                approved = self.poll()
            except LoginEnded:
                raise
            except RefusedByServer as error:
                if error.status < 500 and error.status != 429:
                    raise LoginEnded(f"the login failed: {error}") from error
                seconds = max(every, error.retry_after or 0.0)
            except CueAPIError:
                continue
            else:
                if approved is not None:
                    return approved
            if time.monotonic() >= self.expires_at:
                raise _ended("expired")
        raise LoginEnded("the login was given up")

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _post(self, path: str, **body: Any) -> Answer:
        return self._transport.call("POST", path, body=body)

    def _key_of_session(self, ticket: str) -> str:
        """An account that exists already does not get its key from the poll, but for a session's token."""
        if self._session is None:
            answer = self._post("/v1/auth/session", token=ticket)
            session = answer.json_object().get("session_token")
            if not isinstance(session, str) or not session:
                raise answer.malformed("it holds no session_token")
            self._session = session
        transport = Transport(self._session, self._base_url, self._timeout, None)
        try:
            return key_in(transport.call("GET", "/v1/auth/key"))
        finally:
            transport.close()


def _ended(status: object) -> LoginEnded:
    match status:
        case "expired":
            return LoginEnded("the login was not approved in time, or was turned down")
        case "claimed":
            return LoginEnded(
                "the login's key was handed out already, to somebody else or in an answer that was lost"
            )
        case _:
            return LoginEnded(
                f"the server says {str(status)[:40]!r} of the login, which is not in the protocol"
            )
