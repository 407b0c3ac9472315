"""The key in the server's own directory, which the commands of this machine use."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .discovery import KEY_FILE


class OwnKey:
    """`<state_dir>/api_key`, 0600."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / KEY_FILE

    def read(self) -> str | None:
        """The key, or None when there is none. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            return self._path.read_text("utf-8").strip() or None
        return None

    def write(self, key: str) -> None:
        """Replaces the key in one step: a reader sees the old one or the new one. Raises OSError."""
        partial = self._path.with_name(f".{KEY_FILE}.{os.getpid()}")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(key + "\n")
        partial.replace(self._path)
