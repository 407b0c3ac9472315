"""How a running local server is found: `server.json` in its state directory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SERVER_FILE = "server.json"
KEY_FILE = "api_key"
_START_TIME_SLACK = 1.0
"""Seconds by which two readings of a process's start time may differ (the boot time is rounded)."""


@dataclass(frozen=True)
class LocalServer:
    """A local server that is running."""

    url: str
    api_key: str = field(repr=False)
    pid: int = 0


def discover(state_dir: Path) -> LocalServer | None:
    """The server that runs on this state directory, or None: no record, no key, or a record whose process is
    gone (its pid may belong to somebody else by now, so the start time is compared too)."""
    try:
        record = json.loads((state_dir / SERVER_FILE).read_bytes())
        url, pid, start_time = str(record["url"]), int(record["pid"]), float(record["start_time"])
        api_key = (state_dir / KEY_FILE).read_text("utf-8").strip()
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if not api_key or not _runs(pid, start_time):
        return None
    return LocalServer(url=url, api_key=api_key, pid=pid)


def _runs(pid: int, start_time: float) -> bool:
    import psutil

    try:
        process = psutil.Process(pid)
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and abs(process.create_time() - start_time) <= _START_TIME_SLACK
    except (psutil.Error, ValueError):
        return False


def write_server_file(state_dir: Path, record: Mapping[str, Any]) -> None:
    """Writes `server.json` (0600) in one step: a reader sees all of it or nothing. Raises OSError."""
    path = state_dir / SERVER_FILE
    partial = state_dir / f".{SERVER_FILE}.{os.getpid()}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        json.dump(record, file)
    partial.replace(path)
