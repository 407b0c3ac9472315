"""What became of each execution, one JSON line each, for the person who asks later."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from pathlib import Path
from typing import Any

from .append import append

MAX_BYTES = 10 << 20
"""Size at which the file is set aside as `history.jsonl.1`, replacing the one before."""


def record(path: Path, **facts: Any) -> None:
    """Append a line. A history that cannot be written is no reason to lose an outcome: errors are swallowed."""
    line = json.dumps({"time": round(time.time(), 3), **facts}).encode() + b"\n"
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            append(descriptor, line)
            if os.fstat(descriptor).st_size > MAX_BYTES:
                _rotate(path, descriptor)
        finally:
            os.close(descriptor)


def _rotate(path: Path, descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    if os.path.exists(path) and os.path.samestat(os.stat(path), os.fstat(descriptor)):
        path.replace(path.with_name(path.name + ".1"))
