"""A handler's output in bounded memory: the first and the last of it, whatever it writes."""

from __future__ import annotations

import os
from typing import Protocol

HEAD = 2048
TAIL = 6144
"""Bytes kept of each stream: more than any report takes, so that fitting it decides what is shown."""

_CHUNK = 65536


class Kept(Protocol):
    """What takes a stream's bytes and tells afterwards what was kept of them."""

    def add(self, data: bytes) -> None:
        """Take in the next bytes; neither blocks nor raises."""

    def text(self) -> str:
        """What was kept, as text."""


class HeadAndTail:
    """The first `HEAD` and the last `TAIL` bytes of a stream."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._tail = bytearray()
        self._seen = 0

    def add(self, data: bytes) -> None:
        """Take in the next bytes."""
        self._seen += len(data)
        room = HEAD - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        self._tail += data[-TAIL:]
        if len(self._tail) > 2 * TAIL:
            del self._tail[:-TAIL]

    def text(self) -> str:
        """What was kept, as text: undecodable bytes become U+FFFD, a gap is marked with its size."""
        tail = self._tail[-TAIL:]
        cut = self._seen - len(self._head) - len(tail)
        if cut == 0:
            return bytes(self._head + tail).decode("utf-8", "replace")
        head, end = self._head.decode("utf-8", "replace"), tail.decode("utf-8", "replace")
        return f"{head}\n… [{cut:,} bytes cut] …\n{end}"


class Pipe:
    """The read end of one of a handler's output pipes. It owns the descriptor."""

    def __init__(self, descriptor: int, kept: Kept | None = None) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.kept = kept or HeadAndTail()
        self.open = True

    def read(self, chunks: int = 16) -> bool:
        """Take in what is there, at most `chunks` × 64 KiB, and say whether the pipe has ended.

        The bound keeps a handler that writes without end from keeping its worker from its deadlines.
        """
        for _ in range(chunks):
            try:
                data = os.read(self.descriptor, _CHUNK)
            except BlockingIOError:
                return False
            if not data:
                return True
            self.kept.add(data)
        return False

    def close(self) -> None:
        """Close the descriptor; what was kept stays."""
        if self.open:
            self.open = False
            os.close(self.descriptor)


def combined(stdout: str, stderr: str) -> str:
    """Both streams as one text, in PROTOCOL.md's form."""
    if not stderr:
        return stdout
    return f"{stdout}\n--- stderr ---\n{stderr}" if stdout else stderr
