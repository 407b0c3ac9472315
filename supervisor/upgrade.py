"""Replacing the program under a running pool: USR2, `cueworker upgrade`.

1. *Probing*: the installed program is run beside this one; it reads the configuration and compares the board's layout.
2. *Clearing*: idle workers and the steward leave. Workers that are at an execution stay at it.
3. The supervisor execs the new program, which adopts those workers (`handover.py`) and fills the other slots.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from enum import Enum, auto

from ..local.version import version
from ..pool.board import Board, SlotState
from ..pool.events import emit
from ..pool.settings import Settings
from ..pool.shared import Shared
from .counting import counters_of
from .handover import LAYOUT, Adopted, Handover, command_line
from .local_child import LocalChild
from .slot import HAS_PROCESS, State
from .slot_process import SlotProcess

PROBE = "--probe-upgrade"
"""The option that makes the program only say whether it could take over from a pool with this layout."""

CLEAR_WITHIN = 10.0
"""Seconds that idle workers get to leave; after that whoever is left is adopted like a busy one."""


class UpgradeStage(Enum):
    """Where an upgrade is."""

    NONE = auto()
    PROBING = auto()
    CLEARING = auto()


class Upgrade:
    """The supervisor's upgrade, if there is one."""

    def __init__(self) -> None:
        self.stage = UpgradeStage.NONE
        self.clear_by = 0.0
        """`boottime()` seconds."""
        self._probe: subprocess.Popen[bytes] | None = None

    @property
    def probe_pid(self) -> int | None:
        """The process that tries the new program."""
        return None if self._probe is None else self._probe.pid

    def begin(self, by: str) -> None:
        """Try the new program. Nothing has changed yet."""
        emit("pool.upgrading", by=by)
        try:
            self._probe = subprocess.Popen(
                command_line(PROBE, LAYOUT), stdin=subprocess.DEVNULL, start_new_session=True
            )
        except OSError as error:
            self.fail(f"the new program cannot be run: {error.strerror}")
            return
        self.stage = UpgradeStage.PROBING

    def reaped(self, returncode: int, now: float) -> bool:
        """The probe has ended; returns whether the pool should clear now."""
        assert self._probe is not None
        # Popen must not wait for a pid that has been reaped.
        self._probe.returncode = returncode
        self._probe = None
        if self.stage is not UpgradeStage.PROBING:
            return False
        if returncode != 0:
            self.fail(f"the new program gave up with exit code {returncode}, see above")
            return False
        self.stage, self.clear_by = UpgradeStage.CLEARING, now + CLEAR_WITHIN
        return True

    def is_cleared(
        self, workers: Sequence[SlotProcess], steward: SlotProcess, board: Board, now: float
    ) -> bool:
        """Whether the pool is clearing, and has come to nothing but workers that are at an execution."""
        states = {slot.state for slot in workers}
        if self.stage is not UpgradeStage.CLEARING or steward.state is not State.CLOSED:
            return False
        if states - HAS_PROCESS - {State.CLOSED}:
            return False
        busy = (board.state(slot.cell) is SlotState.BUSY for slot in workers if slot.child is not None)
        return all(busy) or now >= self.clear_by

    def fail(self, reason: str) -> None:
        """It comes to nothing."""
        self.stage = UpgradeStage.NONE
        emit("pool.not_upgraded", reason=reason)


def handover_of(
    settings: Settings, shared: Shared, workers: Sequence[SlotProcess], local: LocalChild | None
) -> Handover:
    """What the next program is left."""
    assert shared.memories is not None
    busy = [(slot.cell, slot.child) for slot in workers if slot.child is not None]
    return Handover(
        supervisor_pid=os.getpid(),
        version=version(),
        worker_id=settings.worker_id,
        state_dir=shared.state_dir.root,
        lock=shared.lock,
        memories=shared.memories,
        cgroups=None if shared.cgroups is None else shared.cgroups.root,
        counters=counters_of(shared),
        workers=tuple(Adopted(cell, child.pid, child.born) for cell, child in busy),
        local_server=None if local is None else local.pid,
    )
