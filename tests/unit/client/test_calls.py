"""What each call puts on the wire, and what it insists on in the answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from urllib.parse import parse_qs, urlsplit

import pytest
from cueworker.client import AnswerLost, Conflict, CueAPI, MalformedAnswer
from cueworker.outcome import Report
from support.rawserver import RawServer, Reply, reply

KEY = "cue_sk_0123456789abcdef0123456789abcdef"
ACKNOWLEDGED = {"acknowledged": True}
CLAIMED = {"claimed": True, "lease_seconds": 900}
RECORDED = {"outcome_recorded": True}
MOMENT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))

# name: (the call, method, target, body or None for none, answer)
CALLS = {
    "create recurring": (
        lambda c: c.cues.create("n", cron="0 9 * * *", timezone="Europe/Riga", payload={"task": "t"}),
        "POST",
        "/v1/cues",
        {
            "name": "n",
            "schedule": {"type": "recurring", "cron": "0 9 * * *", "timezone": "Europe/Riga"},
            "transport": "worker",
            "payload": {"task": "t"},
        },
        {},
    ),
    "create once": (
        lambda c: c.cues.create("n", at=MOMENT, description="d", retry={"max_attempts": 1}),
        "POST",
        "/v1/cues",
        {
            "name": "n",
            "schedule": {"type": "once", "at": "2030-01-02T03:04:05+02:00", "timezone": "UTC"},
            "transport": "worker",
            "description": "d",
            "retry": {"max_attempts": 1},
        },
        {},
    ),
    "create by schedule": (
        lambda c: c.cues.create(
            "n",
            schedule={"type": "once", "at": "2030-01-01T00:00:00Z"},
            transport="webhook",
            callback={"url": "https://example.org"},
            on_failure={"pause": True},
            verification={"mode": "manual"},
        ),
        "POST",
        "/v1/cues",
        {
            "name": "n",
            "schedule": {"type": "once", "at": "2030-01-01T00:00:00Z"},
            "transport": "webhook",
            "callback": {"url": "https://example.org"},
            "on_failure": {"pause": True},
            "verification": {"mode": "manual"},
        },
        {},
    ),
    "list cues": (lambda c: c.cues.list(), "GET", "/v1/cues", None, {"cues": []}),
    "list some cues": (
        lambda c: c.cues.list(status="paused", limit=5, offset=0),
        "GET",
        "/v1/cues?status=paused&limit=5&offset=0",
        None,
        {"cues": []},
    ),
    "get cue": (lambda c: c.cues.get("cue_1"), "GET", "/v1/cues/cue_1", None, {}),
    "get a hostile cue": (lambda c: c.cues.get("a/../b?c#d"), "GET", "/v1/cues/a%2F..%2Fb%3Fc%23d", None, {}),
    "update cue": (
        lambda c: c.cues.update("cue_1", name="m", description=None),
        "PATCH",
        "/v1/cues/cue_1",
        {"name": "m", "description": None},
        {},
    ),
    "pause": (lambda c: c.cues.pause("cue_1"), "PATCH", "/v1/cues/cue_1", {"status": "paused"}, {}),
    "resume": (lambda c: c.cues.resume("cue_1"), "PATCH", "/v1/cues/cue_1", {"status": "active"}, {}),
    "fire": (lambda c: c.cues.fire("cue_1"), "POST", "/v1/cues/cue_1/fire", {}, {}),
    "fire with all": (
        lambda c: c.cues.fire("cue_1", {"a": 1}, "replace", datetime(2030, 1, 1, tzinfo=UTC), "k"),
        "POST",
        "/v1/cues/cue_1/fire",
        {
            "payload_override": {"a": 1},
            "merge_strategy": "replace",
            "send_at": "2030-01-01T00:00:00+00:00",
            "idempotency_key": "k",
        },
        {},
    ),
    "claim": (
        lambda c: c.executions.claim("e1", worker_id="w 1"),
        "POST",
        "/v1/executions/e1/claim",
        {"worker_id": "w 1"},
        CLAIMED,
    ),
    "claim next": (
        lambda c: c.executions.claim_next(worker_id="w"),
        "POST",
        "/v1/executions/claim",
        {"worker_id": "w"},
        {**CLAIMED, "execution_id": "e1"},
    ),
    "heartbeat": (
        lambda c: c.executions.heartbeat("e1", worker_id="w"),
        "POST",
        "/v1/executions/e1/heartbeat",
        None,
        ACKNOWLEDGED,
    ),
    "outcome": (
        lambda c: c.executions.report_outcome("e1", success=False, error="é", metadata={}),
        "POST",
        "/v1/executions/e1/outcome",
        {"success": False, "error": "é", "metadata": {}},
        RECORDED,
    ),
    "report": (
        lambda c: c.executions.report("e1", Report(success=True, result="r", artifacts=[1])),
        "POST",
        "/v1/executions/e1/outcome",
        {"success": True, "result": "r", "artifacts": [1]},
        RECORDED,
    ),
    "list executions": (
        lambda c: c.executions.list(worker_id="me", status="delivering", status_in=["a", "b"], limit=1),
        "GET",
        "/v1/executions?status=delivering&status__in=a%2Cb&worker_id=me&limit=1",
        None,
        {"executions": []},
    ),
    "get execution": (lambda c: c.executions.get("e1"), "GET", "/v1/executions/e1", None, {}),
    "replay": (lambda c: c.executions.replay("e1"), "POST", "/v1/executions/e1/replay", None, {}),
    "verify": (lambda c: c.executions.verify("e1"), "POST", "/v1/executions/e1/verify", {}, {}),
    "reject": (
        lambda c: c.executions.verify("e1", valid=False, reason="no"),
        "POST",
        "/v1/executions/e1/verify",
        {"valid": False, "reason": "no"},
        {},
    ),
    "verification pending": (
        lambda c: c.executions.verification_pending("e1"),
        "POST",
        "/v1/executions/e1/verification-pending",
        None,
        {},
    ),
    "evidence": (
        lambda c: c.executions.evidence("e1", external_id="x"),
        "PATCH",
        "/v1/executions/e1/evidence",
        {"external_id": "x"},
        {},
    ),
    "worker heartbeat": (
        lambda c: c.workers.heartbeat("w"),
        "POST",
        "/v1/worker/heartbeat",
        {"worker_id": "w"},
        ACKNOWLEDGED,
    ),
    "worker heartbeat with handlers": (
        lambda c: c.workers.heartbeat("w", ("a", "b")),
        "POST",
        "/v1/worker/heartbeat",
        {"worker_id": "w", "handlers": ["a", "b"]},
        ACKNOWLEDGED,
    ),
    "list workers": (lambda c: c.workers.list(), "GET", "/v1/workers", None, {"workers": []}),
    "health": (lambda c: c.health(), "GET", "/health", None, {}),
    "usage": (lambda c: c.usage(), "GET", "/v1/usage", None, {}),
    "alerts": (lambda c: c.alerts(), "GET", "/v1/alerts", None, {}),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_is_sent(name):
    call, method, target, body, answer = CALLS[name]
    with RawServer(reply(200, answer)) as server, CueAPI(KEY, server.url, timeout=5) as client:
        assert call(client) == answer
        (request,) = server.requests
    assert (request.method, request.target) == (method, target)
    assert (request.json if request.body else None) == body
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers.get("content-type") == (None if body is None else "application/json")


@pytest.mark.parametrize(
    "raw", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]
)
def test_a_delete_needs_no_body(raw):
    with RawServer(Reply(raw), Reply(raw)) as server, CueAPI(KEY, server.url, timeout=5) as client:
        client.cues.delete("cue_1")
        client.workers.delete("my worker")
        assert [(r.method, r.target) for r in server.requests] == [
            ("DELETE", "/v1/cues/cue_1"),
            ("DELETE", "/v1/workers/my%20worker"),
        ]


def test_the_owner_goes_along_with_a_lease_heartbeat():
    with RawServer(reply(200, ACKNOWLEDGED)) as server, CueAPI(KEY, server.url, timeout=5) as client:
        client.executions.heartbeat("e1", worker_id="my worker")
        assert server.requests[0].headers["x-worker-id"] == "my worker"


CONFIRMATIONS = {
    "outcome": lambda c: c.executions.report_outcome("e1", success=True),
    "report": lambda c: c.executions.report("e1", Report(success=True)),
    "lease heartbeat": lambda c: c.executions.heartbeat("e1", worker_id="w"),
    "worker heartbeat": lambda c: c.workers.heartbeat("w"),
    "claim next": lambda c: c.executions.claim_next(worker_id="w"),
    "listing": lambda c: c.executions.list_claimable(),
}


@pytest.mark.parametrize("name", CONFIRMATIONS)
@pytest.mark.parametrize("answer", [{}, {"acknowledged": False, "outcome_recorded": "true", "claimed": True}])
def test_an_answer_must_say_that_it_was_done(name, answer):
    with (
        RawServer(reply(200, answer)) as server,
        CueAPI(KEY, server.url, timeout=5) as client,
        pytest.raises(MalformedAnswer),
    ):
        CONFIRMATIONS[name](client)


def test_a_malformed_row_does_not_hide_the_others():
    rows = [None, {}, {"execution_id": 7}, {"execution_id": ""}, {"execution_id": "e1", "attempt": 0}, "e2"]
    with RawServer(reply(200, {"executions": rows})) as server, CueAPI(KEY, server.url, timeout=5) as client:
        assert client.executions.list_claimable(task="a b", agent="x") == [
            {"execution_id": "e1", "attempt": 0}
        ]
        query = parse_qs(urlsplit(server.requests[0].target).query)
        assert query == {"task": ["a b"], "agent": ["x"]}


def test_whether_the_server_waits_is_read_from_each_listing():
    answers = [
        reply(200, {"executions": []}, {"X-Cueworker-Wait": "30"}),
        reply(200, {"executions": []}),
        reply(200, {"executions": []}, {"X-Cueworker-Wait": "nan"}),
        reply(200, {"executions": []}, {"X-Cueworker-Wait": "0"}),
    ]
    with RawServer(*answers) as server, CueAPI(KEY, server.url, timeout=5) as client:
        seen = [client.executions.max_wait]
        for _ in answers:
            client.executions.list_claimable()
            seen.append(client.executions.max_wait)
    assert seen == [None, 30.0, None, None, None]


def test_a_waiting_listing_outlives_the_read_timeout():
    # 0.2 s for a read would cut it; the wait that was asked for is added.
    hang = Reply(b"")
    with RawServer(hang, hang) as server, CueAPI(KEY, server.url, timeout=(5, 0.2)) as client:
        with pytest.raises(AnswerLost, match=r"read timeout=0\.7"):
            client.executions.list_claimable(wait=0.5)
        assert server.requests[0].target == "/v1/executions/claimable?wait=0.5"
        with pytest.raises(AnswerLost, match=r"read timeout=0\.2"):
            client.executions.list_claimable()


def test_claim_next_of_a_task_takes_the_oldest_that_it_can_get():
    rows = {"executions": [{"execution_id": "e1"}, {"execution_id": "e2"}, {"execution_id": "e3"}]}
    won = {**CLAIMED, "execution_id": "e2"}
    with RawServer(reply(200, rows), reply(409, {}), reply(200, won)) as server:
        with CueAPI(KEY, server.url, timeout=5) as client:
            assert client.executions.claim_next(worker_id="w", task="t") == won
        assert [request.target for request in server.requests] == [
            "/v1/executions/claimable?task=t",
            "/v1/executions/e1/claim",
            "/v1/executions/e2/claim",
        ]


@pytest.mark.parametrize("rows", [[], [{"execution_id": "e1"}]])
def test_claim_next_of_a_task_without_work(rows):
    listing = reply(200, {"executions": rows})
    with RawServer(listing, reply(409, {})) as server, CueAPI(KEY, server.url, timeout=5) as client:
        answer = client.executions.claim_next(worker_id="w", task="t")
    assert answer == {"claimed": False, "reason": "no_executions_for_task", "task": "t"}


def test_claim_next_without_work():
    nothing = {"claimed": False}
    with (
        RawServer(reply(200, nothing), reply(409, {})) as server,
        CueAPI(KEY, server.url, timeout=5) as client,
    ):
        assert client.executions.claim_next(worker_id="w") == nothing
        with pytest.raises(Conflict):
            client.executions.claim_next(worker_id="w")


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/"])
@pytest.mark.parametrize("prefix", ["", "/api"])
def test_the_address_may_end_in_v1_or_a_slash(prefix, suffix):
    with RawServer(reply(200, {})) as server:
        with CueAPI(KEY, server.url + prefix + suffix, timeout=5) as client:
            client.usage()
        assert server.requests[0].target == f"{prefix}/v1/usage"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "api.cueapi.ai",
        "ftp://x",
        "http://",
        "http://me:secret@x",
        "http://x?y",
        "http://x#y",
        "http://x:y",
        "http://a b",
    ],
)
def test_an_address_that_cannot_be_used(address):
    with pytest.raises(ValueError, match="base URL"):
        CueAPI(KEY, address)


@pytest.mark.parametrize("key", ["", " ", "a\nb", "cue_sk_é", "cue_sk_0\n"])
def test_a_key_that_cannot_be_used_is_not_repeated(key):
    with pytest.raises(ValueError, match="API key") as caught:
        CueAPI(key, "http://127.0.0.1:9")
    assert not key.strip() or key not in str(caught.value)


BAD_ARGUMENTS = {
    "no schedule": lambda c: c.cues.create("n"),
    "two schedules": lambda c: c.cues.create("n", cron="* * * * *", at="2030-01-01T00:00:00Z"),
    "no time zone": lambda c: c.cues.create("n", at=datetime(2030, 1, 1)),  # noqa: DTZ001
    "empty id": lambda c: c.cues.delete(""),
    "another path": lambda c: c.cues.delete(".."),
    "no worker": lambda c: c.executions.claim("e1", worker_id=""),
    "a header of its own": lambda c: c.executions.heartbeat("e1", worker_id="w\r\nX-Other: 1"),
    "not ASCII": lambda c: c.workers.heartbeat("wörker"),
    "too long": lambda c: c.workers.heartbeat("w" * 256),
    "NaN": lambda c: c.executions.report_outcome("e1", success=True, metadata={"x": float("nan")}),
}


@pytest.mark.parametrize("name", BAD_ARGUMENTS)
def test_nothing_is_sent_for_arguments_that_cannot_pass(name):
    with RawServer() as server, CueAPI(KEY, server.url, timeout=5) as client:
        with pytest.raises(ValueError):
            BAD_ARGUMENTS[name](client)
        assert server.requests == []
