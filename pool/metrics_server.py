"""`/metrics`, `/healthz` and `/readyz`, served from threads of the steward.

It must not be a way to harm the pool: one request a connection, few connections at once, each cut off after
`LONGEST` seconds however slowly its peer sends or reads, and an error in here is an answer 500 and a log line.
"""

from __future__ import annotations

import contextlib
import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import CollectorRegistry

from .clock import boottime
from .events import emit
from .exposition import PoolCollector
from .readiness import is_alive, reasons
from .settings import Listen
from .shared import Shared
from .vitals import Vitals

LONGEST = 5.0
"""Seconds that a connection may last."""
CONNECTIONS = 16
"""Connections at once; one more is closed unanswered."""
_LOOK_EVERY = 0.5


class Answer(NamedTuple):
    """What a path is answered with."""

    status: HTTPStatus
    content_type: str
    body: bytes


Page = Callable[[str], Answer]
"""Makes the answer to a GET; the argument is the request's `Accept`."""


class MetricsServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Answers GET and HEAD of a few pages. Raises OSError when it cannot listen."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = CONNECTIONS

    def __init__(self, listen: Listen, pages: Mapping[str, Page], longest: float = LONGEST) -> None:
        self.pages = pages
        self._longest = longest
        self.connections: dict[socket.socket, float] = {}
        """Every connection and when it is cut off. Guarded by `_lock`: the connections' threads leave it."""
        self._lock = threading.Lock()
        found = socket.getaddrinfo(listen.host, listen.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        self.address_family, *_, address = found[0]
        super().__init__((str(address[0]), int(address[1])), _Handler)

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host, port = self.server_address[:2]
        return f"http://{Listen(str(host), int(port))}/metrics"

    def get_request(self) -> tuple[socket.socket, Any]:
        """The next connection. Raises OSError when none can be taken."""
        try:
            return super().get_request()
        except OSError:
            # No descriptor left: the connection stays there to be taken, and must not be asked for without a pause.
            time.sleep(_LOOK_EVERY)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Whether there is room for one more."""
        with self._lock:
            if len(self.connections) >= CONNECTIONS:
                return False
            self.connections[request] = boottime() + self._longest
        return True

    def service_actions(self) -> None:
        """Cut off who takes too long. Called by `serve_forever` at each turn."""
        now = boottime()
        with self._lock:
            for connection, until in self.connections.items():
                if now >= until:
                    with contextlib.suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """The connection is over."""
        with self._lock:
            self.connections.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that went away is no event; what goes wrong in a page is told by the handler."""


class _Handler(BaseHTTPRequestHandler):
    server: MetricsServer
    server_version = "cueworker"
    sys_version = ""

    def do_GET(self) -> None:
        answer = self._answer()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_HEAD = do_GET

    def _answer(self) -> Answer:
        page = self.server.pages.get(self.path.partition("?")[0])
        if page is None:
            return _text(HTTPStatus.NOT_FOUND, "there are /metrics, /healthz and /readyz\n")
        try:
            return page(", ".join(self.headers.get_all("Accept", [])))
        except Exception as error:
            # Whatever it is, the steward's work goes on.
            emit("metrics.failed", path=self.path, reason=repr(error))
            return _text(HTTPStatus.INTERNAL_SERVER_ERROR, "see the pool's log\n")

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are no events."""


def pages_of(shared: Shared, vitals: Vitals, worker_id: str) -> dict[str, Page]:
    """What is served of a pool."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(PoolCollector(shared, vitals, worker_id))

    def metrics(accept: str) -> Answer:
        encode, content_type = choose_encoder(accept)
        return Answer(HTTPStatus.OK, content_type, encode(registry))

    def healthz(_accept: str) -> Answer:
        age = boottime() - shared.pulse.last_beat
        alive = is_alive(vitals.condition(), boottime())
        return _json(
            alive, {"status": "alive" if alive else "stuck", "supervisor_beat_age_seconds": round(age, 1)}
        )

    def readyz(_accept: str) -> Answer:
        why = reasons(vitals.condition(), boottime())
        listed = [{"reason": reason.value, "message": message} for reason, message in why.items()]
        return _json(not why, {"status": "not ready" if why else "ready", "reasons": listed})

    return {"/metrics": metrics, "/healthz": healthz, "/readyz": readyz}


def _text(status: HTTPStatus, text: str) -> Answer:
    return Answer(status, "text/plain; charset=utf-8", text.encode())


def _json(is_good: bool, content: dict[str, Any]) -> Answer:
    status = HTTPStatus.OK if is_good else HTTPStatus.SERVICE_UNAVAILABLE
    return Answer(status, "application/json", json.dumps(content, indent=1).encode() + b"\n")
