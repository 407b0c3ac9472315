"""A server that answers with scripted raw bytes and then keeps, closes or resets the connection."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

Then = Literal["keep", "close", "reset"]


@dataclass(frozen=True)
class Reply:
    """The bytes to send for one request (none: it hangs), and what becomes of the connection afterwards."""

    raw: bytes
    then: Then = "keep"


@dataclass(frozen=True)
class Request:
    """One received request, and the number of the connection it came on."""

    connection: int
    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def reply(
    status: int = 200, body: object = None, headers: Mapping[str, str] | None = None, then: Then = "keep"
) -> Reply:
    """A well-formed answer; `body` is sent as it is when it is bytes, else as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    fields = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
    head = f"HTTP/1.1 {status} Reason\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return Reply(head.encode() + b"\r\n" + content, then)


class RawServer:
    """Answers the requests with the script's replies, in the order in which they come; then closes."""

    def __init__(self, *script: Reply) -> None:
        self._script = list(script)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._connections: list[socket.socket] = []
        self.requests: list[Request] = []
        self.closed_one = threading.Event()
        """Set once the server has closed a connection by itself."""
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # shutdown wakes accept() and recv() where close alone would leave them waiting
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(5)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):  # closed already
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.append(connection)
                number = len(self._connections)
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            with connection.makefile("rb") as stream:
                while (request := _read(stream, number)) is not None:
                    with self._lock:
                        self.requests.append(request)
                        step = self._script.pop(0) if self._script else Reply(b"", "close")
                    connection.sendall(step.raw)
                    if step.then in {"close", "reset"}:
                        break
                else:
                    return
        except OSError:
            return
        if step.then == "reset":
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
        self.closed_one.set()


def _read(stream: Any, number: int) -> Request | None:
    parts = stream.readline().decode("latin-1").split(" ")
    if len(parts) != 3:
        return None  # the end, or somebody who does not speak HTTP
    method, target, _ = parts
    headers: dict[str, str] = {}
    while (field := stream.readline().decode("latin-1").strip()) != "":
        name, _, value = field.partition(":")
        headers[name.lower()] = value.strip()
    return Request(number, method, target, headers, stream.read(int(headers.get("content-length", 0))))
