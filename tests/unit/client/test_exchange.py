"""What the client makes of raw bytes, resets, silence and refusals, on real sockets."""

from __future__ import annotations

import socket
import threading
import traceback
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from cueworker.client import (
    AnswerLost,
    BadRequest,
    Conflict,
    CueAPI,
    CueAPIError,
    Forbidden,
    MalformedAnswer,
    NotFound,
    RateLimited,
    Redirected,
    RefusedByServer,
    ServerError,
    ServerUnreachable,
    TooLarge,
    Unauthorized,
    Unprocessable,
)
from support.rawserver import RawServer, Reply, reply

KEY = "cue_sk_0123456789abcdef0123456789abcdef"
CLAIMED = {"claimed": True, "execution_id": "e1", "lease_seconds": 900}
RECORDED = {
    "outcome_recorded": True,
    "execution_id": "e1",
    "outcome_state": "reported_success",
    "reason": None,
}


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[object]:
    opened: list[RawServer | CueAPI] = []

    def start(*script: Reply, timeout: float | tuple[float, float] = 5.0) -> tuple[RawServer, CueAPI]:
        server = RawServer(*script)
        client = CueAPI(KEY, server.url, timeout=timeout)
        opened.extend([server, client])
        return server, client

    yield start
    for thing in reversed(opened):
        thing.__exit__(None, None, None)


OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"

NOT_AN_ANSWER = {
    "empty body": reply(200, b""),
    "HTML": reply(200, b"<html>maintenance</html>", {"Content-Type": "text/html"}),
    "half a JSON object": reply(200, b'{"claimed": true, "execu'),
    "a list": reply(200, [CLAIMED]),
    "a string": reply(200, "claimed"),
    "null": reply(200, None),
    "not UTF-8": reply(200, b'{"claimed": true, "x": "\xff"}'),
    "too deep": reply(200, b'{"claimed": true, "x": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "endless digits": reply(200, b'{"claimed": true, "x": ' + b"9" * 5000 + b"}"),
    "cut in the header block": Reply(OK_HEAD + b"Content-Len", "close"),
    "cut after the status line": Reply(b"HTTP/1.1 200 OK\r\n", "close"),
    "claimed is missing": reply(200, {"execution_id": "e1"}),
    "claimed is false": reply(200, {"claimed": False, "execution_id": "e1"}),
    "claimed is not a bool": reply(200, {"claimed": 1, "execution_id": "e1"}),
    "another execution": reply(200, {**CLAIMED, "execution_id": "e2"}),
    "204 where a body is due": Reply(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "switching protocols": Reply(b"HTTP/1.1 101 Switching\r\n\r\n", "close"),
}


@pytest.mark.parametrize("name", NOT_AN_ANSWER)
def test_a_2xx_that_does_not_parse_is_an_error(serve, name):
    _, client = serve(NOT_AN_ANSWER[name])
    with pytest.raises(MalformedAnswer) as caught:
        client.executions.claim("e1", worker_id="w")
    assert caught.value.may_have_been_acted_on


LOST = {
    "closed without a byte": Reply(b"", "close"),
    "reset without a byte": Reply(b"", "reset"),
    "cut in the status line": Reply(b"HTTP/1.1 2", "close"),
    "not HTTP": Reply(b"SSH-2.0-nonsense\r\n", "close"),
    "cut in the body": Reply(OK_HEAD + b'Content-Length: 500\r\n\r\n{"claimed": true', "close"),
    "cut in a chunk": Reply(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n{", "close"),
    "chunks that never end": Reply(OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n", "close"),
    "two content lengths": Reply(OK_HEAD + b"Content-Length: 2, 3\r\n\r\n{}", "close"),
    "silence": Reply(b""),
    "silence after the headers": Reply(OK_HEAD + b"Content-Length: 500\r\n\r\n"),
    "not the gzip it says": reply(200, b'{"claimed": true}', {"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("name", LOST)
def test_a_missing_answer_may_have_been_acted_on(serve, name):
    server, client = serve(LOST[name], timeout=(5.0, 0.3))
    with pytest.raises(AnswerLost) as caught:
        client.executions.claim("e1", worker_id="w")
    assert caught.value.may_have_been_acted_on
    assert len(server.requests) == 1, "a POST must never be sent twice"


def test_an_unreachable_server_is_told_from_a_lost_answer():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for address in (f"http://127.0.0.1:{port}", f"http://{'a' * 64}.invalid", f"https://127.0.0.1:{port}"):
        with CueAPI(KEY, address, timeout=5) as client, pytest.raises(ServerUnreachable) as caught:
            client.executions.claim("e1", worker_id="w")
        assert not caught.value.may_have_been_acted_on
        assert address in str(caught.value)


def test_https_to_a_plain_server_sends_nothing():
    def answer_in_clear() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            received.append(connection.recv(65536))

    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=answer_in_clear)
        server.start()
        client = CueAPI(KEY, f"https://127.0.0.1:{listener.getsockname()[1]}", timeout=5)
        with client, pytest.raises(ServerUnreachable):
            client.health()
        server.join(5)
    assert KEY.encode() not in received[0]


def test_threads_do_not_disturb_each_other_when_one_meets_a_500(serve):
    rounds = 60
    answers = [reply(500, {}), reply(200, {**CLAIMED, **RECORDED})] * rounds
    _, client = serve(*answers)
    seen: list[type[BaseException] | None] = []

    def claim() -> None:
        for _ in range(rounds):
            try:
                client.executions.claim("e1", worker_id="w")
            except CueAPIError as error:
                seen.append(type(error))
            else:
                seen.append(None)

    threads = [threading.Thread(target=claim) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Counter(seen) == {None: rounds, ServerError: rounds}


def test_a_missing_ca_bundle_is_named(monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent/ca.pem")
    client = CueAPI(KEY, "https://127.0.0.1:9", timeout=5)
    with client, pytest.raises(ServerUnreachable, match=r"/nonexistent/ca\.pem"):
        client.health()


REFUSALS = [
    (301, Redirected),
    (307, Redirected),
    (400, BadRequest),
    (401, Unauthorized),
    (403, Forbidden),
    (404, NotFound),
    (405, RefusedByServer),
    (409, Conflict),
    (413, TooLarge),
    (422, Unprocessable),
    (429, RateLimited),
    (500, ServerError),
    (502, ServerError),
    (503, ServerError),
    (504, ServerError),
]


@pytest.mark.parametrize(("status", "kind"), REFUSALS)
def test_each_status_has_its_error(serve, status, kind):
    error = {
        "code": "some_code",
        "message": "some message",
        "status": status,
        "details": [{"field": "body.name", "message": "too long"}, "nonsense"],
    }
    _, client = serve(reply(status, {"error": error}, {"X-Request-Id": "r-1", "Location": "/elsewhere"}))
    with pytest.raises(RefusedByServer) as caught:
        client.executions.report_outcome("e1", success=True)
    said = caught.value
    assert type(said) is kind
    assert (said.status, said.code, said.request_id, said.retry_after) == (status, "some_code", "r-1", None)
    assert said.details == [{"field": "body.name", "message": "too long"}]
    assert "some message" in str(said)
    assert said.may_have_been_acted_on == (status >= 500)


@pytest.mark.parametrize("status", [401, 404, 502, 504])
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>bad gateway</html>", b'{"error": "text"}', b"[]", b"\xff", b'{"error": {"code": 7}}'],
)
def test_a_refusal_without_the_envelope_keeps_its_status(serve, status, body):
    _, client = serve(reply(status, body, {"Content-Type": "text/html"}))
    with pytest.raises(RefusedByServer) as caught:
        client.usage()
    assert (caught.value.status, caught.value.code) == (status, f"http_{status}")
    assert "<html>" not in str(caught.value)


def test_a_redirect_is_not_followed(serve):
    server, client = serve(reply(302, b"", {"Location": "/v1/executions/e1/claim"}), reply(200, CLAIMED))
    with pytest.raises(Redirected, match="/v1/executions/e1/claim"):
        client.executions.claim("e1", worker_id="w")
    assert len(server.requests) == 1


def test_retry_after_in_seconds_and_as_a_date(serve):
    now = 1_700_000_000.0
    _, client = serve(
        reply(429, {}, {"Retry-After": "7"}),
        reply(
            503, {}, {"Retry-After": formatdate(now + 12, usegmt=True), "Date": formatdate(now, usegmt=True)}
        ),
        reply(429, {}, {"Retry-After": "soon"}),
    )
    waits = []
    for _ in range(3):
        with pytest.raises(RefusedByServer) as caught:
            client.usage()
        waits.append(caught.value.retry_after)
    assert waits == [7.0, 12.0, None]


def test_after_a_500_no_kept_connection_is_used(serve):
    # The server leaves this connection open: only the client can decide to leave it alone.
    server, client = serve(reply(500, {}), reply(200, RECORDED))
    with pytest.raises(ServerError):
        client.executions.report_outcome("e1", success=True)
    client.executions.report_outcome("e1", success=True)
    assert [request.connection for request in server.requests] == [1, 2]


def test_connections_are_kept(serve):
    server, client = serve(reply(200, CLAIMED), reply(409, {}), reply(200, RECORDED))
    client.executions.claim("e1", worker_id="w")
    with pytest.raises(Conflict):
        client.executions.claim("e1", worker_id="w")
    client.executions.report_outcome("e1", success=True)
    assert [request.connection for request in server.requests] == [1, 1, 1]


def test_a_kept_connection_that_the_server_closed_costs_no_error(serve):
    server, client = serve(reply(200, CLAIMED, then="close"), reply(200, RECORDED))
    client.executions.claim("e1", worker_id="w")
    assert server.closed_one.wait(5)
    client.executions.report_outcome("e1", success=True)
    assert [request.connection for request in server.requests] == [1, 2]


@pytest.mark.parametrize("then", ["close", "reset"])
def test_a_get_that_is_reset_is_sent_once_more(serve, then):
    server, client = serve(reply(200, {}), Reply(b"", then), reply(200, {"plan": "free"}))
    client.usage()
    assert client.usage() == {"plan": "free"}
    assert len(server.requests) == 3


def test_a_get_is_sent_twice_at_most(serve):
    server, client = serve(Reply(b"", "reset"), Reply(b"", "reset"), reply(200, {}))
    with pytest.raises(AnswerLost):
        client.usage()
    assert len(server.requests) == 2


def test_a_get_that_times_out_is_not_repeated(serve):
    server, client = serve(Reply(b""), reply(200, {}), timeout=(5.0, 0.2))
    with pytest.raises(AnswerLost):
        client.usage()
    assert len(server.requests) == 1


def test_cookies_are_not_sent_back(serve):
    server, client = serve(reply(200, {}, {"Set-Cookie": "a=b"}), reply(200, {}))
    client.usage()
    client.usage()
    assert "cookie" not in server.requests[1].headers


def test_a_netrc_entry_does_not_replace_the_key(serve, tmp_path, monkeypatch):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server, client = serve(reply(200, {}))
    client.usage()
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_proxy_of_the_environment_is_used(monkeypatch):
    with RawServer(reply(200, {"plan": "free"})) as proxy, RawServer(reply(200, {"plan": "pro"})) as server:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.delenv("NO_PROXY", raising=False)
        with CueAPI(KEY, "http://cue.invalid", timeout=5) as client:
            assert client.usage() == {"plan": "free"}
        assert proxy.requests[0].target == "http://cue.invalid/v1/usage"
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        with CueAPI(KEY, server.url, timeout=5) as client:
            assert client.usage() == {"plan": "pro"}
        assert len(proxy.requests) == 1


@pytest.mark.parametrize(
    "step",
    [
        reply(401, {"error": {"code": KEY, "message": f"bad key {KEY}"}}),
        reply(302, b"", {"Location": f"http://x/?key={KEY}"}),
        Reply(b"", "reset"),
        reply(200, KEY),
    ],
)
def test_the_key_is_in_no_message(serve, step):
    _, client = serve(step)
    with pytest.raises(CueAPIError) as caught:
        client.executions.claim("e1", worker_id="w")
    assert KEY not in "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(client)
