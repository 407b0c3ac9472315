"""The command `cueapi` from PyPI, unchanged, against the local server: every command of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.local_server import LocalServerProcess, local_server
from support.logins import approve_login
from support.official_clients import OfficialClient, finish, official_client

__all__ = ["local_server", "official_client"]

OUTSIDE = {
    "cueapi quickstart": "sees a webhook arrive at the hosted service's own echo endpoint",
    "cueapi upgrade": "buys a plan of the hosted service",
    "cueapi manage": "opens the hosted service's billing",
}


def test_every_command_of_the_cli(
    official_client: Callable[[str], OfficialClient], local_server: LocalServerProcess, tmp_path: Path
) -> None:
    driver = official_client("cli").start(tmp_path, local_server.url)
    try:
        approve_login(local_server)
    finally:
        driven = finish(driver)
    driven.assert_complete(OUTSIDE)

    kept = driven.steps["credentials"]
    assert set(kept) == {"api_key", "email", "api_base"}
    (cue,) = local_server.ok("GET", "/v1/cues")["cues"]
    assert (cue["name"], cue["payload"]["n"]) == ("renamed", 2)
    found = {row["status"] for row in local_server.ok("GET", "/v1/executions")["executions"]}
    assert found == {"success", "failed", "delivering"}
