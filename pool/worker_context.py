"""What a worker works with: made once after the fork, passed to each execution."""

from __future__ import annotations

import select
from dataclasses import dataclass

from .account import Account
from .board import Board
from .cgroup import Cgroups
from .clock import boottime
from .invocation import Surroundings
from .lease_keeper import LeaseKeeper
from .offers import Notices
from .redaction import Redaction
from .run import BEAT_EVERY
from .settings import Settings
from .slot_record import SlotRecordFile
from .source import Source
from .spool import Spool
from .state_dir import StateDir
from .stop import StopLevel, StopSignals
from .tally import Row
from .workspace import Workspace


@dataclass(frozen=True, kw_only=True)
class WorkerContext:
    """One worker's collaborators."""

    slot: int
    started: str
    """This process's start time, see identity.py."""
    settings: Settings
    account: Account
    state_dir: StateDir
    source: Source
    keeper: LeaseKeeper
    board: Board
    notices: Notices
    spooled: Notices
    record_file: SlotRecordFile
    spool: Spool
    workspace: Workspace
    surroundings: Surroundings
    redaction: Redaction
    stop: StopSignals
    counts: Row
    """This slot's numbers. Written by the main thread, but for the lease keeper's calls."""
    cgroups: Cgroups | None

    def pause(self, seconds: float) -> bool:
        """Wait, beating; False as soon as the worker is to stop its handler and leave."""
        until = boottime() + seconds
        while (now := boottime()) < until and self.stop.level < StopLevel.STOP:
            self.board.beat(self.slot, now)
            select.select([self.stop], [], [], min(BEAT_EVERY, until - now))
            self.stop.clear()
        return self.stop.level < StopLevel.STOP
