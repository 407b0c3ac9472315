"""What a slot is at, on disk: enough to settle an execution whose worker is gone (promise 1).

Only its worker writes a record while it lives; the supervisor settles and clears it after the worker's death, and a
starting supervisor settles those that a dead pool left.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from .identity import boot_id, is_running
from .state_dir import StateDir, entries, read_json

_PAGE = 4096
_NO_EXECUTION = b"{}"
_READS = 3
"""Tries to read a record that may be written just now: a reader can see half of an overwrite."""


class Phase(StrEnum):
    """How far an execution is. Each step of `execution.py` that a crash could split writes one of these first."""

    CLAIMING = "claiming"
    """The claim may have been granted; the handler has not been started."""
    RUNNING = "running"
    """The handler may have been started. If the spool has the execution's report, that is what counts."""


@dataclass(frozen=True, kw_only=True)
class SlotRecord:
    """One execution in one slot."""

    slot: int
    phase: Phase
    execution_id: str
    task: str
    worker_pid: int
    worker_started: str
    boot: str
    outcome_file: str
    claimed_at: float
    """Epoch seconds."""
    handler_pid: int | None = None
    """Also its session and its process group: a handler is started in a session of its own."""
    handler_started: str | None = None

    @property
    def worker_lives(self) -> bool:
        """Whether the worker that wrote the record still runs."""
        return is_running(self.worker_pid, self.worker_started, self.boot)

    @property
    def of_this_boot(self) -> bool:
        """Whether the pids in the record can still mean anything."""
        return self.boot == boot_id()


class SlotRecordFile:
    """A worker's own record, rewritten in place: one write within one page, no rename, no new blocks.

    Four renames an execution would wait for the disk's journal, and a full disk cannot refuse an overwrite.
    """

    def __init__(self, state_dir: StateDir, slot: int) -> None:
        self._state_dir = state_dir
        self._path = state_dir.slot_record(slot)
        self._descriptor = -1

    def write(self, record: SlotRecord) -> None:
        """Replace the record. Raises OSError if it cannot be written."""
        self._write(json.dumps(vars(record)).encode())

    def clear(self) -> None:
        """The slot's execution is settled."""
        with contextlib.suppress(OSError):
            self._write(_NO_EXECUTION)

    def _write(self, content: bytes) -> None:
        try:
            self._overwrite(content)
        except OSError:
            if self._descriptor >= 0 and os.fstat(self._descriptor).st_size == 0:
                # There never was room for it: an empty file is no record.
                self._path.unlink(missing_ok=True)
            raise

    def _overwrite(self, content: bytes) -> None:
        # A handler that removed the state directory took the file along: a record that nobody finds is none.
        if self._descriptor < 0 or os.fstat(self._descriptor).st_nlink == 0:
            self._open()
        # All of an earlier, longer record is overwritten: its tail would make this one unreadable.
        size = max(-(-len(content) // _PAGE) * _PAGE, os.fstat(self._descriptor).st_size)
        padded = content.ljust(size)
        if os.pwrite(self._descriptor, padded, 0) != size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._path))

    def _open(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._state_dir.make_folders()
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


class SlotRecords:
    """The folder of slot records, for those who settle and those who ask."""

    def __init__(self, state_dir: StateDir) -> None:
        self._state_dir = state_dir

    def paths(self) -> list[Path]:
        """The files of all records."""
        return list(entries(self._state_dir.slots))

    def read(self, path: Path) -> SlotRecord | None:
        """A record; None if its slot has no execution. Raises ValueError for a file that is no record."""
        value = read_json(path)
        if not value:
            return None
        known = {field.name for field in fields(SlotRecord)}
        try:
            typed: dict[str, Any] = {name: item for name, item in value.items() if name in known}
            return SlotRecord(**{**typed, "phase": Phase(value["phase"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a slot record: {error!r}") from error

    def now(self, slot: int) -> SlotRecord | None:
        """What a slot says, beside its writer; None if it has no execution, or no record that can be read."""
        return self._read_beside_its_writer(self._state_dir.slot_record(slot))

    def readable(self) -> list[SlotRecord]:
        """Every record that can be read."""
        return [record for record in map(self._read_beside_its_writer, self.paths()) if record is not None]

    def _read_beside_its_writer(self, path: Path) -> SlotRecord | None:
        for _ in range(_READS):
            with contextlib.suppress(ValueError, OSError):
                return self.read(path)
        return None

    def owned_by_living_workers(self) -> set[str]:
        """The executions whose workers live: their spool entries are not the steward's yet."""
        return {record.execution_id for record in self.readable() if record.worker_lives}
