"""The person who approves the logins that wait on a local server."""

from __future__ import annotations

from typing import Any

from .server_client import ServerClient
from .waiting import until


def approve_logins(server: ServerClient, count: int) -> list[str | None]:
    """Wait for that many logins, and approve each; returns the e-mail addresses they came with."""
    emails: list[str | None] = []
    while len(emails) < count:
        for login in until(lambda: _waiting(server), f"{count} logins wait for a decision"):
            server.ok("POST", f"/v1/auth/logins/{login['code']}/approve")
            emails.append(login["email"])
    return emails


def _waiting(server: ServerClient) -> list[Any]:
    logins = server.ok("GET", "/v1/auth/logins")["logins"]
    assert isinstance(logins, list)
    return logins
