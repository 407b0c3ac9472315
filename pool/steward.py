"""The steward process: the one place that looks for work. It lists, gates and offers; its threads register the worker
and carry the spool. It never forks, and nothing that it holds is lost with it.
"""

from __future__ import annotations

import logging
import os
import random
import select
import threading
import time

from ..client import BudgetExhausted, CueAPIError, ServerError, Unauthorized
from . import boot, log, metrics
from .board import SlotState
from .call_counting import counting
from .candidates import Candidates
from .clock import boottime
from .courier import Courier
from .cueapi_source import CueAPISource
from .events import emit
from .key_login import KeyLogin
from .listing import Listing, idle_ceiling
from .old_logs import OldLogs
from .presence import Presence
from .settings import Settings
from .shared import Shared
from .spool import Spool
from .stop import StopLevel, StopSignals, StopWaiting
from .vitals import Vitals

TITLE = "cueworker: steward"

LONGEST_WAIT = 20.0
"""Seconds of one long poll."""

FINISH_WITHIN = 5.0
"""Seconds that a leaving pool spends on reports that the server does not take."""

_TICK = 1.0
_HOLD = 1.0
_KEY_RETRY_FIRST, _KEY_RETRY_LAST = 0.5, 30.0
"""Seconds between two listings with a key that the server refuses, doubling: it may be good again."""


def main(cell: int, settings: Settings, shared: Shared) -> None:
    """Be the steward until told to stop. `cell` is its row on the board. Called in the forked process."""
    threading.excepthook = _leave
    stop = boot.boot(TITLE, shared.descriptors(), shared.supervisor_pid)
    if stop is not None:
        log.named("steward")
        _Steward(cell, settings, shared, stop).run()


def _leave(told: threading.ExceptHookArgs) -> None:
    """A thread has met an error that nobody foresaw. Without it the steward looks well and leaves its work undone."""
    name = None if told.thread is None else told.thread.name
    logging.getLogger("cueworker").critical("thread %s", name, exc_info=told.exc_value)
    os._exit(boot.CRASHED)


class _Steward:
    def __init__(self, cell: int, settings: Settings, shared: Shared, stop: StopSignals) -> None:
        self._cell = cell
        self._settings = settings
        self._shared = shared
        self._stop = stop
        counts = shared.tally.row(cell)
        self._counting = counting(counts)
        self._courier = Courier(
            self._connect, shared.state_dir, shared.spooled, settings.heartbeat_interval, counts
        )
        self._vitals = Vitals(shared, lambda: self._courier.stuck_since)
        self._source = self._connect()
        self._candidates = Candidates(settings.handlers, Spool(shared.state_dir).has)
        self._listing = Listing(tuple(settings.handlers))
        kept = settings.execution_logs
        self._old_logs = None if kept is None else OldLogs(settings.logs, kept.keep)
        self._hold_until = 0.0
        self._failing = False
        self._key_retry = _KEY_RETRY_FIRST
        email = settings.email if settings.on_auth_failure == "wait" else None
        self._login = KeyLogin(email, shared.account, shared.approved)

    def _connect(self) -> CueAPISource:
        return CueAPISource(
            self._settings.worker_id, self._shared.account, self._shared.budget, self._on_answer
        )

    def _on_answer(self, call: str, error: CueAPIError | None) -> None:
        """Called in each thread that has a connection; no two of them make the same call, so they may share a row."""
        self._counting(call, error)
        self._vitals.answered(error)

    def run(self) -> None:
        """Look for work until told to stop, then see the spool off."""
        Presence(self._connect, tuple(self._settings.handlers), self._settings.heartbeat_interval).start()
        self._courier.start()
        self._serve_metrics()
        while self._stop.level is StopLevel.NONE:
            now = boottime()
            self._shared.board.set_state(self._cell, SlotState.BUSY, now)
            self._vitals.look(now)
            self._listen()
            self._login.consider(now)
            self._remove_old_logs(now)
            free = self._offer(now)
            if free > 0 and now >= self._hold_until and now >= self._listing.next_at:
                self._list()
                continue
            self._wait(now, free)
        if self._stop.level is StopLevel.DRAIN:
            self._courier.finish(boottime() + FINISH_WITHIN)

    def _serve_metrics(self) -> None:
        listen = self._settings.metrics
        if listen is not None:
            metrics.serve(listen, self._shared, self._vitals, self._settings.worker_id)

    def _listen(self) -> None:
        for notice in self._shared.notices.drain():
            match notice["kind"]:
                case "idle" | "left":
                    self._candidates.finished(notice["after"])
                case "lost":
                    self._candidates.lost(notice["execution"])
                case "refused":
                    self._candidates.resting.refused(notice["execution_id"], boottime())
                case "account":
                    self._hold_until, self._listing.next_at = 0.0, 0.0
                    self._key_retry = _KEY_RETRY_FIRST
                case "hold":
                    self._candidates.given_back(notice["execution_id"])
                    self._hold(notice["seconds"], notice["reason"])

    def _hold(self, seconds: float, reason: str) -> None:
        now = boottime()
        if now >= self._hold_until:
            emit("claiming.held", seconds=seconds, reason=reason)
        self._hold_until = max(self._hold_until, now + seconds)

    def _offer(self, now: float) -> int:
        """Offer what is queued to idle workers; returns how many stay without one: none of a paused pool."""
        board = self._shared.board
        if board.paused:
            return 0
        free = board.idle() - self._candidates.out(board.held(), now)
        while free > 0 and now >= self._hold_until and not self._shared.account.is_refused:
            try:
                if not self._candidates.offer_next(self._shared.offers.send, now):
                    break
            except OSError as error:
                # No descriptor to pass a payload in. The row is listed again.
                self._hold(_HOLD, f"cannot offer work: {error}")
                break
            free -= 1
        return free

    def _list(self) -> None:
        try:
            with self._stop.abandonable():
                rows = self._source.list_claimable(task=self._listing.task, wait=self._patience())
        except StopWaiting:
            return
        except BudgetExhausted as error:
            self._listing.failed(False, boottime(), self._ceiling(), random.random(), error.retry_after)  # noqa: S311
            return
        except CueAPIError as error:
            self._say_failing(error)
            self._vitals.listed(False, boottime())
            broken = isinstance(error, ServerError) and error.status == 500
            pause = self._pause_for_key() if isinstance(error, Unauthorized) else error.retry_after
            self._listing.failed(broken, boottime(), self._ceiling(), random.random(), pause)  # noqa: S311
            return
        self._key_retry = _KEY_RETRY_FIRST
        if self._failing:
            self._failing = False
            emit("listing.recovered")
        now = boottime()
        self._vitals.listed(True, now)
        ours = self._candidates.listed(rows, self._shared.board.held(), now)
        self._listing.answered(len(rows), ours, now, self._ceiling(), random.random())  # noqa: S311

    def _pause_for_key(self) -> float:
        pause, self._key_retry = self._key_retry, min(self._key_retry * 2, _KEY_RETRY_LAST)
        return pause

    def _patience(self) -> float | None:
        """Seconds that the server may hold the answer back, if it can.

        Not while the questions go round: work of the other tasks would wait as long.
        """
        limit = self._source.max_wait
        return None if limit is None or self._listing.task is not None else min(limit, LONGEST_WAIT)

    def _ceiling(self) -> float:
        spare = self._shared.budget.spare(time.monotonic())
        return idle_ceiling(self._settings.poll_interval, None if spare.limit is None else spare.free)

    def _say_failing(self, reason: object) -> None:
        if not self._failing:
            self._failing = True
            emit("listing.failed", reason=reason)

    def _wait(self, now: float, free: int) -> None:
        """Sleep until a notice, a signal, or the next listing."""
        due = _TICK
        if free > 0:
            due = min(_TICK, max(0.0, max(self._listing.next_at, self._hold_until) - now))
        self._candidates.resting.forget_old(now)
        select.select([self._shared.notices.fileno(), self._stop.fileno()], [], [], due)
        self._stop.clear()

    def _remove_old_logs(self, now: float) -> None:
        if self._old_logs is not None:
            try:
                self._old_logs.step(now, time.time())
            except OSError as error:
                emit("logs.unpruned", reason=error)
