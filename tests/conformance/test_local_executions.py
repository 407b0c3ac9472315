"""The local server's execution endpoints: listing, claiming, keeping, waiting, replaying."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from support.local_server import LocalServerProcess, local_account, local_server, shared_local_server
from support.server_client import ServerClient

__all__ = ["local_account", "local_server", "shared_local_server"]
RACED_ROWS = 1000 if os.environ.get("CUEWORKER_SOAK") == "1" else 100


def test_claimable_lists_the_oldest_first_and_filters_before_its_limit(
    local_account: ServerClient,
) -> None:
    crowd = local_account.cue("crowd", payload={"task": "crowd", "agent": "x"})
    odd = local_account.cue("odd", payload={"task": ["not", "a", "string"]})
    mine = local_account.cue("mine", payload={"task": "mine", "agent": "y", "text": "ü€\n"})
    fired = [local_account.fire(crowd) for _ in range(51)]
    local_account.fire(odd)
    wanted = local_account.fire(mine)
    assert [row["execution_id"] for row in local_account.claimable()] == fired[:50]
    (row,) = local_account.claimable("?task=mine")
    assert datetime.fromisoformat(row.pop("scheduled_for"))
    assert row == {
        "execution_id": wanted,
        "cue_id": mine,
        "cue_name": "mine",
        "task": "mine",
        "payload": {"task": "mine", "agent": "y", "text": "ü€\n"},
        "attempt": 0,
    }
    assert [row["task"] for row in local_account.claimable("?agent=y")] == ["mine"]
    assert local_account.claimable("?agent=y&task=crowd") == []
    local_account.ok("DELETE", f"/v1/cues/{crowd}")
    assert [row["task"] for row in local_account.claimable()] == [None, "mine"]


def test_a_claim_is_granted_once_even_to_its_owner(local_account: ServerClient) -> None:
    execution = local_account.fire(local_account.cue())
    path = f"/v1/executions/{execution}/claim"
    assert local_account.ok("POST", path, {"worker_id": "w"}) == {
        "claimed": True, "execution_id": execution, "lease_seconds": 900,
    }  # fmt: skip
    for worker in ("w", "v"):
        again = local_account.call("POST", path, {"worker_id": worker})
        assert (again.status_code, again.json()["error"]["code"]) == (409, "claim_failed")
    missing = local_account.call("POST", "/v1/executions/nothing/claim", {"worker_id": "w"})
    assert missing.status_code == 409
    assert local_account.call("POST", path, {}).status_code == 422
    shown = local_account.execution(execution)
    assert (shown["status"], shown["claimed_by_worker"], shown["attempts"]) == ("delivering", "w", 1)
    assert shown["claimed_at"] == shown["started_at"] == shown["last_attempt_at"] == shown["updated_at"]


def test_claim_next_takes_the_oldest(local_account: ServerClient) -> None:
    cue = local_account.cue()
    fired = [local_account.fire(cue) for _ in range(2)]
    claimed = [
        local_account.ok("POST", "/v1/executions/claim", {"worker_id": "w"})["execution_id"] for _ in fired
    ]
    assert claimed == fired
    assert local_account.call("POST", "/v1/executions/claim", {"worker_id": "w"}).status_code == 409


def test_racing_claimers_get_each_execution_once(local_account: ServerClient) -> None:
    cue = local_account.cue()
    fired = [local_account.fire(cue) for _ in range(RACED_ROWS)]
    start = threading.Barrier(16)

    def claim_all(number: int) -> list[str]:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {local_account.api_key}"
        start.wait()
        granted = []
        for turn, execution in enumerate(fired):
            if number % 2 and turn % 3 == 0:  # some claim blindly, in between
                path, body = "/v1/executions/claim", {"worker_id": f"w{number}"}
            else:
                path, body = f"/v1/executions/{execution}/claim", {"worker_id": f"w{number}"}
            answer = session.post(local_account.url + path, json=body, timeout=30)
            assert answer.status_code in (200, 409)
            if answer.status_code == 200:
                granted.append(answer.json()["execution_id"])
        return granted

    with ThreadPoolExecutor(16) as pool:
        grants = Counter(execution for granted in pool.map(claim_all, range(16)) for execution in granted)
    assert grants == Counter(fired)
    print(f"16 claimers, {RACED_ROWS} rows: {sum(grants.values())} grants, none twice")


def test_a_heartbeat_is_the_owners(local_account: ServerClient) -> None:
    execution = local_account.fire(local_account.cue())
    path = f"/v1/executions/{execution}/heartbeat"
    idle = local_account.call("POST", path)
    assert (idle.status_code, idle.json()["error"]["code"]) == (409, "execution_not_claiming")
    local_account.claim(execution, "w")
    claimed = local_account.execution(execution)["updated_at"]
    beat = local_account.ok("POST", path, headers={"X-Worker-Id": "w"})
    assert (beat["execution_id"], beat["acknowledged"]) == (execution, True)
    left = datetime.fromisoformat(beat["lease_extended_until"]).timestamp() - time.time()
    assert 890 < left <= 900
    assert local_account.execution(execution)["updated_at"] > claimed
    foreign = local_account.call("POST", path, headers={"X-Worker-Id": "v"})
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "not_execution_owner")
    assert local_account.call("POST", path).status_code == 200  # no header, no owner check
    assert local_account.call("POST", "/v1/executions/nothing/heartbeat").status_code == 404


def test_a_waiting_listing_is_woken_by_a_fire_and_by_nothing_else(local_account: ServerClient) -> None:
    cue, other = local_account.cue("a", payload={"task": "a"}), local_account.cue("b", payload={"task": "b"})
    took = []
    for _ in range(5):
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(lambda: (local_account.claimable("?task=a&wait=20"), time.monotonic()))
            local_account.fire(other)  # also gives the listing the time of a round trip to arrive
            local_account.claim(local_account.fire(other))
            assert not held.done()
            fired = time.monotonic()
            execution = local_account.fire(cue)
            rows, woken = held.result(20)
        assert [row["execution_id"] for row in rows] == [execution]
        local_account.claim(execution)
        took.append(woken - fired)
    assert min(took) < 0.25  # generous for a busy machine; polling once a second would not pass


def test_every_waiter_that_matches_is_answered(local_account: ServerClient) -> None:
    cue = local_account.cue()
    with ThreadPoolExecutor(8) as pool:
        held = [pool.submit(local_account.claimable, "?wait=20") for _ in range(8)]
        execution = local_account.fire(cue)
        assert [[row["execution_id"] for row in h.result(20)] for h in held] == [[execution]] * 8


def test_a_wait_ends_empty_and_tells_its_bound(local_account: ServerClient) -> None:
    started = time.monotonic()
    answer = local_account.call("GET", "/v1/executions/claimable?wait=0.3")
    assert (answer.status_code, answer.json()) == (200, {"executions": []})
    assert answer.headers["X-Cueworker-Wait"] == "30"
    assert time.monotonic() - started >= 0.3
    for wrong in ("x", "-1", "nan"):
        assert local_account.call("GET", f"/v1/executions/claimable?wait={wrong}").status_code == 422


def test_clients_that_hang_up_leave_the_server_well(local_server: LocalServerProcess) -> None:
    address = urlsplit(local_server.url)
    request = (
        f"GET /v1/executions/claimable?wait=30 HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"Authorization: Bearer {local_server.api_key}\r\n\r\n"
    )
    for _ in range(20):
        with socket.create_connection((str(address.hostname), address.port or 0)) as connection:
            connection.sendall(request.encode())
    execution = local_server.fire(local_server.cue())
    assert [row["execution_id"] for row in local_server.claimable("?wait=5")] == [execution]
    assert local_server.log == [f"listening on {local_server.url}\n"]


def test_replay_makes_a_new_execution_with_the_same_payload(local_account: ServerClient) -> None:
    execution = local_account.fire(local_account.cue(payload={"a": 1}), payload_override={"b": 2})
    early = local_account.call("POST", f"/v1/executions/{execution}/replay")
    assert (early.status_code, early.json()["error"]["code"]) == (409, "execution_in_flight")
    local_account.claim(execution)
    local_account.ok("POST", f"/v1/executions/{execution}/outcome", {"success": False})
    replay = local_account.ok("POST", f"/v1/executions/{execution}/replay")
    assert (replay["status"], replay["triggered_by"]) == ("pending", "replay")
    assert replay["replayed_from"] == execution
    (row,) = local_account.claimable()
    assert (row["execution_id"], row["payload"], row["attempt"]) == (replay["id"], {"a": 1, "b": 2}, 0)
    assert local_account.call("POST", "/v1/executions/nothing/replay").status_code == 404


def test_executions_can_be_found_by_what_they_are(local_account: ServerClient) -> None:
    cue, other = local_account.cue("a"), local_account.cue("b")
    fired = [local_account.fire(cue) for _ in range(3)]
    local_account.fire(other)
    local_account.claim(fired[0], "w")
    local_account.claim(fired[1], "v")
    local_account.ok("POST", f"/v1/executions/{fired[0]}/outcome", {"success": True})

    def ids(query: str) -> list[str]:
        return [row["id"] for row in local_account.ok("GET", f"/v1/executions?{query}")["executions"]]

    assert ids(f"cue_id={cue}") == fired[::-1]
    assert ids("worker_id=v&status=delivering") == [fired[1]]
    assert ids("worker_id=w&status=delivering") == []
    assert ids("triggered_by=manual_fire&status=success") == [fired[0]]
    assert ids("triggered_by=schedule") == []
    assert ids("worker_id=me&status=delivering") == [fired[1]]
    mine = {"Authorization": f"Bearer {local_account.api_key}", "X-Worker-Id": "w"}
    me = local_account.ok("GET", "/v1/executions?worker_id=me", headers=mine)
    assert [row["id"] for row in me["executions"]] == [fired[0]]
    assert ids("status__in=success,delivering") == [fired[1], fired[0]]
    assert ids("outcome_state=reported_success") == [fired[0]]
    page = local_account.ok("GET", "/v1/executions?limit=3&offset=1")
    assert (len(page["executions"]), page["total"], page["has_more"]) == (3, 4, False)
    claimed_at = local_account.execution(fired[1])["claimed_at"]  # the one claim still held
    assert page["oldest_claimed_at"] == claimed_at
    for wrong in ("status=done", "limit=0", "limit=101", "offset=-1"):
        assert local_account.call("GET", f"/v1/executions?{wrong}").status_code == 422
    assert (
        local_account.call("GET", "/v1/executions/nothing").json()["error"]["code"] == "execution_not_found"
    )


@pytest.mark.timeout(60)
def test_a_lost_lease_goes_to_another_worker(tmp_path: Path) -> None:
    with LocalServerProcess(tmp_path, take_back_after=0.5) as server:
        execution = server.fire(server.cue())
        server.claim(execution, "lost")
        (row,) = server.claimable("?wait=20")
        assert (row["execution_id"], row["attempt"]) == (execution, 1)
        server.claim(execution, "next")
        beat = server.call("POST", f"/v1/executions/{execution}/heartbeat", headers={"X-Worker-Id": "lost"})
        assert beat.status_code == 403
        late = server.ok("POST", f"/v1/executions/{execution}/outcome", {"success": True})
        assert late["outcome_recorded"] is True  # no owner check: fencing is the worker's duty


def test_an_unclaimed_execution_is_missed_and_can_be_replayed(tmp_path: Path) -> None:
    with LocalServerProcess(tmp_path, missed_after=0.2) as server:
        execution = server.fire(server.cue())
        deadline = time.monotonic() + 20
        while server.execution(execution)["status"] != "missed":
            assert time.monotonic() < deadline
        assert server.ok("POST", f"/v1/executions/{execution}/replay")["status"] == "pending"


def test_the_payload_is_untouched_by_its_way_through_the_server(local_account: ServerClient) -> None:
    payload = {"task": "t", "big": 2**70, "float": 0.1, "deep": [[{"": None}]], "text": "𝄞 \u2028 </script>"}
    local_account.fire(local_account.cue(payload=payload))
    (row,) = local_account.claimable()
    assert json.dumps(row["payload"]) == json.dumps(payload)
    assert local_account.execution(row["execution_id"])["payload"] == payload
