"""One execution's way through a worker: claim, prepare, start, watch, conclude, report, clear.

Every step leaves the slot record in a state from which somebody else can settle the execution, and every way out of
the middle ends in `_conclude` (promise 1). The steps at which a process may die are named in steps.py.
"""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import replace
from typing import NamedTuple

from ..outcome import Ending, EndingKind, OutcomeFile, Report, fit, resolve
from . import invocation, process_tree, run
from .board import fingerprint
from .claiming import Answer, NoLease, claim
from .clock import boottime
from .confinement import confined
from .counted import CLAIMS, DURATION, EXECUTIONS, FAILURE, GRANTED, KILLS, LEASES_LOST, QUEUE_DELAY, SUCCESS
from .delivery import Fate
from .errors import CouldNotStart
from .events import emit
from .execution_log import ExecutionLog, path_of
from .handler import Handler
from .identity import boot_id, start_time
from .lease import Lease, Loss
from .offers import Offer
from .output import Outputs
from .queued import queued_for
from .reporting import Reporting
from .slot_record import Phase, SlotRecord
from .spool import Ownership
from .steps import Step, reached
from .stop import StopLevel
from .worker_context import WorkerContext
from .workspace import read_outcome

_HOLD = 5.0
"""Seconds for which nothing is claimed when the state directory cannot be written to."""

_ABSENT = OutcomeFile(fields={}, present=False)


class Taken(NamedTuple):
    """What came of an offer."""

    was_ours: bool
    """Whether there was a lease to run it under."""
    left: bool = False
    """Whether processes of the handler go on, as its `background: leave` allows: they are children of this worker,
    which must run nothing else then."""


def take(offer: Offer, context: WorkerContext) -> Taken:
    """Take an offer as far as it goes. Returns when the slot is free again."""
    reached(Step.OFFER_TAKEN)
    handler = context.settings.handlers.get(offer.task)
    reason = _reason_to_drop(offer, handler, context)
    if reason is not None or handler is None:
        emit("execution.dropped", task=offer.task, execution_id=offer.execution_id, reason=reason)
        return Taken(was_ours=False)
    return _Execution(offer, handler, context).go()


def _reason_to_drop(offer: Offer, handler: Handler | None, context: WorkerContext) -> str | None:
    if handler is None:
        return "no handler"
    if offer.is_void(boottime()):
        return "too old"
    if context.board.paused:
        return "the pool is paused"
    # Both slots may see each other here: both drop it, and the steward offers it again.
    if context.board.holder(fingerprint(offer.execution_id), other_than=context.slot) is not None:
        return "in another slot"
    if context.spool.has(offer.execution_id):
        return "its outcome waits in the spool"
    return None


class _Execution:
    def __init__(self, offer: Offer, handler: Handler, context: WorkerContext) -> None:
        self._offer = offer
        self._handler = handler
        self._context = context
        self._workspace = context.workspace
        self._workspace.begin()
        self._fingerprint = fingerprint(offer.execution_id)
        self._started = boottime()
        self._reporting = Reporting(context, offer, self._started)
        self._redactor = context.redaction.handlers
        self._record = SlotRecord(
            slot=context.slot,
            phase=Phase.CLAIMING,
            execution_id=offer.execution_id,
            task=offer.task,
            worker_pid=os.getpid(),
            worker_started=context.started,
            boot=boot_id(),
            outcome_file=str(self._workspace.outcome_file),
            claimed_at=time.time(),
        )

    def go(self) -> Taken:
        """All the steps."""
        left = False
        lease = self._claim() if self._make_files() else None
        if lease is not None:
            self._context.keeper.watch(lease, self._context.stop.wake)
            ended = self._run()
            left = ended.left
            self._set_stop_by(math.inf)
            self._conclude(ended)
            self._context.keeper.release()
        # Not in a `finally`: what an unforeseen error leaves is for the supervisor to settle.
        self._clear()
        return Taken(lease is not None, left)

    # Claiming.

    def _make_files(self) -> bool:
        """Write all that is needed to begin, while the execution can still be left to another day."""
        try:
            # Without a record nobody could settle the execution.
            self._write_record()
            reached(Step.RECORDED_CLAIMING)
            self._workspace.fill(self._offer.payload)
            reached(Step.FILES_MADE)
        except OSError as error:
            self._give_back(_HOLD, f"cannot write to the state directory: {error}")
            return False
        return True

    def _claim(self) -> Lease | None:
        offer = self._offer
        answer = claim(self._context.source, offer.execution_id, self._context.pause, self._on_unsettled)
        if isinstance(answer, Lease):
            emit("execution.claimed", task=offer.task, execution_id=offer.execution_id)
            self._context.counts.add(CLAIMS, GRANTED, task=offer.task)
            reached(Step.CLAIMED)
            return answer
        emit("execution.refused", task=offer.task, execution_id=offer.execution_id, reason=answer.reason)
        self._context.counts.add(CLAIMS, answer.answer.value, task=offer.task)
        self._after_no_lease(answer)
        return None

    def _after_no_lease(self, answer: NoLease) -> None:
        match answer.answer:
            case Answer.REFUSED:
                self._context.notices.send("refused", execution_id=self._offer.execution_id)
            case Answer.HOLD:
                self._give_back(answer.hold, answer.reason)
            case Answer.UNKNOWN:
                ending = Ending.could_not_start(
                    "the server's answer to the claim was lost; the handler never ran"
                )
                self._context.counts.add(EXECUTIONS, ending.kind.value, FAILURE, task=self._offer.task)
                self._reporting.deliver(ending, fit(resolve(ending, _ABSENT, "")), Ownership.DOUBTFUL)

    def _give_back(self, hold: float, reason: str) -> None:
        """Nothing was claimed: the steward may offer it again, and holds all offers for `hold` seconds."""
        self._context.notices.send("hold", execution_id=self._offer.execution_id, seconds=hold, reason=reason)

    def _on_unsettled(self, error: Exception) -> None:
        offer = self._offer
        emit("execution.unsettled", task=offer.task, execution_id=offer.execution_id, reason=error)

    # Running.

    def _run(self) -> run.Ended:
        context = self._context
        if context.stop.level >= StopLevel.STOP:
            return run.Ended(Ending.shut_down("before the handler started"), "")
        if self._is_cancelled():
            return run.Ended(Ending.cancelled(), "")
        rules = run.Rules(
            timeout=self._handler.timeout,
            kill_grace=context.settings.kill_grace,
            kill_on_lease_loss=self._handler.on_lease_lost == "kill",
        )
        marker = process_tree.marker_value(self._offer.execution_id, str(context.state_dir.root))
        with confined(self._handler, context.cgroups, self._offer.execution_id) as confinement:
            try:
                planned = self._prepare(marker)
                self._redactor = context.redaction.of_environment(self._handler, planned.env)
                reached(Step.PREPARED)
                # Written before the start: from here on the handler may have had effects.
                self._write_record(phase=Phase.RUNNING)
                reached(Step.RECORDED_RUNNING)
                # Before the start, too: a handler may stop its worker before that has come to watch it.
                self._set_stop_by(rules.stop_by(boottime() + rules.timeout, context.keeper.lease))
                outputs = Outputs(self._redactor, self._log())
                running = run.start(planned, rules, context.stop, outputs.streams, confinement)
                began = boottime()
                context.board.set_times(context.slot, began, began + rules.timeout)
            except CouldNotStart as error:
                return run.Ended(Ending.could_not_start(str(error)), "")
            except OSError as error:
                return run.Ended(Ending.could_not_start(f"state directory: {error}"), "")
            self._count_delay()
            ended = self._watch(running, marker)
            outputs.close()
            return ended

    def _watch(self, running: run.Run, marker: str) -> run.Ended:
        reached(Step.STARTED)
        self._record_pid(running.pid)
        reached(Step.RECORDED_PID)
        ended = running.watch(lambda: self._context.keeper.lease, self._beat, marker, self._is_cancelled)
        reached(Step.ENDED)
        if ended.left:
            emit("execution.left", task=self._offer.task, execution_id=self._offer.execution_id)
        return ended

    def _prepare(self, marker: str) -> invocation.Invocation:
        context, offer = self._context, self._offer
        # Another key may have been found since this worker began.
        api_key, api_base = context.account.read() or (context.settings.api_key, context.settings.api_base)
        facts = invocation.Facts(
            execution_id=offer.execution_id,
            cue_id=offer.cue_id,
            cue_name=offer.cue_name,
            worker_id=context.settings.worker_id,
            payload=json.loads(offer.payload),
            api_key=api_key,
            base_url=api_base,
            outcome_file=str(self._workspace.outcome_file),
            payload_file=str(self._workspace.payload_file),
            marker=(process_tree.MARKER, marker),
        )
        return invocation.build(self._handler, facts, context.surroundings)

    def _log(self) -> ExecutionLog | None:
        settings, offer = self._context.settings, self._offer
        if settings.execution_logs is None:
            return None

        def unwritable(error: OSError) -> None:
            emit("logs.unwritable", task=offer.task, execution_id=offer.execution_id, reason=error)

        path = path_of(settings.logs, offer.execution_id)
        return ExecutionLog(path, settings.execution_logs.max_size, unwritable)

    def _beat(self, now: float, stop_by: float) -> None:
        self._context.keeper.tend(now)
        self._context.board.beat(self._context.slot, now)
        self._set_stop_by(stop_by)
        self._context.board.set_lease_until(self._context.slot, self._context.keeper.lease.deadline)
        reached(Step.WATCHING)

    def _is_cancelled(self) -> bool:
        return self._context.board.is_cancelled(self._context.slot, self._fingerprint)

    def _set_stop_by(self, when: float) -> None:
        self._context.board.set_stop_by(self._context.slot, when)

    # Reporting.

    def _conclude(self, ended: run.Ended) -> None:
        ending = ended.ending
        report = resolve(ending, read_outcome(self._workspace.outcome_file), ended.output)
        # Before it is fitted: what is cut through a secret shows a part of it.
        report = fit(report if self._redactor is None else self._redactor.report(report))
        self._say_ended(ending, report)
        lease = self._context.keeper.lease
        self._count(ended, report, lease)
        reached(Step.CONCLUDED)
        if lease.loss is Loss.TAKEN:
            self._reporting.withhold(ending, report, Fate.NOT_OURS)
        elif lease.loss is Loss.GONE:
            self._reporting.withhold(ending, report, Fate.GONE)
        else:
            left = lease.deadline - boottime()
            kept = lease.loss is None and left >= 0 and ending.kind is not EndingKind.LEASE_LOST
            ownership = Ownership.OURS if kept else Ownership.UNLESS_TAKEN
            self._reporting.deliver(ending, report, ownership, leased_until=time.time() + left)

    def _say_ended(self, ending: Ending, report: Report) -> None:
        offer = self._offer
        if ending.survivors:
            survivors = ", ".join(ending.survivors)
            emit("execution.survivors", task=offer.task, execution_id=offer.execution_id, survivors=survivors)
        emit(
            "execution.ended",
            task=offer.task,
            execution_id=offer.execution_id,
            ending=ending.kind.value.replace("_", " "),
            seconds=boottime() - self._started,
            verdict="success" if report.success else f"failure: {_first_line(report.error)}",
        )

    def _count(self, ended: run.Ended, report: Report, lease: Lease) -> None:
        counts, task, ending = self._context.counts, self._offer.task, ended.ending.kind
        counts.add(EXECUTIONS, ending.value, SUCCESS if report.success else FAILURE, task=task)
        counts.observe(DURATION, boottime() - self._started, task)
        for rung in ended.rungs:
            counts.add(KILLS, rung)
        if lease.loss is not None or ending is EndingKind.LEASE_LOST:
            counts.add(LEASES_LOST, (lease.loss or Loss.EXPIRED).name.lower())

    def _count_delay(self) -> None:
        queued = queued_for(self._offer.scheduled_for, time.time())
        if queued is not None:
            self._context.counts.observe(QUEUE_DELAY, queued, self._offer.task)

    # The slot record.

    def _write_record(self, **changes: object) -> None:
        self._record = replace(self._record, **changes)  # type: ignore[arg-type]
        self._context.record_file.write(self._record)

    def _record_pid(self, pid: int) -> None:
        offer = self._offer
        try:
            self._write_record(handler_pid=pid, handler_started=start_time(pid))
        except OSError as error:
            # The handler runs; the marker in its environment will do for a sweep.
            emit("record.unwritten", task=offer.task, execution_id=offer.execution_id, reason=error)
        emit("execution.started", task=offer.task, execution_id=offer.execution_id, handler_pid=pid)

    def _clear(self) -> None:
        self._workspace.empty()
        reached(Step.FILES_REMOVED)
        self._context.record_file.clear()
        reached(Step.RECORD_CLEARED)
        self._reporting.finish()


def _first_line(text: str | None) -> str:
    return next((line for line in (text or "").splitlines() if line.strip()), "")
