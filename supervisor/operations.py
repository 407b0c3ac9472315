"""What a person may do to a running pool, by the control socket or by a signal: `control_commands.Pool`."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import setproctitle

from ..local.version import version
from ..pool.board import Leaving, SlotState, fingerprint
from ..pool.clock import boottime
from ..pool.events import emit
from ..pool.settings import Settings
from ..pool.shared import Shared
from ..pool.spool import Spool
from ..pool.stop import LOOK
from .children import Child
from .control_commands import Running
from .recycle_queue import RecycleQueue
from .shutdown import Stage
from .slot import Event, State
from .slot_process import SlotProcess
from .status import describe_slot, record_of

TITLE = "cueworker: supervisor"

LOOK_FOR_BOOT = 0.05
"""Seconds between two looks at whether a recycled slot's fresh process has booted."""


class Parent(Protocol):
    """What the supervisor itself does."""

    @property
    def settings(self) -> Settings:
        """What holds now."""

    @property
    def stage(self) -> Stage:
        """How the pool is being stopped, if it is."""

    def scale(self, workers: int, by: str) -> None:
        """Set the number of workers until the next reload."""

    def reload(self) -> tuple[str, ...]:
        """Read the configuration again; returns what is wrong with it."""

    def upgrade(self, by: str) -> str | None:
        """Begin to replace the program; returns what is in the way, if anything is."""

    @property
    def is_upgrading(self) -> bool:
        """Whether it is about to be replaced."""

    def drain(self, by: str) -> None:
        """Begin to stop."""


class Operations:
    """The operator's view of a pool, and hands on it."""

    def __init__(
        self,
        parent: Parent,
        shared: Shared,
        slots: list[SlotProcess],
        steward: SlotProcess,
        feed: Callable[[SlotProcess, Event], None],
    ) -> None:
        self._parent = parent
        self._shared = shared
        self._board = shared.board
        self._slots = slots
        """The supervisor's own list, which grows."""
        self._steward = steward
        self._feed = feed
        self._born = boottime()
        self._recycling = RecycleQueue()
        self._replaced: Child | None = None
        """The process of the slot that is being recycled, as it was when its turn came."""
        self.scale = parent.scale
        self.reload = parent.reload
        self.upgrade = parent.upgrade
        self.drain = parent.drain

    # What there is.

    @property
    def workers(self) -> int:
        """How many worker slots are wanted."""
        return self._board.slots

    @property
    def is_stopping(self) -> bool:
        """Whether a drain or more has begun."""
        return self._parent.stage is not Stage.NONE

    @property
    def is_paused(self) -> bool:
        """Whether nothing is claimed."""
        return self._board.paused

    def slots(self) -> list[int]:
        """The worker slots that are not closed."""
        return [slot.cell for slot in self._slots if slot.state is not State.CLOSED]

    def running(self) -> list[Running]:
        """The executions that slots are at."""
        records = [(cell, record_of(cell, self._board, self._shared.state_dir)) for cell in self.slots()]
        return [Running(cell, record.execution_id, record.task) for cell, record in records if record]

    def status(self) -> dict[str, Any]:
        """All of it, as JSON."""
        now = boottime()
        settings, state_dir = self._parent.settings, self._shared.state_dir
        current = self._recycling.current
        return {
            "pid": os.getpid(),
            "version": version(),
            "upgrading": self._parent.is_upgrading,
            "worker_id": settings.worker_id,
            "server": settings.api_base,
            "state_dir": str(state_dir.root),
            "uptime": round(now - self._born, 3),
            "stage": self._parent.stage.name.lower() if self.is_stopping else "running",
            "paused": self.is_paused,
            "workers": self.workers,
            "tasks": sorted(settings.handlers),
            "waiting_reports": len(Spool(state_dir).paths()),
            "recycling": [*([] if current is None else [current]), *self._recycling.waiting],
            "steward": describe_slot(self._steward, self._board, state_dir, now),
            "slots": [describe_slot(self._slots[cell], self._board, state_dir, now) for cell in self.slots()],
        }

    # What can be done.

    def pause(self, by: str) -> None:
        """Let nothing more be claimed; what runs goes on."""
        if not self.is_paused and not self.is_stopping:
            self._board.set_paused(True)
            setproctitle.setproctitle(f"{TITLE} (paused)")
            emit("pool.paused", by=by)

    def resume(self, by: str) -> None:
        """Let work be claimed again."""
        if self.is_paused and not self.is_stopping:
            self._board.set_paused(False)
            setproctitle.setproctitle(TITLE)
            self._shared.notices.send("resumed")
            emit("pool.resumed", by=by)

    def cancel(self, running: Running) -> None:
        """Have an execution ended. If it has ended since, nothing happens: the next one is another."""
        child = self._slots[running.slot].child
        if child is None:
            return
        self._board.cancel(running.slot, fingerprint(running.execution_id))
        # Safe by pid: a child's pid is nobody else's before it has been reaped.
        os.kill(child.pid, LOOK)
        emit("execution.cancelled", task=running.task, execution_id=running.execution_id)

    def recycle(self, slots: Iterable[int]) -> None:
        """Replace these slots' processes, one after the other, each when it is free."""
        self._recycling.add(slots)

    def go_on(self) -> None:
        """Recycle the next slot once the last one has a fresh process that has booted."""
        queue = self._recycling
        if self.is_stopping:
            queue.clear()
        if queue.current is not None and self._is_fresh(self._slots[queue.current]):
            queue.finish()
        cell = queue.begin([slot.cell for slot in self._slots if self._is_idle(slot)])
        if cell is not None:
            self._replaced = self._slots[cell].child
            self._feed(self._slots[cell], Event.RETIRE)

    def next_at(self, now: float) -> float:
        """When `go_on` is worth calling again."""
        current = self._recycling.current
        child = None if current is None else self._slots[current].child
        # The old process's death wakes the loop anyway.
        return math.inf if child is None or child is self._replaced else now + LOOK_FOR_BOOT

    def left(self, slot: SlotProcess) -> str | None:
        """A slot's process has left without an error: note it if that was to have a fresh one, and return why."""
        leaving = self._board.leaving(slot.cell)
        if leaving is not Leaving.NO:
            reason = f"max_{leaving.name.lower()}"
        elif slot.cell == self._recycling.current and slot.child is self._replaced:
            reason = "operator"
        else:
            return None
        slot.recycled += 1
        slot.recycled_for = reason
        emit("slot.recycled", name=slot.name, reason=reason)
        return reason

    def _is_idle(self, slot: SlotProcess) -> bool:
        return slot.state is State.RUNNING and self._board.state(slot.cell) is SlotState.IDLE

    def _is_fresh(self, slot: SlotProcess) -> bool:
        if slot.state is State.CLOSED:
            return True
        if slot.child is None or slot.child is self._replaced:
            return False
        return self._board.state(slot.cell) not in (SlotState.VACANT, SlotState.BOOTING)
