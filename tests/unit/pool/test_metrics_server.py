"""The server of metrics and health: real connections, well and badly behaved ones."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from cueworker.pool import Settings
from cueworker.pool.board import SlotState
from cueworker.pool.clock import boottime
from cueworker.pool.counted import DURATION, EXECUTIONS
from cueworker.pool.metrics_server import CONNECTIONS, Answer, MetricsServer, Page, pages_of
from cueworker.pool.settings import Listen
from cueworker.pool.shared import Shared
from cueworker.pool.spool import Spool
from cueworker.pool.tally import OTHER
from cueworker.pool.vitals import Vitals
from support.scrape import OPEN_METRICS, parsed
from support.shared import shared_by
from support.waiting import until

HOSTILE = 'a "task"\\ with\nall that {an="exposition"} must # escape: é'


def plain(_accept: str) -> Answer:
    return Answer(HTTPStatus.OK, "text/plain", b"well\n" * 200_000)


def huge(_accept: str) -> Answer:
    """More than the buffers between two sockets hold."""
    return Answer(HTTPStatus.OK, "text/plain", bytes(32 << 20))


def broken(_accept: str) -> Answer:
    raise ZeroDivisionError


@contextlib.contextmanager
def serving(pages: dict[str, Page], longest: float = 5.0, host: str = "127.0.0.1") -> Iterator[MetricsServer]:
    with MetricsServer(Listen(host, 0), pages, longest) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            until(lambda: not server.connections, "every connection is over")


def at(server: MetricsServer) -> tuple[str, int]:
    parts = urlsplit(server.url)
    return str(parts.hostname), int(parts.port or 0)


def test_pages_are_answered_and_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with serving({"/plain": plain, "/broken": broken}) as server:
        url = server.url.removesuffix("/metrics")
        assert len(requests.get(f"{url}/plain?x=1", timeout=5).content) == 1_000_000
        head = requests.head(f"{url}/plain", timeout=5)
        assert (head.status_code, head.headers["Content-Length"], head.content) == (200, "1000000", b"")
        assert requests.get(f"{url}/", timeout=5).status_code == 404
        assert requests.post(f"{url}/plain", timeout=5).status_code == 501
        failed = requests.get(f"{url}/broken", timeout=5)
        assert (failed.status_code, "log" in failed.text) == (500, True)
        assert requests.get(f"{url}/plain", timeout=5).status_code == 200
    assert any("ZeroDivisionError" in message and "/broken" in message for message in caplog.messages)


def test_a_port_that_is_taken_is_an_error_and_ipv6_works() -> None:
    with serving({"/plain": plain}) as server, pytest.raises(OSError, match="in use"):
        MetricsServer(Listen(*at(server)), {})
    with contextlib.suppress(OSError), serving({"/plain": plain}, host="::1") as server:
        assert server.url.startswith("http://[::1]:")
        assert requests.get(server.url.replace("metrics", "plain"), timeout=5).status_code == 200


def test_only_so_many_connections_are_let_in() -> None:
    with serving({"/plain": plain}, longest=60) as server, contextlib.ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(socket.create_connection(at(server)))
        until(lambda: len(server.connections) == CONNECTIONS, "all are let in")
        with socket.create_connection(at(server)) as one_more, contextlib.suppress(ConnectionError):
            assert one_more.recv(1) == b""
        stack.close()
        until(lambda: not server.connections, "all have left")
        assert len(get(server, "/plain")) == 1_000_000


def test_slow_and_silent_clients_are_cut_off() -> None:
    with (
        serving({"/huge": huge}, longest=0.3) as server,
        socket.create_connection(at(server)) as asking,
        socket.create_connection(at(server)) as reading_nothing,
        socket.create_connection(at(server)) as silent,
    ):
        asking.sendall(b"GET /hu")
        reading_nothing.sendall(b"GET /huge HTTP/1.0\r\n\r\n")
        for cut in (asking, silent):
            cut.settimeout(10)
            with contextlib.suppress(ConnectionError):
                assert cut.recv(1) == b""
        until(lambda: not server.connections, "all are gone")


def get(server: MetricsServer, path: str) -> bytes:
    connection = http.client.HTTPConnection(*at(server), timeout=5)
    connection.request("GET", path)
    try:
        return connection.getresponse().read()
    finally:
        connection.close()


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    with shared_by(3, ["plain", HOSTILE], tmp_path) as made:
        yield made


def test_what_the_pages_say_of_a_pool(shared: Shared) -> None:
    assert Settings.metrics is None, "nothing is served unless somebody asks for it"
    vitals = Vitals(shared, lambda: None)
    vitals.listed(False, 7.0)
    vitals.listed(False, 8.0)
    assert vitals.condition().listing_failed_since == 7.0
    vitals.listed(True, 9.0)
    assert vitals.condition().listing_failed_since is None
    pages = pages_of(shared, vitals, "worker-1")
    shared.tally.row(0).add(EXECUTIONS, "exited", "success", task=HOSTILE)
    shared.tally.row(2).observe(DURATION, 0.3, HOSTILE)
    spool = Spool(shared.state_dir)
    for age, name in ((100, "one"), (50, "two")):
        path = shared.state_dir.spool_entry(name)
        path.write_text("{}")
        os.utime(path, (time.time() - age,) * 2)
    assert len(spool.written()) == 2

    assert pages["/healthz"]("").status == 503
    shared.pulse.beat(boottime())
    assert pages["/healthz"]("").status == 200
    vitals.look(boottime())
    unready = pages["/readyz"]("")
    said = {entry["reason"] for entry in json.loads(unready.body)["reasons"]}
    assert (unready.status, said) == (503, {"no_worker", "server_unreachable"})
    shared.board.set_state(1, SlotState.IDLE, boottime())
    vitals.look(boottime())
    vitals.answered(None)
    assert json.loads(pages["/readyz"]("").body) == {"status": "ready", "reasons": []}

    answer = pages["/metrics"](OPEN_METRICS)
    found = parsed(answer.body.decode())
    assert found.value("cueworker_executions_total", task=HOSTILE, ending="exited", verdict="success") == 1
    assert found.value("cueworker_execution_duration_seconds_bucket", task=HOSTILE, le="0.1") == 0
    for bound in ("0.5", "14400.0", "+Inf"):
        assert found.value("cueworker_execution_duration_seconds_bucket", task=HOSTILE, le=bound) == 1
    assert found.value("cueworker_execution_duration_seconds_sum", task=HOSTILE) == 0.3
    assert OTHER not in found.labels("cueworker_executions_total")["task"]
    assert found.value("cueworker_slots", state="vacant") == 2
    assert found.value("cueworker_spool_reports") == 2
    assert 100 <= found.value("cueworker_spool_oldest_age_seconds") < 160
    assert "cueworker_budget_limit_requests" not in found.names()

    shared.tally.row(0).add(EXECUTIONS, "exited", "success", task="nobody knows")
    found = parsed(pages["/metrics"](OPEN_METRICS).body.decode())
    assert found.value("cueworker_executions_total", task=OTHER) == 1
    text = pages["/metrics"]("text/plain")
    assert text.content_type.startswith("text/plain; version=0.0.4")
    assert b"# EOF" not in text.body
