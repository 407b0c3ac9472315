"""The control socket: how commands reach a running pool, from the supervisor's one loop and never keeping it.

One connection carries one request, a JSON line, and one answer, another. Nothing here blocks: a client that has not
said its request, or not read its answer, within `PATIENCE` is dropped. What requests do is in `control_commands.py`.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..pool.events import emit
from .control_path import address_of
from .peer import may_command, user_of

Answer = dict[str, Any]

LONGEST_REQUEST = 4096
"""Bytes of a request line."""
MOST_CLIENTS = 32
"""Connections at a time."""
BACKLOG = 128
"""Connections that wait in the kernel meanwhile; whoever comes then has to try again."""
PATIENCE = 5.0
"""Seconds that a client has from its connection to the last byte of its answer."""
RETRY = 5.0
"""Seconds until a socket that cannot be made, or a connection that cannot be taken, is tried again."""
_CHUNK = 65536


@dataclass(eq=False)
class _Client:
    connection: socket.socket
    until: float
    said: bytearray = field(default_factory=bytearray)
    answer: bytes = b""
    """What is still to be sent."""


class ControlSocket:
    """The listening socket at `path` and its clients. Times are `boottime()` seconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._listener: socket.socket | None = None
        self._file: tuple[int, int] | None = None
        self._clients: dict[int, _Client] = {}
        self._told = ""
        """Why there is no socket, as it was last said."""
        self._open_from = 0.0
        self._accept_from = 0.0

    def keep(self, now: float) -> None:
        """Listen, at first and again when the socket's file has been removed; whatever lay there before goes.

        Only for the holder of the state directory's lock. A socket that cannot be made is an event, and tried again.
        """
        if now < self._open_from or (self._listener is not None and self._file == _identity(self._path)):
            return
        self._close_listener()
        try:
            self._listen()
        except OSError as error:
            self._close_listener()
            self._open_from = now + RETRY
            reason = error.strerror or str(error)
            if reason != self._told:
                emit("control.unusable", path=self._path, reason=reason)
            self._told = reason

    def _listen(self) -> None:
        self._path.unlink(missing_ok=True)
        listener = self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.setblocking(False)
        # The mask rather than a chmod afterwards: nobody else may connect in between.
        mask = os.umask(0o177)
        try:
            with address_of(self._path) as address:
                listener.bind(address)
        finally:
            os.umask(mask)
        listener.listen(BACKLOG)
        self._file = _identity(self._path)
        self._told = ""

    def interests(self, now: float) -> dict[int, int]:
        """What to poll: descriptors, each with its events."""
        interests = {
            descriptor: select.POLLOUT if client.answer else select.POLLIN
            for descriptor, client in self._clients.items()
        }
        if self._listener is not None and len(self._clients) < MOST_CLIENTS and now >= self._accept_from:
            interests[self._listener.fileno()] = select.POLLIN
        return interests

    def serve(self, ready: Iterable[int], now: float, answer: Callable[[bytes], Answer]) -> None:
        """Go on with what polled ready, and drop who is too slow. `answer` makes a request line's answer."""
        for descriptor in ready:
            client = self._clients.get(descriptor)
            if client is not None:
                self._go_on(client, answer)
            elif self._listener is not None and descriptor == self._listener.fileno():
                self._accept(now, answer)
        for client in [client for client in self._clients.values() if now >= client.until]:
            self._drop(client)

    def close(self) -> None:
        """Drop every client and remove the socket."""
        for client in list(self._clients.values()):
            self._drop(client)
        if self._listener is not None and self._file == _identity(self._path):
            with contextlib.suppress(OSError):
                self._path.unlink()
        self._close_listener()

    def _accept(self, now: float, answer: Callable[[bytes], Answer]) -> None:
        assert self._listener is not None
        while len(self._clients) < MOST_CLIENTS:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.ECONNABORTED):
                    # No descriptor left: polling the listener would spin until there is one.
                    self._accept_from = now + RETRY
                return
            connection.setblocking(False)
            client = _Client(connection, now + PATIENCE)
            self._clients[connection.fileno()] = client
            self._check_user(client)
            # Most have sent their request by now.
            self._go_on(client, answer)

    def _check_user(self, client: _Client) -> None:
        try:
            uid = user_of(client.connection)
        except OSError:
            self._drop(client)
            return
        if not may_command(uid):
            emit("control.refused", uid=uid)
            client.answer = _line(
                failure("forbidden", "this pool takes commands from its own user and root only")
            )

    def _go_on(self, client: _Client, answer: Callable[[bytes], Answer]) -> None:
        if client.connection.fileno() < 0:
            return
        try:
            if not client.answer:
                self._read(client, answer)
            if client.answer:
                client.answer = client.answer[client.connection.send(client.answer) :]
                if not client.answer:
                    self._drop(client)
        except BlockingIOError:
            return
        except OSError:
            self._drop(client)

    def _read(self, client: _Client, answer: Callable[[bytes], Answer]) -> None:
        """Read up to the end of the line, and have it answered. Raises OSError."""
        received = client.connection.recv(_CHUNK)
        client.said += received
        line, end, _ = client.said.partition(b"\n")
        if len(line) > LONGEST_REQUEST:
            client.answer = _line(
                failure("bad_request", f"a request is one JSON line of at most {LONGEST_REQUEST} bytes")
            )
        elif end:
            client.answer = _line(_answered(bytes(line), answer))
        elif not received:
            self._drop(client)

    def _drop(self, client: _Client) -> None:
        if self._clients.pop(client.connection.fileno(), None) is not None:
            client.connection.close()

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = self._file = None


def failure(code: str, error: str) -> Answer:
    """The answer to a request that is not granted: `code` for programs, `error` for people."""
    return {"ok": False, "code": code, "error": error}


def _answered(line: bytes, answer: Callable[[bytes], Answer]) -> Answer:
    try:
        return answer(line)
    except Exception as error:
        # Whatever it is: a request must not end the pool.
        emit("control.failed", reason=repr(error))
        return failure("internal", f"the pool met an error: {error!r}; its log may say more")


def _line(answer: Answer) -> bytes:
    return json.dumps(answer).encode() + b"\n"


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
