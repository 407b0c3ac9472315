"""What each slot is doing, in memory that the whole pool shares: liveness is never read from disk.

Each slot has one row. Its worker writes it while it lives; the supervisor resets it before the fork and after the
death, never in between. The steward and the other workers only read. Every field is one aligned 8-byte store.
"""

from __future__ import annotations

import hashlib
import math
import mmap
from enum import IntEnum

MAX_WORKERS = 1024
STEWARD = MAX_WORKERS
"""The steward's row, behind those of all workers."""

_FIELDS = 4
_STATE, _BEAT, _STOP_BY, _EXECUTION = range(_FIELDS)
_ROWS = MAX_WORKERS + 1
_COUNT = _ROWS * _FIELDS

NOBODY = 0


class SlotState(IntEnum):
    """What a slot's process is at, as the process itself says."""

    VACANT = 0
    BOOTING = 1
    IDLE = 2
    BUSY = 3


def fingerprint(execution_id: str) -> int:
    """64 bits that stand for an execution id on the board; never `NOBODY`."""
    encoded = execution_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big") or 1


class Board:
    """The shared rows. Made by the supervisor before it forks; times are `boottime()` seconds."""

    def __init__(self, slots: int) -> None:
        self._memory = mmap.mmap(-1, (_COUNT + 1) * 8)
        self._numbers = memoryview(self._memory).cast("d")
        self._integers = memoryview(self._memory).cast("Q")
        for slot in range(_ROWS):
            self.reset(slot)
        self.resize(slots)

    @property
    def slots(self) -> int:
        """How many worker slots the pool has now."""
        return self._integers[_COUNT]

    def resize(self, slots: int) -> None:
        """Set the number of worker slots. Only the supervisor does; all processes see it."""
        self._integers[_COUNT] = slots

    # Written by the supervisor, while the slot has no process.

    def reset(self, slot: int, state: SlotState = SlotState.VACANT, now: float = 0.0) -> None:
        """Wipe a row between two processes."""
        row = slot * _FIELDS
        self._integers[row + _EXECUTION] = NOBODY
        self._numbers[row + _STOP_BY] = math.inf
        self._numbers[row + _BEAT] = now
        self._integers[row + _STATE] = state

    def vacate(self, slot: int) -> None:
        """The slot's process is gone. What it was at stays its slot's until that is settled, and `reset` wipes it:
        the server may list it as claimable again meanwhile (promise 3)."""
        execution = self._integers[slot * _FIELDS + _EXECUTION]
        self.reset(slot)
        self.hold(slot, execution)

    # Written by the slot's own process.

    def beat(self, slot: int, now: float) -> None:
        """Say that the process is alive and not stuck."""
        self._numbers[slot * _FIELDS + _BEAT] = now

    def set_state(self, slot: int, state: SlotState, now: float) -> None:
        """Say what the process is at."""
        row = slot * _FIELDS
        self._numbers[row + _BEAT] = now
        self._integers[row + _STATE] = state

    def hold(self, slot: int, execution: int) -> None:
        """Say which execution the process is at (`NOBODY` for none)."""
        self._integers[slot * _FIELDS + _EXECUTION] = execution

    def set_stop_by(self, slot: int, when: float) -> None:
        """Say when the handler must be gone at the very latest (`math.inf`: there is none).

        Past it the supervisor steps in: its second line behind the worker's own kill ladder (promises 2 and 3).
        """
        self._numbers[slot * _FIELDS + _STOP_BY] = when

    # Read by anybody.

    def state(self, slot: int) -> SlotState:
        """What the slot's process is at."""
        return SlotState(self._integers[slot * _FIELDS + _STATE])

    def last_beat(self, slot: int) -> float:
        """When the slot's process last said that it is alive."""
        return self._numbers[slot * _FIELDS + _BEAT]

    def stop_by(self, slot: int) -> float:
        """When the slot's handler must be gone."""
        return self._numbers[slot * _FIELDS + _STOP_BY]

    def execution(self, slot: int) -> int:
        """The fingerprint of the execution that the slot holds; `NOBODY` for none."""
        return self._integers[slot * _FIELDS + _EXECUTION]

    def idle(self) -> int:
        """How many workers wait for an offer."""
        states = (self._integers[slot * _FIELDS + _STATE] for slot in range(self.slots))
        return sum(state == SlotState.IDLE for state in states)

    def held(self) -> set[int]:
        """The executions that are in some slot."""
        return {self._integers[slot * _FIELDS + _EXECUTION] for slot in range(self.slots)} - {NOBODY}

    def holder(self, execution: int, other_than: int) -> int | None:
        """The lowest other slot that holds an execution, if any: also one that a shrunk pool still empties."""
        for slot in range(MAX_WORKERS):
            if slot != other_than and self._integers[slot * _FIELDS + _EXECUTION] == execution:
                return slot
        return None
