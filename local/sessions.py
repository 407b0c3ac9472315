"""Sessions of people who proved an e-mail address: JWTs (RFC 7519, HS256), good for a quarter of an hour.

The protocol hands them out in two steps: a login's *ticket*, which redeems once for the session itself. The secret
lives in this process's memory alone, so that a restart ends every session and the disk holds nothing to steal.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

from .errors import Refused

LASTS = 900
"""Seconds, of a ticket and of a session."""
_HEADER = {"alg": "HS256", "typ": "JWT"}


class Sessions:
    """Owned by the event loop's thread."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)
        self._redeemed: dict[str, float] = {}
        """When each redeemed ticket ends, by its id: one that has ended needs no memory."""

    def ticket(self, account: int, *, now: float) -> str:
        """What an approved login of an existing user gets: redeems once."""
        return self._signed(account, "ticket", now)

    def redeem(self, ticket: str, *, now: float) -> tuple[int, str]:
        """The account and a new session. Raises Refused 401 for a ticket that is none, is over, or was redeemed."""
        claims = self._read(ticket, "ticket")
        self._redeemed = {jti: ends for jti, ends in self._redeemed.items() if ends > now}
        if claims is None or claims["exp"] <= now or claims["jti"] in self._redeemed:
            raise Refused(401, "invalid_token", "Invalid or expired session token")
        self._redeemed[claims["jti"]] = claims["exp"]
        account = int(claims["sub"])
        return account, self._signed(account, "session", now)

    def account_of(self, token: str, *, now: float) -> int | None:
        """The account of a session; None for a token that is no session of this server.

        Raises Refused 401 `session_expired`.
        """
        claims = self._read(token, "session")
        if claims is None:
            return None
        if claims["exp"] <= now:
            raise Refused(401, "session_expired", "Session expired. Please log in again.")
        return int(claims["sub"])

    def key_of(self, session: str) -> str:
        """The API key that a session opens: always the same one, though nothing but its hash is kept."""
        return (
            "cue_sk_" + hmac.new(self._secret, b"key of " + session.encode(), hashlib.sha256).hexdigest()[:32]
        )

    def _signed(self, account: int, use: str, now: float) -> str:
        claims = {
            "sub": str(account),
            "use": use,
            "jti": secrets.token_hex(16),
            "iat": int(now),
            "exp": int(now) + LASTS,
        }
        text = f"{_encoded(json.dumps(_HEADER).encode())}.{_encoded(json.dumps(claims).encode())}"
        return f"{text}.{self._signature(text)}"

    def _read(self, token: str, use: str) -> dict[str, Any] | None:
        # The header is not asked for the algorithm: there is one, and `none` is not it.
        text, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode("utf-8", "replace"), self._signature(text).encode()):
            return None
        claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text.partition(".")[2] + "=="))
        return claims if claims["use"] == use else None

    def _signature(self, text: str) -> str:
        return _encoded(hmac.new(self._secret, text.encode("utf-8", "replace"), hashlib.sha256).digest())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
