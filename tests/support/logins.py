"""The person who approves the logins that wait on a local server."""

from __future__ import annotations

from .server_client import ServerClient
from .waiting import until


def approve_login(server: ServerClient, email: str | None = None) -> None:
    """Wait for a login with that e-mail address, or for one without any, and approve it."""

    def code() -> str | None:
        waiting = server.ok("GET", "/v1/auth/logins")["logins"]
        return next((str(login["code"]) for login in waiting if login["email"] == email), None)

    server.ok("POST", f"/v1/auth/logins/{until(code, f'a login of {email} waits')}/approve")
