"""The package `cueapi-sdk` from PyPI, unchanged, against the local server: every method of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.local_server import LocalServerProcess, local_account, shared_local_server
from support.official_clients import OfficialClient, finish, official_client
from support.server_client import ServerClient

__all__ = ["local_account", "official_client", "shared_local_server"]

OUTSIDE = {"verify_webhook": "checks the signature of a webhook: the local server delivers none"}


def test_every_method_of_the_sdk(
    official_client: Callable[[str], OfficialClient], local_account: ServerClient, tmp_path: Path
) -> None:
    sdk = official_client("sdk")
    with LocalServerProcess(tmp_path / "strict", max_cues=1, rate_limit=3) as strict:
        driver = sdk.start(tmp_path, local_account.url, local_account.api_key, strict.url, strict.api_key)
        driven = finish(driver)
    driven.assert_complete(OUTSIDE)
    assert [status for status, _code, _message in driven.steps["errors"]] == [400, 422, 409, 401, 403, 429]

    # The server's own word for it.
    cue_id = driven.steps["cues.create"]["id"]
    assert local_account.ok("GET", f"/v1/cues/{cue_id}")["name"] == "renamed"
    states = [row["outcome_state"] for row in local_account.ok("GET", "/v1/executions")["executions"]]
    assert states == [None, "verified_success", "reported_failure", "reported_success"]
