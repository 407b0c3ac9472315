"""What is said about spool entries for people: the last refusal, and an operator's wish to have one tried now.

`spool-notes/<entry>.tried` is the courier's word, `<entry>.now` the operator's. Neither decides what happens to a
report, both may be lost: they are written without a sync.
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
    """The notes on one pool's spool. Their folder is made when there is something to say."""

    def __init__(self, state_dir: StateDir) -> None:
        self._state_dir = state_dir
        self._folder = state_dir.root / "spool-notes"

    def failed(self, execution_id: str, reason: str, now: float, next_at: float) -> None:
        """Note an attempt that failed. Never raises."""
        before = self.tried(execution_id)
        tried = Tried(1 if before is None else before.attempts + 1, now, reason, next_at)
        with contextlib.suppress(OSError):
            path = self._note(execution_id, _TRIED)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            temporary = path.with_name(f".{path.name}.{os.getpid()}")
            temporary.write_text(json.dumps(asdict(tried)), encoding="utf-8")
            temporary.rename(path)

    def tried(self, execution_id: str) -> Tried | None:
        """What is noted; None if nothing that can be read is."""
        try:
            value = read_json(self._note(execution_id, _TRIED)) or {}
            return Tried(
                int(value["attempts"]), float(value["at"]), str(value["reason"]), float(value["next_at"])
            )
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def forget(self, execution_id: str) -> None:
        """The entry has gone. Never raises."""
        with contextlib.suppress(OSError):
            self._note(execution_id, _TRIED).unlink(missing_ok=True)
            self._note(execution_id, _NOW).unlink(missing_ok=True)

    def forget_strays(self) -> None:
        """Remove the notes whose entry has gone, which a crash may leave. Never raises."""
        with contextlib.suppress(OSError):
            for path in self._folder.iterdir():
                if not (self._state_dir.spool / path.with_suffix(".json").name).exists():
                    path.unlink(missing_ok=True)

    def ask(self, execution_id: str) -> None:
        """Ask the courier to try an entry now. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._note(execution_id, _NOW).touch(mode=0o600)

    def is_asked(self, execution_id: str) -> bool:
        """Whether the courier has not taken the wish up yet."""
        return self._note(execution_id, _NOW).exists()

    def has_wishes(self) -> bool:
        """Whether there are any. Never raises."""
        with contextlib.suppress(OSError):
            return any(name.endswith(_NOW) for name in os.listdir(self._folder))
        return False

    def take_wishes(self) -> set[str]:
        """The file names of the entries that are to be tried now; each wish is told once. Never raises."""
        taken = set()
        with contextlib.suppress(OSError):
            for name in os.listdir(self._folder):
                if name.endswith(_NOW):
                    (self._folder / name).unlink(missing_ok=True)
                    taken.add(name.removesuffix(_NOW) + ".json")
        return taken

    def _note(self, execution_id: str, suffix: str) -> Path:
        return self._folder / (self._state_dir.spool_entry(execution_id).stem + suffix)
