"""A worker process: take an offer, see it through, take the next. One execution at a time."""

from __future__ import annotations

import os

import setproctitle

from . import boot, execution
from .board import NOBODY, SlotState, fingerprint
from .clock import boottime
from .cueapi_source import CueAPISource
from .identity import start_time
from .invocation import Surroundings
from .lease_keeper import LeaseKeeper
from .offers import OFFER_TTL, Offer
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
    context = _context(slot, settings, shared, stop)
    shared.offers.wake_every(BEAT_EVERY)
    after = ""
    try:
        while True:
            setproctitle.setproctitle(title(slot, "idle"))
            offer = _next_offer(slot, shared, stop, after)
            shared.board.hold(slot, fingerprint(offer.execution_id))
            shared.board.set_state(slot, SlotState.BUSY, boottime())
            setproctitle.setproctitle(title(slot, f"{offer.task} {offer.execution_id[:8]}"))
            leaves_something = execution.take(offer, context)
            shared.board.hold(slot, NOBODY)
            if leaves_something:
                # The supervisor adopts it, and the next worker's children are again its own handler's alone.
                context.workspace.close()
                return
            after = offer.execution_id
    except StopWaiting:
        context.workspace.close()


def _next_offer(slot: int, shared: Shared, stop: StopSignals, after: str) -> Offer:
    """Wait for an offer, beating. Raises StopWaiting when the worker is to leave."""
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


def _context(slot: int, settings: Settings, shared: Shared, stop: StopSignals) -> WorkerContext:
    def connect() -> CueAPISource:
        return CueAPISource(settings.worker_id, shared.account, shared.budget)

    return WorkerContext(
        slot=slot,
        started=start_time(os.getpid()) or "",
        settings=settings,
        state_dir=shared.state_dir,
        source=connect(),
        keeper=LeaseKeeper(connect, settings.heartbeat_interval, settings.workers),
        board=shared.board,
        notices=shared.notices,
        spooled=shared.spooled,
        record_file=SlotRecordFile(shared.state_dir, slot),
        spool=Spool(shared.state_dir),
        workspace=Workspace(shared.state_dir.outcomes, slot),
        surroundings=Surroundings(os.environ, stack_limit()),
        stop=stop,
        cgroups=shared.cgroups,
    )
