"""What lies beside a spool entry for people: the last refusal, and an operator's wish to have it tried now.

`<entry>.tried` is the courier's word, `<entry>.now` the operator's. Neither decides what happens to a report, both may
be lost: they are written without a sync.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from .state_dir import StateDir, read_json

_TRIED, _NOW = ".tried", ".now"


@dataclass(frozen=True)
class Tried:
    """What came of the attempts so far. Times in epoch seconds."""

    attempts: int
    at: float
    reason: str
    next_at: float
    """When the next one is due; a wish or a recovered server makes it sooner."""


class SpoolNotes:
    """The notes of one spool folder."""

    def __init__(self, state_dir: StateDir) -> None:
        self._state_dir = state_dir

    def failed(self, execution_id: str, reason: str, now: float, next_at: float) -> None:
        """Note an attempt that failed. Never raises."""
        before = self.tried(execution_id)
        tried = Tried(1 if before is None else before.attempts + 1, now, reason, next_at)
        with contextlib.suppress(OSError):
            path = self._beside(execution_id, _TRIED)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            temporary.write_text(json.dumps(asdict(tried)), encoding="utf-8")
            temporary.rename(path)

    def tried(self, execution_id: str) -> Tried | None:
        """What is noted; None if nothing that can be read is."""
        try:
            value = read_json(self._beside(execution_id, _TRIED)) or {}
            return Tried(
                int(value["attempts"]), float(value["at"]), str(value["reason"]), float(value["next_at"])
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget(self, execution_id: str) -> None:
        """The entry has gone. Never raises."""
        with contextlib.suppress(OSError):
            self._beside(execution_id, _TRIED).unlink(missing_ok=True)
            self._beside(execution_id, _NOW).unlink(missing_ok=True)

    def forget_strays(self) -> None:
        """Remove the notes whose entry has gone, which a crash may leave. Never raises."""
        with contextlib.suppress(OSError):
            for path in self._state_dir.spool.iterdir():
                if path.suffix in (_TRIED, _NOW) and not path.with_suffix(".json").exists():
                    path.unlink(missing_ok=True)

    def ask(self, execution_id: str) -> None:
        """Ask the courier to try an entry now. Raises OSError."""
        self._beside(execution_id, _NOW).touch(mode=0o600)

    def is_asked(self, execution_id: str) -> bool:
        """Whether the courier has not taken the wish up yet."""
        return self._beside(execution_id, _NOW).exists()

    def has_wishes(self) -> bool:
        """Whether there are any. Never raises."""
        with contextlib.suppress(OSError):
            return any(name.endswith(_NOW) for name in os.listdir(self._state_dir.spool))
        return False

    def take_wishes(self) -> set[str]:
        """The file names of the entries that are to be tried now; each wish is told once. Raises OSError."""
        with os.scandir(self._state_dir.spool) as found:
            wished = [Path(entry.path) for entry in found if entry.name.endswith(_NOW)]
        for path in wished:
            path.unlink(missing_ok=True)
        return {path.with_suffix(".json").name for path in wished}

    def _beside(self, execution_id: str, suffix: str) -> Path:
        return self._state_dir.spool_entry(execution_id).with_suffix(suffix)
