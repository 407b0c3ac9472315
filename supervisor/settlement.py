"""Settling executions whose worker is gone (promise 1): what the slot record and the outcome file still tell."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ..outcome import Ending, OutcomeFile, Report, fit, resolve
from ..pool import workspace
from ..pool.events import emit
from ..pool.redaction import Redaction
from ..pool.settings import Settings
from ..pool.slot_record import Phase, SlotRecord, SlotRecords
from ..pool.spool import Ownership, Spool, SpoolEntry
from ..pool.state_dir import StateDir
from ..pool.steps import Step, reached

Redact = Callable[[SlotRecord, Report], Report]
"""Takes the secrets of an execution's handler out of its report."""


def redacting(settings: Settings, environ: Mapping[str, str]) -> Redact:
    """Take out what the worker would have taken out."""
    redaction = Redaction(settings, environ)

    def redact(record: SlotRecord, report: Report) -> Report:
        payload = workspace.read_payload(Path(record.outcome_file))
        redactor = redaction.of_payload(settings.handlers.get(record.task), payload)
        return report if redactor is None else redactor.report(report)

    return redact


def as_it_is(_record: SlotRecord, report: Report) -> Report:
    """Take out nothing."""
    return report


def _tell_nobody(_lost: SpoolEntry) -> None:
    """What an earlier pool lost is not this one's to count."""


def settle_slot(
    state_dir: StateDir,
    slot: int,
    redact: Redact = as_it_is,
    on_lost: Callable[[SpoolEntry], None] = _tell_nobody,
) -> bool:
    """Settle what a dead worker's slot record says. Nothing of the handler may run any more.

    `on_lost` is told of a report that the worker could not make itself.

    False if it cannot be read or its report not be spooled (a full disk): the record stays, to be tried again.
    """
    records = SlotRecords(state_dir)
    settled = _settle(state_dir, records, state_dir.slot_record(slot), redact, on_lost)
    if settled:
        workspace.remove_all(state_dir.outcomes, slot)
    return settled


def settle_all(state_dir: StateDir, redact: Redact = as_it_is) -> bool:
    """Settle every slot record that a dead pool left, and remove the workspaces that nobody names."""
    records = SlotRecords(state_dir)
    settled = [_settle(state_dir, records, path, redact) for path in records.paths()]
    if all(settled):
        workspace.remove_all(state_dir.outcomes)
    return all(settled)


def _settle(
    state_dir: StateDir,
    records: SlotRecords,
    path: Path,
    redact: Redact,
    on_lost: Callable[[SpoolEntry], None] = _tell_nobody,
) -> bool:
    try:
        record = records.read(path)
    except (ValueError, OSError) as error:
        if isinstance(error, OSError) and path.is_file() and not path.is_symlink():
            # A record it is: no descriptor left, a disk that fails, permissions taken away.
            emit("record.unsettled", path=path, reason=error)
            return False
        emit("record.unreadable", path=path, reason=error)
        # Whatever it is: a folder in its place must not keep the pool from starting.
        workspace.remove(path)
        return True
    if record is None:
        return True
    reached(Step.LOSS_FOUND)
    spool = Spool(state_dir)
    # A report that the worker spooled itself is the true one.
    if not spool.holds(record.execution_id):
        try:
            entry = _entry(record, redact)
            spool.put(entry)
        except OSError as error:
            emit("report.unspooled", task=record.task, execution_id=record.execution_id, reason=error)
            return False
        emit("execution.lost", task=record.task, execution_id=record.execution_id)
        on_lost(entry)
    reached(Step.LOSS_SPOOLED)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        emit("record.unsettled", path=path, reason=error)
        return False
    reached(Step.LOSS_SETTLED)
    return True


def _entry(record: SlotRecord, redact: Redact) -> SpoolEntry:
    if record.phase is Phase.CLAIMING:
        ending = Ending.could_not_start("its worker died before the handler started")
        outcome, ownership = OutcomeFile(fields={}, present=False), Ownership.DOUBTFUL
    else:
        ending = Ending.worker_lost()
        outcome = workspace.read_outcome(Path(record.outcome_file))
        # The worker may have died past its lease, or because of it: it may be somebody else's by now.
        ownership = Ownership.UNLESS_TAKEN
    return SpoolEntry(
        execution_id=record.execution_id,
        task=record.task,
        ending=ending.kind.value,
        ownership=ownership,
        report=fit(redact(record, resolve(ending, outcome, ""))),
        created=time.time(),
        about={"slot": record.slot, "started": record.claimed_at},
    )
