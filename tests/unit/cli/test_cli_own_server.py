"""`cueworker keys` and `cueworker logins` on a running server."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cueworker.cli.group import cueworker
from cueworker.local import discover
from support.local_server import LocalServerProcess
from support.server_client import ServerClient

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServerProcess]:
    """One server, as `cueworker serve` runs it."""
    with LocalServerProcess(tmp_path_factory.mktemp("server") / "files") as running:
        yield running


@pytest.fixture
def run(server: LocalServerProcess, tmp_path: Path) -> Run:
    """Runs a subcommand that finds the server by its directory."""

    def invoke(*arguments: str, state_dir: Path = server.state_dir) -> Result:
        env = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": None, "XDG_STATE_HOME": None, "CUEAPI_API_KEY": None}
        return CliRunner().invoke(cueworker, [*arguments, "--state-dir", str(state_dir)], env=env)

    return invoke


def begin(server: LocalServerProcess, email: str | None = None) -> tuple[str, str]:
    """A login that waits: the device's code and the one that people see."""
    device = uuid.uuid4().hex
    code = server.ok("POST", "/v1/auth/device-code", {"device_code": device})["user_code"]
    if email is not None:
        server.ok("POST", "/v1/auth/device-code/submit-email", {"device_code": device, "email": email})
    return device, code


def test_a_key_is_made_listed_and_revoked(server: LocalServerProcess, run: Run) -> None:
    made = run("keys", "make", "laptop \x1b[31m")
    key = made.stdout.strip()
    client = ServerClient(server.url, key)
    assert client.ok("GET", "/v1/cues")["total"] == 0
    listed = run("keys", "list")
    assert key not in listed.output and server.api_key not in listed.output
    (row,) = [line for line in listed.stdout.splitlines() if "laptop" in line]
    assert f"cue_sk_…{key[-4:]}" in row and "\x1b" not in row
    assert [line[0] for line in listed.stdout.splitlines() if "this server's own" in line] == ["*"]
    rows = json.loads(run("keys", "list", "--json").stdout)["keys"]
    assert {row["label"] for row in rows} >= {"laptop \x1b[31m", "this server's own", "--api-key"}
    revoked = run("keys", "revoke", key[-4:])
    assert (revoked.exit_code, revoked.stderr) == (0, "")
    assert client.call("GET", "/v1/cues").json()["error"]["code"] == "key_revoked"


def test_what_names_no_key_or_several_revokes_none(server: LocalServerProcess, run: Run) -> None:
    twins = [json.loads(run("keys", "make", "twin", "--json").stdout) for _ in range(2)]
    for name, why in (("twin", "several keys"), ("nobody", "no key"), ("", "no key")):
        done = run("keys", "revoke", name)
        assert (done.exit_code, done.stdout) == (1, "")
        assert why in done.stderr and "cueworker keys list" in done.stderr
    for twin in twins:
        assert run("keys", "revoke", twin["id"]).exit_code == 0
        assert ServerClient(server.url, twin["api_key"]).call("GET", "/v1/cues").status_code == 401


def test_revoking_the_servers_own_key_leaves_the_commands_working(
    server: LocalServerProcess, run: Run
) -> None:
    before = discover(server.state_dir)
    done = run("keys", "revoke", "this server's own")
    assert done.exit_code == 0 and "holds a new one" in done.stderr
    after = discover(server.state_dir)
    assert before is not None and after is not None and before.api_key != after.api_key
    assert ServerClient(server.url, before.api_key).call("GET", "/v1/cues").status_code == 401
    assert run("keys", "list").exit_code == 0


def test_a_login_is_shown_and_approved(server: LocalServerProcess, run: Run) -> None:
    assert "No login waits" in run("logins").stderr
    device, code = begin(server, "ada@example.org")
    (head, row) = run("logins").stdout.splitlines()
    assert head.split() == ["CODE", "ASKED", "EXPIRES", "E-MAIL"]
    assert row.startswith(code) and row.endswith("ada@example.org")
    assert json.loads(run("logins", "--json").stdout)["logins"][0]["code"] == code
    approved = run("logins", "approve", code.lower())
    assert (approved.exit_code, approved.stdout) == (0, f"approved {code} ada@example.org\n")
    granted = server.ok("POST", "/v1/auth/device-code/poll", {"device_code": device})
    assert ServerClient(server.url, granted["api_key"]).ok("GET", "/v1/cues")["total"] == 0
    again = run("logins", "approve", code)
    assert (again.exit_code, again.stdout) == (1, "")
    assert again.stderr == f"cueworker logins approve: No login with the code {code} waits for a decision\n"


def test_a_login_is_denied(server: LocalServerProcess, run: Run, tmp_path: Path) -> None:
    device, code = begin(server)
    where = ["logins", "--state-dir", str(server.state_dir), "deny", code]  # before the subcommand, too
    denied = CliRunner().invoke(cueworker, where, env={"HOME": str(tmp_path), "CUEAPI_API_KEY": None})
    assert (denied.exit_code, denied.stdout) == (0, f"denied {code}\n")
    assert server.ok("POST", "/v1/auth/device-code/poll", {"device_code": device}) == {"status": "expired"}


def test_without_a_server_it_is_told_how_to_start_one(run: Run, tmp_path: Path) -> None:
    for command in (["keys", "list"], ["logins"]):
        done = run(*command, state_dir=tmp_path)
        assert (done.exit_code, done.stdout) == (78, "")
        assert "cueworker-supervise --local" in done.stderr and "--state-dir" in done.stderr
