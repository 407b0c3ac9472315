"""The steward's thread that carries spooled reports to the server until it has them (promise 1)."""

from __future__ import annotations

import random
import select
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..client import BudgetExhausted, CueAPIError, RateLimited, ServerError, ServerUnreachable, Unauthorized
from ..outcome import Report, shrink
from .clock import boottime
from .counted import REPORTS
from .delivery import Delivery, deliver
from .events import emit
from .fates import record_fate
from .offers import Notices
from .slot_record import SlotRecords
from .source import Source
from .spool import Ownership, Spool, SpoolEntry
from .spool_notes import SpoolNotes
from .state_dir import StateDir
from .steps import Step, reached
from .tally import Row

RETRY_FIRST = 0.5
RETRY_LAST = 30.0
LOOK_EVERY = 5.0
WISHES_EVERY = 0.5
"""Seconds between two looks for what an operator wishes, while reports wait."""

WHOLE_FOR = 300.0
"""Seconds that a report which the server answers with 500 is retried whole before it is cut."""


@dataclass
class _Attempts:
    """What has been tried for one entry."""

    next_at: float = 0.0
    pause: float = RETRY_FIRST
    failing_since: float | None = None
    heartbeat_at: float = 0.0
    report: Report | None = None
    """A smaller report than the spooled one, once that has been given up."""
    told: bool = False

    def failed(self, now: float, retry_after: float | None) -> None:
        self.next_at = now + max(self.pause * random.uniform(0.8, 1.2), retry_after or 0.0)  # noqa: S311
        self.pause = min(self.pause * 2, RETRY_LAST)


class Courier:
    """Delivers the spool in a thread of its own; the main thread calls `finish` at the end."""

    def __init__(
        self,
        connect: Callable[[], Source],
        state_dir: StateDir,
        spooled: Notices,
        heartbeat_interval: float,
        counts: Row,
    ) -> None:
        self._connect = connect
        self._source: Source | None = None
        self._state_dir = state_dir
        self._spool = Spool(state_dir)
        self._notes = SpoolNotes(state_dir)
        self._records = SlotRecords(state_dir)
        self._heartbeat_interval = heartbeat_interval
        self._attempts: dict[str, _Attempts] = {}
        self._resume_at = 0.0
        self._last_success = 0.0
        self._turn = threading.Lock()
        self._spooled = spooled
        self._counts = counts
        self.stuck_since: float | None = None
        """Since when (`boottime()` seconds) reports wait and none could be delivered. Read by other threads."""

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._notes.forget_strays()
        threading.Thread(target=self._run, name="courier", daemon=True).start()

    def finish(self, give_up: float) -> None:
        """The pool leaves: try everything once more, and go on trying until `give_up` (`boottime()` seconds)."""
        while True:
            with self._turn:
                self._resume_at = 0.0
                self._attempts.clear()
                self._deliver_all()
            if not self._spool.paths() or boottime() >= give_up:
                return
            time.sleep(min(RETRY_FIRST, max(0.0, give_up - boottime())))

    def _run(self) -> None:
        while True:
            with self._turn:
                next_at = self._deliver_all()
            self._rest(next_at)
            notices = self._spooled.drain()
            if notices:
                # Handed over: what was a living worker's a moment ago is ours now. With another key, everything may go.
                other_key = any(notice["kind"] == "account" for notice in notices)
                for attempts in self._attempts.values():
                    if not attempts.told or other_key:
                        attempts.next_at = 0.0
                if other_key:
                    self._resume_at = 0.0

    def _rest(self, until: float) -> None:
        """Wait until then, for a report that is handed over, or for an operator's wish to have one tried now."""
        while True:
            left = max(0.02, until - boottime())
            wait = min(left, WISHES_EVERY) if self._attempts else left
            handed_over, _, _ = select.select([self._spooled], [], [], wait)
            if handed_over or boottime() >= until or self._notes.has_wishes():
                return

    def _deliver_all(self) -> float:
        """Send what is due; returns when to look again."""
        try:
            return self._deliver_due()
        except OSError as error:
            # A spool that cannot be read or emptied just now: no descriptor left, a disk that has become read-only.
            emit("spool.unusable", reason=error)
            return boottime() + LOOK_EVERY

    def _deliver_due(self) -> float:
        now = boottime()
        paths = self._spool.paths()
        self._attempts = {path.name: self._attempts.get(path.name, _Attempts()) for path in paths}
        if not paths:
            self.stuck_since = None
            self._notes.forget_strays()
            return now + LOOK_EVERY
        for name in self._notes.take_wishes() & self._attempts.keys():
            self._attempts[name].next_at = self._resume_at = 0.0
        if now < self._resume_at:
            return self._resume_at
        owned = self._records.owned_by_living_workers()
        for path in sorted(paths, key=lambda path: self._attempts[path.name].next_at):
            attempts = self._attempts[path.name]
            entry = self._read(path, attempts)
            if entry is None:
                continue
            if entry.execution_id in owned:
                attempts.next_at = boottime() + RETRY_FIRST
                continue
            if attempts.next_at <= boottime() and not self._try(entry, attempts):
                break
            if entry.ownership is Ownership.OURS and self._spool.has(entry.execution_id):
                self._keep_alive(entry, attempts)
        due = min((attempts.next_at for attempts in self._attempts.values()), default=now)
        return max(self._resume_at, min(due, now + LOOK_EVERY))

    def _read(self, path: Path, attempts: _Attempts) -> SpoolEntry | None:
        try:
            return self._spool.read(path)
        except (ValueError, IsADirectoryError) as error:
            kept = path.with_suffix(".unreadable")
            emit("spool.unreadable", path=path, reason=error, kept=kept.name)
            path.rename(kept)
        except OSError as error:
            # It may be readable again: one of many must not be set aside, nor keep the others waiting.
            if not attempts.told:
                emit("spool.unusable", reason=error)
            attempts.told = True
            attempts.failed(boottime(), None)
        return None

    def _try(self, entry: SpoolEntry, attempts: _Attempts) -> bool:
        """One attempt for one entry. False: the server as a whole is not to be asked now."""
        reached(Step.ENTRY_READ)
        ownership = entry.ownership_at(time.time())
        delivery = deliver(self._connection(), entry.execution_id, attempts.report or entry.report, ownership)
        now = boottime()
        if delivery.fate.is_final:
            reached(Step.ENTRY_ACKNOWLEDGED)
            self._settle(entry, delivery)
            self._last_success, self.stuck_since = now, None
            for other in self._attempts.values():
                other.next_at, other.pause = 0.0, RETRY_FIRST
            return True
        error = delivery.error
        assert error is not None
        attempts.failed(now, error.retry_after)
        if self.stuck_since is None:
            self.stuck_since = now
        wall = time.time()
        self._notes.failed(entry.execution_id, str(error), wall, wall + attempts.next_at - now)
        if not attempts.told:
            attempts.told = True
            emit("report.waiting", task=entry.task, execution_id=entry.execution_id, reason=error)
        if delivery.server_failed:
            self._consider_cutting(entry, attempts, now)
        if _is_about_the_server(error):
            self._resume_at = attempts.next_at
            return False
        return True

    def _consider_cutting(self, entry: SpoolEntry, attempts: _Attempts, now: float) -> None:
        """Cut a report only if it failed for long and the server was well meanwhile: then it is the report."""
        if attempts.failing_since is None:
            attempts.failing_since = now
        elif now - attempts.failing_since >= WHOLE_FOR and self._last_success > attempts.failing_since:
            smaller = shrink(attempts.report or entry.report)
            if smaller is not None:
                emit("report.shrunk", task=entry.task, execution_id=entry.execution_id)
                attempts.report = smaller

    def _settle(self, entry: SpoolEntry, delivery: Delivery) -> None:
        self._counts.add(REPORTS, delivery.fate.name.lower())
        record_fate(self._state_dir, entry, delivery.fate, waited=time.time() - entry.created)
        self._spool.remove(entry.execution_id)
        self._notes.forget(entry.execution_id)
        reached(Step.ENTRY_REMOVED)

    def _keep_alive(self, entry: SpoolEntry, attempts: _Attempts) -> None:
        """Keep the lease of an execution whose report waits: a server that took it back might run it again."""
        now = boottime()
        if now < attempts.heartbeat_at:
            return
        attempts.heartbeat_at = now + self._heartbeat_interval
        try:
            self._connection().heartbeat(entry.execution_id)
        except CueAPIError:
            return
        self._last_success = now

    def _connection(self) -> Source:
        if self._source is None:
            self._source = self._connect()
        return self._source


def _is_about_the_server(error: CueAPIError) -> bool:
    """Whether an error would meet every other report, too."""
    if isinstance(error, ServerUnreachable | RateLimited | BudgetExhausted | Unauthorized):
        return True
    return isinstance(error, ServerError) and error.status != 500
