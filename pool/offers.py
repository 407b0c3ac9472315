"""Offers of work: one socket pair from the steward to whichever worker reads first.

Competing readers on one SEQPACKET socket read each offer exactly once, and nothing is left locked when a reader is
killed. A payload travels as the descriptor of an unlinked file, since a datagram holds about 200 KB.
"""

from __future__ import annotations

import array
import contextlib
import errno
import json
import os
import socket
import struct
import tempfile
from dataclasses import dataclass
from typing import Any, BinaryIO

from .prctl import IS_LINUX

OFFER_TTL = 5.0
"""Seconds after which an offer is void: its reader drops it, the steward may offer the execution again."""

_KIND = socket.SOCK_SEQPACKET if IS_LINUX else socket.SOCK_DGRAM
# macOS has no SEQPACKET for local sockets; its datagrams do as well, only a burst may find the queue full.
_MAX_DATAGRAM = 65536


@dataclass(frozen=True)
class Offer:
    """An execution that a worker may claim, as the listing showed it."""

    execution_id: str
    cue_id: str
    cue_name: str
    task: str
    offered_at: float
    """`boottime()` seconds."""
    payload: bytes
    """The payload as JSON text in UTF-8: only the listing carries it, the claim's answer does not."""
    scheduled_for: str = ""
    """When it was due: ISO 8601 by the server's clock, as the listing has it; empty if that tells nothing."""

    def is_void(self, now: float) -> bool:
        """Whether the offer has outlived `OFFER_TTL`."""
        return now > self.offered_at + OFFER_TTL


class Offers:
    """The two ends, made by the supervisor before it forks: the steward sends, every worker receives."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, _KIND)
        self._writer.setblocking(False)

    def filenos(self) -> tuple[int, int]:
        """The descriptors that children keep."""
        return self._reader.fileno(), self._writer.fileno()

    def wake_every(self, seconds: float) -> None:
        """Let `receive` return None after that long without an offer, so that its caller can beat.

        The kernel's own time-out is used since a poll before the read would wake every idle worker for each offer.
        """
        timeval = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        self._reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)

    def send(self, offer: Offer) -> bool:
        """Offer an execution; False if the socket is full (nobody reads). Raises OSError if it cannot be passed."""
        head = {
            "execution_id": offer.execution_id,
            "cue_id": offer.cue_id,
            "cue_name": offer.cue_name,
            "task": offer.task,
            "offered_at": offer.offered_at,
            "scheduled_for": offer.scheduled_for,
        }
        with _unlinked_file() as file:
            file.write(offer.payload)
            descriptors = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file.fileno()]))]
            try:
                self._writer.sendmsg([json.dumps(head).encode()], descriptors)
            except BlockingIOError:
                return False
        return True

    def receive(self) -> Offer | None:
        """Wait for an offer; None when the wait timed out. Exceptions that signal handlers raise pass through.

        Raises OSError for an offer that is lost, since this process may not open its payload.
        """
        try:
            data, ancillary, flags, _ = self._reader.recvmsg(
                _MAX_DATAGRAM, socket.CMSG_SPACE(struct.calcsize("i"))
            )
        except (BlockingIOError, InterruptedError):
            return None
        descriptors = array.array("i")
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
        if data and flags & socket.MSG_CTRUNC and not descriptors:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        if not data or len(descriptors) != 1:
            for descriptor in descriptors:
                os.close(descriptor)
            return None
        with os.fdopen(descriptors[0], "rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            payload = os.pread(file.fileno(), size, 0)
        head: dict[str, Any] = json.loads(data)
        return Offer(payload=payload, **head)


def _unlinked_file() -> BinaryIO:
    """A file without a name: in memory where the system has such, else in the temporary folder."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("cueworker-payload"), "w+b", buffering=0)
    return tempfile.TemporaryFile(buffering=0)


class Notices:
    """Small datagrams from workers and the supervisor to the steward; lost ones are only a delay."""

    def __init__(self) -> None:
        self._reader, self._writer = socket.socketpair(socket.AF_UNIX, _KIND)
        self._reader.setblocking(False)
        self._writer.setblocking(False)

    def filenos(self) -> tuple[int, int]:
        """The descriptors that children keep."""
        return self._reader.fileno(), self._writer.fileno()

    def fileno(self) -> int:
        """The readable end, for the steward's selector."""
        return self._reader.fileno()

    def send(self, kind: str, **fields: Any) -> None:
        """Tell the steward; never blocks."""
        with contextlib.suppress(BlockingIOError, OSError):
            self._writer.send(json.dumps({"kind": kind, **fields}).encode())

    def close(self) -> None:
        """Let go of both ends."""
        self._reader.close()
        self._writer.close()

    def drain(self) -> list[dict[str, Any]]:
        """Everything that was said since the last call."""
        said = []
        with contextlib.suppress(BlockingIOError):
            while True:
                said.append(json.loads(self._reader.recv(_MAX_DATAGRAM)))
        return said
