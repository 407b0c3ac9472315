"""An answer's head and body in one system call: uvicorn writes them one after the other, which costs 5 %."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import Any, Literal

from uvicorn.protocols.http.h11_impl import H11Protocol

_HEAD = b"HTTP/1.1 "


def http_protocol() -> type[H11Protocol] | Literal["auto"]:
    """What uvicorn is to speak HTTP with: this, or httptools where the extra `fast` has brought it."""
    return "auto" if find_spec("httptools") else JoinedProtocol


class JoinedProtocol(H11Protocol):
    """uvicorn's own, on a transport that joins."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected."""
        super().connection_made(_JoinedWrites(transport, self.loop))  # type: ignore[arg-type]


class _JoinedWrites:
    """A transport that holds a head back for what follows it in the same turn of the loop."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held = b""

    def write(self, data: bytes) -> None:
        """Send, or hold."""
        if self._held:
            data, self._held = self._held + data, b""
        elif data.startswith(_HEAD):
            self._held = data
            self._loop.call_soon(self._flush)
            return
        self._transport.write(data)

    def close(self) -> None:
        """Send what is held, and close."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._held:
            held, self._held = self._held, b""
            self._transport.write(held)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)
