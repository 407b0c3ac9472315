"""The server refuses the pool's key: nothing is claimed and nothing is lost, and with another key the pool goes on."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from support.local_server import LocalServerProcess
from support.pool import SETTLED, Pool, running
from support.server_client import ServerClient
from support.site import Site
from support.waiting import until

EMAIL = "owner@test.example"

WAITER = 'while [ ! -e "$GO" ]; do sleep 0.05; done; echo "$CUEAPI_EXECUTION_ID" >> "$RUNS"; echo done'
# The key itself would be taken out of the report.
SHOW = 'echo "$CUEAPI_EXECUTION_ID" >> "$RUNS"; printf %s "$CUEAPI_API_KEY" | sha256sum'


@contextlib.contextmanager
def account(folder: Path) -> Iterator[tuple[LocalServerProcess, ServerClient, Site]]:
    """A server, the account that a pool is to use, and the test's own look at it by a key of its own."""
    with LocalServerProcess(folder / "server") as server:
        key = server.ok("POST", "/v1/auth/register", {"email": EMAIL})["api_key"]
        pools = ServerClient(server.url, key)
        with contextlib.closing(Site(server.url, pools.ok("POST", "/v1/auth/keys")["api_key"])) as site:
            yield server, pools, site


def regenerated(pools: ServerClient) -> str:
    """The account's new key; the one that the pool has is dead."""
    answer = pools.ok("POST", "/v1/auth/key/regenerate", headers={"X-Confirm-Destructive": "true"})
    pools.api_key = answer["api_key"]
    return pools.api_key


def shown(key: str) -> str:
    """What the handler `show` says of a key."""
    return f"{hashlib.sha256(key.encode()).hexdigest()}  -\n"


def handlers(folder: Path) -> dict[str, Any]:
    env = {"GO": str(folder / "go"), "RUNS": str(folder / "runs")}
    return {"waiter": {"cmd": WAITER, "env": env}, "show": {"cmd": SHOW, "env": env}}


def change_key(pool: Pool, old: str, new: str) -> None:
    """What somebody does with an editor."""
    text = pool.config.read_text()
    assert old in text
    pool.config.write_text(text.replace(old, new))


def approve_everything(server: ServerClient) -> None:
    for login in server.ok("GET", "/v1/auth/logins")["logins"]:
        assert login["email"] == EMAIL
        server.ok("POST", f"/v1/auth/logins/{login['code']}/approve")


def test_a_pool_waits_for_another_key_and_goes_on_by_itself(tmp_path: Path) -> None:
    with account(tmp_path) as (server, pools, site):
        pool = Pool(tmp_path, handlers(tmp_path), api_base=server.url, api_key=pools.api_key, email=EMAIL)
        with running(pool):
            waiting = site.fire("waiter")
            site.claimed(waiting)
            old = pools.api_key
            new = regenerated(pools)
            # A handler that runs goes on; its report waits. What comes now is claimed by nobody.
            next_one = site.fire("show")
            (tmp_path / "go").touch()
            pool.wait_for_event("report.waiting")
            assert site.get(next_one)["status"] == "pending"
            assert site.get(waiting)["status"] == "delivering"
            change_key(pool, old, new)
            assert site.recorded(next_one)["outcome"]["result"] == shown(new)
            assert site.recorded(waiting)["outcome"]["result"] == "done\n"

            # Nobody changes anything now but the owner, who is asked.
            regenerated(pools)
            last = site.fire("show")
            asked = len(pool.events("login.asked"))
            (line, *_) = pool.wait_for_event("login.asked", asked + 1)[asked:]
            assert EMAIL in line and f"{server.url}/logins/" in line
            before = pool.config.read_text()
            approve_everything(server)
            result = site.recorded(last)["outcome"]["result"]
            until(lambda: pool.leftovers() == SETTLED, "everything is settled")
        approved = json.loads(pool.config.read_text())["api_key"]
        assert approved not in (old, new) and result == shown(approved)
        assert pool.config.read_text() == before.replace(new, approved)
        assert pool.config.stat().st_mode & 0o777 == 0o600
        assert sorted((tmp_path / "runs").read_text().split()) == sorted([waiting, next_one, last])
        log = pool.log.read_text()
        assert not [key for key in (old, new, approved) if key in log]
        assert len(pool.events("account.changed")) == 2


def test_a_pool_that_shall_not_wait_drains_and_says_why(tmp_path: Path) -> None:
    with account(tmp_path) as (server, pools, site):
        pool = Pool(
            *(tmp_path, handlers(tmp_path)),
            api_base=server.url,
            api_key=pools.api_key,
            on_auth_failure="exit",
            email=EMAIL,
        )
        with running(pool):
            waiting = site.fire("waiter")
            site.claimed(waiting)
            old = pools.api_key
            new = regenerated(pools)
            late = site.fire("show")
            (line,) = pool.wait_for_event("account.refused")
            assert str(pool.config) in line and "cueworker login" in line
            # It drains: the handler may finish, and its report waits for the next pool.
            (tmp_path / "go").touch()
            assert pool.process is not None
            assert pool.process.wait(30) == 77
            assert "the API key is refused: draining" in pool.log.read_text()
            assert pool.leftovers() == {**SETTLED, "spool": [f"{waiting}.json"]}
            assert server.ok("GET", "/v1/auth/logins") == {"logins": []}

            change_key(pool, old, new)
            pool.start()
            assert site.recorded(waiting)["outcome"]["result"] == "done\n"
            assert site.recorded(late)["outcome"]["result"] == shown(new)
            assert sorted((tmp_path / "runs").read_text().split()) == sorted([waiting, late])
