"""A worker process: take an offer, see it through, take the next. One execution at a time."""

from __future__ import annotations

import os
import random

import psutil
import setproctitle

from . import boot, execution, log
from .board import NOBODY, Leaving, SlotState, fingerprint
from .call_counting import counting, counting_for_keeper
from .clock import boottime
from .cueapi_source import CueAPISource, OnAnswer
from .identity import start_time
from .invocation import Surroundings
from .lease_keeper import LeaseKeeper
from .offers import OFFER_TTL, Offer
from .redaction import Redaction
from .run import BEAT_EVERY, stack_limit
from .settings import Settings
from .shared import Shared
from .slot_record import SlotRecordFile
from .spool import Spool
from .stop import StopSignals, StopWaiting
from .worker_context import WorkerContext
from .workspace import Workspace


def title(slot: int, doing: str) -> str:
    """What `ps` shows for a worker."""
    return f"cueworker: worker {slot} {doing}"


def main(slot: int, settings: Settings, shared: Shared) -> None:
    """Be worker `slot` until told to stop. Called in the forked process, with all signals blocked."""
    stop = boot.boot(title(slot, "starting"), shared.descriptors(), shared.supervisor_pid)
    if stop is None:
        return
    log.named(f"worker {slot}")
    context = _context(slot, settings, shared, stop)
    shared.offers.wake_every(BEAT_EVERY)
    wear = _Wear(slot, settings, shared)
    after = ""
    try:
        while True:
            setproctitle.setproctitle(title(slot, "idle"))
            offer = _next_offer(slot, shared, stop, wear, after)
            shared.board.hold(slot, fingerprint(offer.execution_id))
            shared.board.set_state(slot, SlotState.BUSY, boottime())
            setproctitle.setproctitle(title(slot, f"{offer.task} {offer.execution_id[:8]}"))
            taken = execution.take(offer, context)
            if taken.was_ours:
                wear.count()
            shared.board.hold(slot, NOBODY)
            if taken.left:
                # The supervisor adopts it, and the next worker's children are again its own handler's alone.
                context.workspace.close()
                return
            after = offer.execution_id
    except StopWaiting:
        shared.notices.send("left", after=after)
        context.workspace.close()


class _Wear:
    """What this process has come to, against its limits."""

    def __init__(self, slot: int, settings: Settings, shared: Shared) -> None:
        self._slot = slot
        self._board = shared.board
        self._limits = settings.limits.spread(random.random())  # noqa: S311
        self._process = psutil.Process()
        self._born = boottime()
        self._executions = 0

    def count(self) -> None:
        """An execution has been seen through."""
        self._executions += 1
        self._board.set_done(self._slot, self._executions)

    def check(self) -> None:
        """Raise StopWaiting, and say why, when it is time for a fresh process."""
        memory = 0 if self._limits.memory is None else self._process.memory_info().rss
        why = self._limits.reached(executions=self._executions, memory=memory, age=boottime() - self._born)
        if why is not Leaving.NO:
            self._board.set_leaving(self._slot, why)
            raise StopWaiting


def _next_offer(slot: int, shared: Shared, stop: StopSignals, wear: _Wear, after: str) -> Offer:
    """Wait for an offer, beating. Raises StopWaiting when the worker is to leave."""
    wear.check()
    with stop.abandonable():
        shared.board.set_state(slot, SlotState.IDLE, boottime())
        shared.notices.send("idle", after=after)
        while True:
            try:
                offer = shared.offers.receive()
            except OSError as error:
                # The steward makes it again when it is void.
                shared.notices.send(
                    "hold", execution_id="", seconds=OFFER_TTL, reason=f"cannot take an offer: {error}"
                )
                continue
            if offer is not None:
                return offer
            shared.board.beat(slot, boottime())
            wear.check()


def _context(slot: int, settings: Settings, shared: Shared, stop: StopSignals) -> WorkerContext:
    counts = shared.tally.row(slot)
    of_keeper = counting_for_keeper(counts)

    def connect(on_answer: OnAnswer = of_keeper) -> CueAPISource:
        return CueAPISource(settings.worker_id, shared.account, shared.budget, on_answer)

    surroundings = Surroundings(os.environ, stack_limit())
    return WorkerContext(
        slot=slot,
        started=start_time(os.getpid()) or "",
        settings=settings,
        account=shared.account,
        state_dir=shared.state_dir,
        source=connect(counting(counts)),
        keeper=LeaseKeeper(connect, settings.heartbeat_interval, settings.workers),
        board=shared.board,
        notices=shared.notices,
        spooled=shared.spooled,
        record_file=SlotRecordFile(shared.state_dir, slot),
        spool=Spool(shared.state_dir),
        workspace=Workspace(shared.state_dir.outcomes, slot),
        surroundings=surroundings,
        redaction=Redaction(settings, surroundings.env),
        stop=stop,
        counts=counts,
        cgroups=shared.cgroups,
    )
