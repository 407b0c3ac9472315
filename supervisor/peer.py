"""Who is at the other end of a unix socket, by the kernel's word."""

from __future__ import annotations

import os
import socket
import struct
import sys

_XUCRED = "=IIh"
"""The beginning of macOS's `struct xucred`: version, user id, number of groups."""


def user_of(connection: socket.socket) -> int:
    """The effective user id with which the peer connected. Raises OSError."""
    if sys.platform == "linux":
        content = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
        return int(struct.unpack("iII", content)[1])
    local_peercred, sol_local = 1, 0
    content = connection.getsockopt(sol_local, local_peercred, 76)
    return int(struct.unpack_from(_XUCRED, content)[1])


def may_command(uid: int) -> bool:
    """Whether that user may steer this process's pool: its own user, and root."""
    return uid in (0, os.geteuid())
