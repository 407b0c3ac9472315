"""One execution's way through a worker: claim, prepare, start, watch, conclude, deliver, clean up.

Every step leaves the slot record in a state from which somebody else can settle the execution, and every way out of
the middle ends in `_deliver` (promise 1).
"""

from __future__ import annotations

import json
import math
import os
import select
import time
from dataclasses import replace

from ..outcome import Ending, EndingKind, OutcomeFile, Report, fit, resolve
from . import history, invocation, process_tree, run
from .board import fingerprint
from .claiming import Answer, NoLease, claim
from .clock import boottime
from .delivery import Delivery, Fate, deliver
from .errors import CouldNotStart
from .events import emit
from .handler import Handler
from .identity import boot_id, start_time
from .lease import Lease, Loss
from .offers import Offer
from .slot_record import Phase, SlotRecord
from .spool import Ownership, SpoolEntry
from .stop import StopLevel
from .worker_context import WorkerContext
from .workspace import read_outcome

_RETRY_UNSPOOLED = 1.0
_ABSENT = OutcomeFile(fields={}, present=False)


def take(offer: Offer, context: WorkerContext) -> None:
    """Take an offer as far as it goes. Returns when the slot is free again."""
    handler = context.settings.handlers.get(offer.task)
    reason = _reason_to_drop(offer, handler, context)
    if reason is not None or handler is None:
        emit("execution.dropped", task=offer.task, execution_id=offer.execution_id, reason=reason)
        return
    _Execution(offer, handler, context).go()


def _reason_to_drop(offer: Offer, handler: Handler | None, context: WorkerContext) -> str | None:
    execution = fingerprint(offer.execution_id)
    if handler is None:
        return "no handler"
    if offer.is_void(boottime()):
        return "too old"
    # Both slots may see each other here: both drop it, and the steward offers it again.
    if context.board.holder(execution, other_than=context.slot) is not None:
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
        self._started = boottime()
        self._is_settled = False
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

    def go(self) -> None:
        """All the steps."""
        try:
            self._write_record()
        except OSError as error:
            # Without a record nobody could settle the execution: better not to claim at all.
            self._give_back(5.0, f"cannot write the slot record: {error}")
            return
        lease = self._claim()
        if lease is not None:
            self._run_and_report(lease)
        # Not in a `finally`: what an unforeseen error leaves is for the supervisor to settle.
        self._clean_up()

    # Claiming.

    def _claim(self) -> Lease | None:
        offer = self._offer
        answer = claim(self._context.source, offer.execution_id, self._pause, self._on_unsettled)
        if isinstance(answer, Lease):
            emit("execution.claimed", task=offer.task, execution_id=offer.execution_id)
            return answer
        emit("execution.refused", task=offer.task, execution_id=offer.execution_id, reason=answer.reason)
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
                self._deliver(ending, fit(resolve(ending, _ABSENT, "")), Ownership.DOUBTFUL)

    def _give_back(self, hold: float, reason: str) -> None:
        """Nothing was claimed: the steward may offer it again, and holds all offers for `hold` seconds."""
        self._context.notices.send("hold", execution_id=self._offer.execution_id, seconds=hold, reason=reason)

    def _on_unsettled(self, error: Exception) -> None:
        offer = self._offer
        emit("execution.unsettled", task=offer.task, execution_id=offer.execution_id, reason=error)

    def _pause(self, seconds: float) -> bool:
        """Wait, beating; False as soon as the worker is to stop."""
        context = self._context
        until = boottime() + seconds
        while (now := boottime()) < until and context.stop.level < StopLevel.STOP:
            context.board.beat(context.slot, now)
            select.select([context.stop], [], [], min(run.BEAT_EVERY, until - now))
            context.stop.clear()
        return context.stop.level < StopLevel.STOP

    # Running.

    def _run_and_report(self, lease: Lease) -> None:
        context = self._context
        context.keeper.watch(lease, context.stop.wake)
        ended = self._run()
        context.board.set_stop_by(context.slot, math.inf)
        lease = context.keeper.lease
        if ended.ending.survivors:
            survivors = ", ".join(ended.ending.survivors)
            emit(
                "execution.survivors",
                task=self._offer.task,
                execution_id=self._offer.execution_id,
                survivors=survivors,
            )
        report = fit(resolve(ended.ending, read_outcome(self._workspace.outcome_file), ended.output))
        self._say_ended(ended.ending, report)
        if lease.loss is Loss.TAKEN or lease.loss is Loss.GONE:
            fate = Fate.NOT_OURS if lease.loss is Loss.TAKEN else Fate.GONE
            self._settled(ended.ending, report, Delivery(fate))
        else:
            under_lease = lease.loss is None and boottime() <= lease.deadline
            was_lost = ended.ending.kind is EndingKind.LEASE_LOST or not under_lease
            self._deliver(ended.ending, report, Ownership.UNLESS_TAKEN if was_lost else Ownership.OURS)
        context.keeper.release()

    def _run(self) -> run.Ended:
        context = self._context
        if context.stop.level >= StopLevel.STOP:
            return run.Ended(Ending.shut_down("before the handler started"), "")
        rules = run.Rules(
            timeout=self._handler.timeout,
            kill_grace=context.settings.kill_grace,
            kill_on_lease_loss=self._handler.on_lease_lost == "kill",
        )
        marker = process_tree.marker_value(self._offer.execution_id, str(context.state_dir.root))
        try:
            planned = self._prepare(marker)
            # Written before the start: from here on the handler may have had effects.
            self._write_record(phase=Phase.RUNNING)
            running = run.start(planned, rules, context.stop)
        except CouldNotStart as error:
            return run.Ended(Ending.could_not_start(str(error)), "")
        except OSError as error:
            return run.Ended(Ending.could_not_start(f"state directory: {error}"), "")
        try:
            self._write_record(handler_pid=running.pid, handler_started=start_time(running.pid))
        except OSError as error:
            # The handler runs; the marker in its environment will do for a sweep.
            emit(
                "record.unwritten", task=self._offer.task, execution_id=self._offer.execution_id, reason=error
            )
        emit(
            "execution.started", task=self._offer.task, execution_id=self._offer.execution_id, pid=running.pid
        )
        return running.watch(lambda: context.keeper.lease, self._beat, marker)

    def _prepare(self, marker: str) -> invocation.Invocation:
        context, offer = self._context, self._offer
        self._workspace.fill(offer.payload)
        facts = invocation.Facts(
            execution_id=offer.execution_id,
            cue_id=offer.cue_id,
            cue_name=offer.cue_name,
            worker_id=context.settings.worker_id,
            payload=json.loads(offer.payload),
            api_key=context.settings.api_key,
            base_url=context.settings.api_base,
            outcome_file=str(self._workspace.outcome_file),
            payload_file=str(self._workspace.payload_file),
            marker=(process_tree.MARKER, marker),
        )
        return invocation.build(self._handler, facts, context.surroundings)

    def _beat(self, now: float, stop_by: float) -> None:
        self._context.keeper.tend(now)
        self._context.board.beat(self._context.slot, now)
        self._context.board.set_stop_by(self._context.slot, stop_by)

    # Reporting.

    def _deliver(self, ending: Ending, report: Report, ownership: Ownership) -> None:
        """Spool the report, try once to send it, and leave it to the steward if that did not settle it."""
        context, offer = self._context, self._offer
        entry = SpoolEntry(
            execution_id=offer.execution_id,
            task=offer.task,
            ending=ending.kind.value,
            ownership=ownership,
            report=report,
            created=time.time(),
        )
        spooled = self._spool(entry)
        if spooled and context.stop.level is StopLevel.ORPHANED:
            return
        while True:
            context.board.beat(context.slot, boottime())
            delivery = deliver(context.source, offer.execution_id, report, ownership)
            if delivery.fate.is_final:
                self._settled(ending, report, delivery)
                return
            if spooled or self._spool(entry):
                emit(
                    "report.waiting", task=offer.task, execution_id=offer.execution_id, reason=delivery.error
                )
                return
            # A full disk and a silent server at once: the report lives in this process until one of them recovers.
            if not self._pause(_RETRY_UNSPOOLED) and context.stop.level is StopLevel.ORPHANED:
                return

    def _spool(self, entry: SpoolEntry) -> bool:
        try:
            self._context.spool.put(entry)
        except OSError as error:
            emit("report.unspooled", task=entry.task, execution_id=entry.execution_id, reason=error)
            return False
        return True

    def _settled(self, ending: Ending, report: Report, delivery: Delivery) -> None:
        offer = self._offer
        emit(_FATE_EVENTS[delivery.fate], task=offer.task, execution_id=offer.execution_id)
        self._is_settled = True
        history.record(
            self._context.state_dir.history,
            execution_id=offer.execution_id,
            task=offer.task,
            ending=ending.kind.value,
            success=report.success,
            fate=delivery.fate.value,
            seconds=round(boottime() - self._started, 3),
            **({} if report.error is None else {"error": report.error}),
        )

    def _say_ended(self, ending: Ending, report: Report) -> None:
        emit(
            "execution.ended",
            task=self._offer.task,
            execution_id=self._offer.execution_id,
            ending=ending.kind.value.replace("_", " "),
            seconds=boottime() - self._started,
            verdict="success" if report.success else f"failure: {_first_line(report.error)}",
        )

    # The slot record.

    def _write_record(self, **changes: object) -> None:
        self._record = replace(self._record, **changes)  # type: ignore[arg-type]
        self._context.record_file.write(self._record)

    def _clean_up(self) -> None:
        context = self._context
        self._workspace.empty()
        context.record_file.clear()
        # Last: a crash before it leaves a report that the server has (it says 409), never a run that looks lost.
        if self._is_settled:
            context.spool.remove(self._offer.execution_id)
        if not self._is_settled:
            context.spooled.send("spooled")


def _first_line(text: str | None) -> str:
    return next((line for line in (text or "").splitlines() if line.strip()), "")


_FATE_EVENTS = {
    Fate.RECORDED: "report.recorded",
    Fate.SETTLED: "report.settled",
    Fate.GONE: "report.gone",
    Fate.NOT_OURS: "report.not_ours",
}
