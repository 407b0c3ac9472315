"""`cueworker login`, `whoami` and `regenerate-key`, against a real server and with somebody who approves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest
from cueworker.cli.key_options import keep
from cueworker.supervisor.key_store import ProfileStore
from support.cli import WITHIN, command, cueworker, start, surroundings
from support.local_server import LocalServerProcess, local_account, shared_local_server
from support.logins import approve_login
from support.server_client import ServerClient
from support.waiting import until

__all__ = ["local_account", "shared_local_server"]

NOWHERE = "http://127.0.0.1:9"
KEY = "cue_sk_0123456789abcdef0123456789abcdef"


def new_email() -> str:
    return f"{uuid.uuid4()}@test.example"


def profile(home: Path, name: str = "default") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((home / ".config/cueapi/credentials.json").read_text())[name]
    return found


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=WITHIN)
    return process.returncode, out, err


def test_a_login_is_kept_and_found_again(shared_local_server: LocalServerProcess, tmp_path: Path) -> None:
    """An address that has an account gets that account's key; the configuration, if it has a key, gets the next one."""
    server, email = shared_local_server, new_email()
    server.ok("POST", "/v1/auth/register", {"email": email})
    login = start("login", "--email", email, "--api-base", server.url, home=tmp_path)
    approve_login(server, email)
    code, out, err = finish(login)
    kept = profile(tmp_path)
    assert (code, err) == (0, "")
    assert f"logged in as {email}" in out and server.url in out and "/logins/" in out
    assert (kept["email"], kept["api_base"]) == (email, f"{server.url}/v1")
    assert kept["api_key"] not in out and kept["api_key"][-4:] in out

    shown = cueworker("whoami", home=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert email in shown.stdout and "credentials.json, profile default" in shown.stdout
    assert kept["api_key"] not in shown.stdout
    told = json.loads(cueworker("whoami", "--json", home=tmp_path).stdout)
    assert (told["email"], told["server"]) == (email, server.url)


def test_a_new_key_takes_the_old_ones_place_in_the_configuration(
    local_account: ServerClient, tmp_path: Path
) -> None:
    old, config = local_account.api_key, tmp_path / "cueworker.yaml"
    text = f"# mine\napi_key: '{old}'   # do not share\napi_base: {local_account.url}\nhandlers: {{}}\n"
    config.write_text(text)
    asked = cueworker("regenerate-key", home=tmp_path)
    assert asked.returncode == 1 and "--yes" in asked.stderr and config.read_text() == text
    done = cueworker("regenerate-key", "--yes", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    new = config.read_text().split("'")[1]
    assert new != old and config.read_text() == text.replace(old, new)
    assert new not in done.stdout and old not in done.stdout
    assert ServerClient(local_account.url, new).ok("GET", "/v1/workers") == {"workers": []}

    config.write_text(text)
    refused = cueworker("whoami", home=tmp_path)
    assert refused.returncode == 77
    assert "401" in refused.stderr and "cueworker login" in refused.stderr and old not in refused.stderr


def test_a_key_that_cannot_be_replaced_where_it_stands_is_left_alone(
    local_account: ServerClient, tmp_path: Path
) -> None:
    options = ("regenerate-key", "--yes", "--api-base", local_account.url)
    refused = cueworker(*options, home=tmp_path, CUEAPI_API_KEY=local_account.api_key)
    assert refused.returncode == 78
    assert "comes from CUEAPI_API_KEY" in refused.stderr and local_account.api_key not in refused.stderr
    assert local_account.ok("GET", "/v1/workers") == {"workers": []}


def test_turned_down_and_shadowed(shared_local_server: LocalServerProcess, tmp_path: Path) -> None:
    """Two logins at once, since each waits."""
    server = shared_local_server
    emails = {name: new_email() for name in ("turned down", "shadowed")}
    logins = {
        name: start(
            *("login", "--email", email, "--api-base", server.url, "--profile", name.replace(" ", "-")),
            home=tmp_path,
            CUEAPI_API_KEY="cue_sk_another",
        )
        for name, email in emails.items()
    }
    waiting = until(lambda: _waiting(server, set(emails.values())), "both wait")
    server.ok("POST", f"/v1/auth/logins/{waiting[emails['turned down']]}/deny")
    server.ok("POST", f"/v1/auth/logins/{waiting[emails['shadowed']]}/approve")
    code, _, err = finish(logins["turned down"])
    assert code == 1 and "turned down" in err
    code, _, err = finish(logins["shadowed"])
    assert code == 0 and "CUEAPI_API_KEY wins over it" in err
    assert set(json.loads((tmp_path / ".config/cueapi/credentials.json").read_text())) == {"shadowed"}


def test_a_terminal_shows_the_time_that_is_left_and_ctrl_c_gives_up(
    shared_local_server: LocalServerProcess, tmp_path: Path
) -> None:
    terminal, theirs = os.openpty()
    with subprocess.Popen(
        command("login", "--api-base", shared_local_server.url),
        cwd=tmp_path,
        env=surroundings(tmp_path),
        stdin=theirs,
        stdout=theirs,
        stderr=subprocess.PIPE,
        text=True,
    ) as login:
        os.close(theirs)
        shown = ""
        while "left" not in shown:
            shown += os.read(terminal, 4096).decode()
        login.send_signal(signal.SIGINT)
        assert finish(login)[::2] == (130, "given up; nothing has changed\n")
    os.close(terminal)
    assert f"Open {shared_local_server.url}/logins/" in shown and "waiting for the approval, 14:5" in shown
    assert list(tmp_path.iterdir()) == []


def _waiting(server: ServerClient, emails: set[str]) -> dict[str, str] | None:
    logins = server.ok("GET", "/v1/auth/logins")["logins"]
    found = {login["email"]: login["code"] for login in logins if login["email"] in emails}
    return found if set(found) == emails else None


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    unreachable = cueworker("login", "--api-base", NOWHERE, home=tmp_path)
    assert unreachable.returncode == 69 and NOWHERE in unreachable.stderr
    (tmp_path / ".config/cueapi").mkdir(parents=True)
    (tmp_path / ".config/cueapi/credentials.json").write_text("[]")
    broken = cueworker("login", "--api-base", NOWHERE, home=tmp_path)
    assert broken.returncode == 78 and "must hold an object of profiles" in broken.stderr
    nobody = cueworker("whoami", "--config", "there-is-none.yaml", home=tmp_path)
    assert nobody.returncode == 78 and "cannot be read" in nobody.stderr


def test_a_new_key_is_never_thrown_away(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The place was writable when it was looked at, and is no more when the server has made the key."""
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as ended:
        keep(ProfileStore(tmp_path / "file" / "credentials.json", "x"), KEY, email=None, api_base=NOWHERE)
    said = capsys.readouterr()
    rescued = Path(said.err.split("The new key is in ")[1].split(",")[0])
    assert (ended.value.code, rescued.read_text(), rescued.stat().st_mode & 0o777) == (73, f"{KEY}\n", 0o600)
    assert KEY not in said.out + said.err
    rescued.unlink()
