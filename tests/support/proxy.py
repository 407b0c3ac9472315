"""A proxy between a pool and its server that does to each request what the test's rule says.

A request that no fault is chosen for passes as it is. Beside what the pool was told, `exchanges` also says
what the server did: "recorded exactly once" is counted there.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from support.faults import (
    Answer,
    AnswerLost,
    BlackHole,
    CutBody,
    CutHeaders,
    Fault,
    Request,
    Reset,
    Rewrite,
    Rule,
    Slow,
    page,
)

_HOP_BY_HOP = {"connection", "keep-alive", "content-length", "transfer-encoding"}
_LOOK_EVERY = 0.02
_JOIN_WITHIN = 10.0


@dataclass
class Exchange:
    """A request and what came of it. Written by the thread of its connection."""

    request: Request
    upstream: int | None = None
    """The status with which the server answered; None: not yet, or it never got the request."""
    sent: int | None = None
    """The status that was sent to the pool, in part at least; None: not yet, or nothing was."""


class FaultProxy:
    """One port before one server. The rule may be replaced at any time; the connections' threads run it."""

    def __init__(self, upstream_url: str) -> None:
        self.rule: Rule | None = None
        self.exchanges: list[Exchange] = []
        """Every request in the order of arrival."""
        self._upstream = urlsplit(upstream_url)
        self._clients: set[socket.socket] = set()
        self._upstreams: set[socket.socket] = set()
        self._holes: set[threading.Event] = set()
        self._lock = threading.Lock()
        """Guards the three sets: they belong to all threads."""
        self._closing = threading.Event()
        self._defects: list[BaseException] = []
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._acceptor = self._accept()

    # For the test.

    def of(self, action: str, execution_id: str | None = None) -> list[Exchange]:
        """The exchanges of an action so far, of one execution if one is given."""
        return [
            exchange
            for exchange in list(self.exchanges)
            if exchange.request.action == action and execution_id in (None, exchange.request.execution_id)
        ]

    def refuse(self) -> None:
        """The server is down: connections break, and new ones are refused. The port stays this proxy's."""
        self._stop_accepting()
        # Out of its listening state, but still bound: nobody else can get the port meanwhile.
        self._server.socket.shutdown(socket.SHUT_RD)
        # What the server is at it finishes, so that `exchanges` stays the truth.
        self._shut(self._clients)

    def admit(self) -> None:
        """The server is there again."""
        self._server.server_activate()
        self._acceptor = self._accept()

    def clear(self) -> None:
        """From now on everything passes, also what a black hole holds."""
        self.rule = None
        with self._lock:
            for released in self._holes:
                released.set()

    def close(self) -> None:
        """Close everything and wait for the threads. Fails if a rule, or the proxy itself, has failed."""
        self._closing.set()
        self._stop_accepting()
        self._shut(self._clients)
        self._shut(self._upstreams)
        self._server.server_close()
        assert not self._defects, f"in the proxy: {self._defects!r}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # For its threads.

    def _accept(self) -> threading.Thread:
        thread = threading.Thread(target=self._server.serve_forever, args=(_LOOK_EVERY,), name="proxy")
        thread.start()
        return thread

    def _stop_accepting(self) -> None:
        if self._acceptor.is_alive():
            self._server.shutdown()
            self._acceptor.join(_JOIN_WITHIN)

    def _shut(self, connections: set[socket.socket]) -> None:
        with self._lock:
            for connection in connections:
                with contextlib.suppress(OSError):  # its peer closed it first
                    connection.shutdown(socket.SHUT_RDWR)

    @contextlib.contextmanager
    def _tracked(self, connection: socket.socket, among: set[socket.socket]) -> Iterator[None]:
        with self._lock:
            among.add(connection)
        try:
            # `close` shuts the connections that it sees; a later one is not even begun.
            if self._closing.is_set():
                raise ConnectionAbortedError
            yield
        finally:
            with self._lock:
                among.discard(connection)

    def _wait_in(self, hole: BlackHole) -> bool:
        """Whether the hole was released; False: the proxy closes."""
        with self._lock:
            self._holes.add(hole.released)
        while not hole.released.wait(_LOOK_EVERY):
            if self._closing.is_set():
                return False
        return True

    def _forward(self, request: Request) -> Answer | None:
        """The server's answer; None if there is none."""
        connection = http.client.HTTPConnection(str(self._upstream.hostname), self._upstream.port)
        headers = {name: value for name, value in request.headers.items() if name not in _HOP_BY_HOP}
        headers["connection"] = "close"
        try:
            connection.connect()
            with self._tracked(connection.sock, self._upstreams):
                connection.request(request.method, request.target, request.body, headers)
                with connection.getresponse() as response:
                    kept = {k: v for k, v in response.getheaders() if k.lower() not in _HOP_BY_HOP}
                    # The server closes its connection after a 500 (PROTOCOL), and so does this one.
                    return Answer(response.status, kept, response.read(), response.status >= 500)
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that `server_close` waits for them
    request_queue_size = 128

    def __init__(self, proxy: FaultProxy) -> None:
        self.proxy = proxy
        super().__init__(("127.0.0.1", 0), _Connection)

    def server_bind(self) -> None:
        """Bind a free port, by its number: only such a port stays the socket's when it stops listening."""
        with socket.socket() as finder:
            finder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            finder.bind(self.server_address)
            self.server_address = finder.getsockname()
            TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exception()
        # Broken connections are what the proxy is for; anything else is a defect of the test.
        if error is not None and not isinstance(error, OSError):
            self.proxy._defects.append(error)


class _Connection(BaseHTTPRequestHandler):
    """One of the pool's connections; its requests come one after the other."""

    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self) -> None:
        proxy = self.server.proxy
        with proxy._tracked(self.connection, proxy._clients):
            super().handle()

    def log_message(self, format: str, *args: object) -> None:
        """The exchanges are the log."""

    def _serve(self) -> None:
        proxy = self.server.proxy
        request = Request(
            at=time.monotonic(),
            method=self.command,
            target=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
        )
        exchange = Exchange(request)
        proxy.exchanges.append(exchange)
        rule = proxy.rule
        self._play(exchange, None if rule is None else rule(request))

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _serve

    def _play(self, exchange: Exchange, fault: Fault | None) -> None:
        match fault:
            case None:
                self._send(exchange, self._forwarded(exchange))
            case Answer():
                self._send(exchange, fault)
            case Rewrite(change):
                self._send(exchange, change(self._forwarded(exchange)))
            case Slow(seconds):
                self.server.proxy._closing.wait(seconds)
                self._send(exchange, self._forwarded(exchange))
            case BlackHole():
                if self.server.proxy._wait_in(fault) and self._is_waited_for():
                    self._send(exchange, self._forwarded(exchange))
                else:
                    self.close_connection = True
            case Reset():
                self._reset()
            case AnswerLost():
                self._forwarded(exchange)
                self.close_connection = True
            case CutHeaders():
                head = self._forwarded(exchange).head()
                self._send_part(exchange, head[: len(head) // 2])
            case CutBody():
                answer = self._forwarded(exchange)
                self._send_part(exchange, answer.head() + answer.body[: len(answer.body) // 2])

    def _forwarded(self, exchange: Exchange) -> Answer:
        """The server's answer, or what a gateway says if there is none."""
        answer = self.server.proxy._forward(exchange.request)
        if answer is None:
            return page(502)
        exchange.upstream = answer.status
        return answer

    def _send(self, exchange: Exchange, answer: Answer) -> None:
        self.close_connection = self.close_connection or answer.then_close
        self.wfile.write(answer.head() + answer.body)
        exchange.sent = answer.status

    def _send_part(self, exchange: Exchange, part: bytes) -> None:
        self.close_connection = True
        self.wfile.write(part)
        exchange.sent = exchange.upstream

    def _is_waited_for(self) -> bool:
        try:
            return bool(self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True

    def _reset(self) -> None:
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Before socketserver closes it in its own, polite way.
        self.connection.close()
