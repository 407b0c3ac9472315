"""What became of each execution, one JSON line each, for the person who asks later."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

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


def newest_first(path: Path) -> Iterator[dict[str, Any]]:
    """Every line of the history, the older file included, from the newest on; lines that are none are left out.

    The older file is read only when the newer one is exhausted. Raises OSError if there is a file that cannot be read.
    """
    # Both are opened before either is read: a writer may set the newer one aside meanwhile.
    with contextlib.ExitStack() as stack:
        files = [_open(file) for file in (path, path.with_name(path.name + ".1"))]
        found = [stack.enter_context(file) for file in files if file is not None]
        if len(found) == 2 and os.path.sameopenfile(found[0].fileno(), found[1].fileno()):
            found.pop()
        for file in found:
            yield from _parsed(reversed(file.read().split(b"\n")))


def _open(path: Path) -> BinaryIO | None:
    try:
        return path.open("rb")
    except FileNotFoundError:
        return None


def _parsed(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict) and isinstance(value.get("execution_id"), str):
            yield value
