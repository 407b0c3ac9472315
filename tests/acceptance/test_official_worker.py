"""The package `cueapi-worker` from PyPI, unchanged, against the local server: its daemon, its commands, its client."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.local_server import LocalServerProcess, local_server
from support.logins import approve_login
from support.official_clients import OfficialClient, finish, official_client
from support.server_client import ServerClient

__all__ = ["local_server", "official_client"]

TAKEN = "taken@example.com"
OUTSIDE = {
    "cueapi-worker install-service": "writes into systemd or launchd; it never talks to a server",
    "cueapi-worker uninstall-service": "the same",
}


def test_the_daemon_every_command_and_every_method(
    official_client: Callable[[str], OfficialClient], local_server: LocalServerProcess, tmp_path: Path
) -> None:
    local_server.ok("POST", "/v1/auth/register", {"email": TAKEN})
    server = ServerClient(local_server.url, local_server.ok("POST", "/v1/auth/keys")["api_key"])
    driver = official_client("worker").start(tmp_path, server.url, server.api_key, TAKEN)
    try:
        for email in ("fresh@example.com", "lost@example.com", TAKEN):
            approve_login(local_server, email)
    finally:
        driven = finish(driver)
    driven.assert_complete(OUTSIDE)
