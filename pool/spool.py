"""Reports that the server has not acknowledged yet, one durable file each (promise 1).

An entry is written before the first attempt to send it and deleted on the acknowledgement. It belongs to the worker
whose slot record names its execution, and to the steward as soon as no living worker's does.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ..outcome import Report
from .state_dir import StateDir, entries, read_json, write_json


class Ownership(StrEnum):
    """What must be known of the lease before the report is sent."""

    OURS = "ours"
    """The handler ended under its lease: report, whatever happened since."""
    UNLESS_TAKEN = "unless taken"
    """The handler finished past its lease: report unless an execution heartbeat says 403."""
    DOUBTFUL = "doubtful"
    """Nobody knows whether the claim stands: report only if an execution heartbeat says 200."""


@dataclass(frozen=True, kw_only=True)
class SpoolEntry:
    """One report on its way."""

    execution_id: str
    task: str
    ending: str
    ownership: Ownership
    report: Report
    created: float
    """Epoch seconds."""
    leased_until: float = 0.0
    """Epoch seconds until which the execution is surely ours."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """What history tells of the run beside its report, see history_line.py."""

    def ownership_at(self, now: float) -> Ownership:
        """What must be known if the report is sent at `now` (epoch seconds).

        What was done under the lease has been done, whoever does it again. But a failure that waited past the lease may
        be about an execution that somebody else is running since, and may not end theirs (promise 3). Before its own
        beginning it was not written: the clock has been set back, and tells nothing.
        """
        is_leased = self.created <= now <= self.leased_until
        if self.ownership is Ownership.OURS and not self.report.success and not is_leased:
            return Ownership.UNLESS_TAKEN
        return self.ownership

    def to_json(self) -> dict[str, Any]:
        """The entry as its file holds it."""
        return {
            "version": 1,
            "execution_id": self.execution_id,
            "task": self.task,
            "ending": self.ending,
            "ownership": self.ownership.value,
            "report": self.report.body(),
            "created": self.created,
            "leased_until": self.leased_until,
            "about": dict(self.about),
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> SpoolEntry:
        """The entry that a file holds. Raises ValueError if it is none."""
        try:
            return cls(
                execution_id=str(value["execution_id"]),
                task=str(value["task"]),
                ending=str(value["ending"]),
                ownership=Ownership(value["ownership"]),
                report=Report.from_body(value["report"]),
                created=float(value["created"]),
                leased_until=float(value.get("leased_until", 0.0)),
                about=dict(value.get("about", {})),
            )
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a spool entry: {error!r}") from error


class Spool:
    """The folder of unacknowledged reports."""

    def __init__(self, state_dir: StateDir) -> None:
        self._state_dir = state_dir

    def put(self, entry: SpoolEntry) -> None:
        """Write an entry durably. Raises OSError if it cannot be (a full disk); then nothing is half written."""
        path, content = self._state_dir.spool_entry(entry.execution_id), entry.to_json()
        try:
            write_json(path, content)
        except FileNotFoundError:
            # A handler has removed the folder.
            self._state_dir.make_folders()
            write_json(path, content)

    def has(self, execution_id: str) -> bool:
        """Whether a report of this execution waits."""
        return self._state_dir.spool_entry(execution_id).exists()

    def holds(self, execution_id: str) -> bool:
        """Whether there is an entry that can be sent: not one that a power cut tore."""
        try:
            return self.read(self._state_dir.spool_entry(execution_id)) is not None
        except (ValueError, OSError):
            return False

    def remove(self, execution_id: str) -> None:
        """Forget an entry that has been acknowledged."""
        with contextlib.suppress(FileNotFoundError):
            self._state_dir.spool_entry(execution_id).unlink()

    def set_aside(self, execution_id: str) -> Path:
        """Take an entry out of the spool into `dropped/`, where nobody sends it; returns its new place.

        Raises FileNotFoundError if there is none, and OSError.
        """
        path = self._state_dir.spool_entry(execution_id)
        dropped = path.parent / "dropped"
        dropped.mkdir(mode=0o700, exist_ok=True)
        return path.rename(dropped / path.name)

    def paths(self) -> list[Path]:
        """The files of all entries."""
        return list(entries(self._state_dir.spool))

    def written(self) -> list[float]:
        """When each entry that waits was written, epoch seconds."""
        times = []
        for path in self.paths():
            with contextlib.suppress(OSError):
                times.append(path.stat().st_mtime)
        return times

    @staticmethod
    def read(path: Path) -> SpoolEntry | None:
        """One entry; None if it has gone meanwhile. Raises ValueError for a file that is no entry."""
        value = read_json(path)
        return None if value is None else SpoolEntry.from_json(value)
