"""A worker's part of getting its report recorded: spool it, try once to send it, else leave it to the steward."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ..outcome import Ending, Report
from .clock import boottime
from .counted import REPORTS
from .delivery import Fate, deliver
from .events import emit
from .fates import record_fate
from .history_line import about_run
from .offers import Offer
from .spool import Ownership, SpoolEntry
from .steps import Step, reached
from .stop import StopLevel
from .worker_context import WorkerContext

_RETRY_UNSPOOLED = 1.0


@dataclass
class Reporting:
    """The report of one execution. `started` is `boottime()` seconds."""

    context: WorkerContext
    offer: Offer
    started: float
    _has_fate: bool = False
    _is_spooled: bool = False

    def deliver(
        self, ending: Ending, report: Report, ownership: Ownership, leased_until: float = 0.0
    ) -> None:
        """Spool the report and try once to send it. `leased_until` is epoch seconds."""
        context = self.context
        entry = self._entry(ending, report, ownership, leased_until)
        self._spool(entry)
        reached(Step.SPOOLED)
        while not (self._is_spooled and context.stop.level is StopLevel.ORPHANED):
            context.board.beat(context.slot, boottime())
            delivery = deliver(context.source, entry.execution_id, report, entry.ownership_at(time.time()))
            if delivery.fate.is_final:
                reached(Step.ACKNOWLEDGED)
                self._settle(entry, delivery.fate)
                return
            if not self._is_spooled:
                self._spool(entry)
            if self._is_spooled:
                emit(
                    "report.waiting", task=entry.task, execution_id=entry.execution_id, reason=delivery.error
                )
                return
            # A full disk and a silent server at once: the report lives in this process until one of them recovers.
            if not context.pause(_RETRY_UNSPOOLED) and context.stop.level is StopLevel.ORPHANED:
                return

    def withhold(self, ending: Ending, report: Report, fate: Fate) -> None:
        """The execution is not ours any more: nothing may be reported (promise 3)."""
        self._settle(self._entry(ending, report, Ownership.OURS, 0.0), fate)

    def finish(self) -> None:
        """The slot record is cleared: an acknowledged entry goes, one that waits is the steward's now.

        In this order, so that a crash in between leaves a report that the server has (it says 409), never a run that
        looks lost.
        """
        if self._has_fate:
            self.context.spool.remove(self.offer.execution_id)
            reached(Step.SPOOL_CLEARED)
        elif self._is_spooled:
            self.context.spooled.send("spooled")

    def _entry(self, ending: Ending, report: Report, ownership: Ownership, leased_until: float) -> SpoolEntry:
        return SpoolEntry(
            execution_id=self.offer.execution_id,
            task=self.offer.task,
            ending=ending.kind.value,
            ownership=ownership,
            report=report,
            created=time.time(),
            leased_until=leased_until,
            about=about_run(self.context.slot, self.offer, time.time(), boottime() - self.started),
        )

    def _spool(self, entry: SpoolEntry) -> None:
        try:
            self.context.spool.put(entry)
        except OSError as error:
            emit("report.unspooled", task=entry.task, execution_id=entry.execution_id, reason=error)
        else:
            self._is_spooled = True

    def _settle(self, entry: SpoolEntry, fate: Fate) -> None:
        self._has_fate = True
        self.context.counts.add(REPORTS, fate.name.lower())
        record_fate(self.context.state_dir, entry, fate)
