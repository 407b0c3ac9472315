"""What each slot is doing, in memory that the whole pool shares: liveness is never read from disk.

Each slot has one row. Its worker writes it while it lives; the supervisor resets it before the fork and after the
death, and in between writes one field only: the execution to cancel. The steward and the other workers only read. Every
field is one aligned 8-byte store.
"""

from __future__ import annotations

import hashlib
import math
import mmap
from enum import IntEnum

MAX_WORKERS = 1024
STEWARD = MAX_WORKERS
"""The steward's row, behind those of all workers."""

_NAMES = (
    *("state", "beat", "stop_by", "execution", "cancelled"),
    *("started", "deadline", "lease", "done", "leaving"),
)
_FIELDS = len(_NAMES)
_STATE, _BEAT, _STOP_BY, _EXECUTION, _CANCELLED, _STARTED, _DEADLINE, _LEASE, _DONE, _LEAVING = range(_FIELDS)
_ROWS = MAX_WORKERS + 1
_COUNT = _ROWS * _FIELDS
_PAUSED = _COUNT + 1
SIZE = (_PAUSED + 1) * 8
"""Bytes."""

LAYOUT = f"{_ROWS} x {', '.join(_NAMES)}; slots, paused"
"""What stands where."""

NOBODY = 0


class SlotState(IntEnum):
    """What a slot's process is at, as the process itself says."""

    VACANT = 0
    BOOTING = 1
    IDLE = 2
    BUSY = 3


class Leaving(IntEnum):
    """Why a worker leaves by itself, between two executions (`pool/recycling.py`)."""

    NO = 0
    EXECUTIONS = 1
    MEMORY = 2
    AGE = 3


def fingerprint(execution_id: str) -> int:
    """64 bits that stand for an execution id on the board; never `NOBODY`."""
    encoded = execution_id.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big") or 1


class Board:
    """The shared rows. Made by the supervisor before it forks; times are `boottime()` seconds."""

    def __init__(self, slots: int | None, memory: int | None = None) -> None:
        """A board on the memory that the descriptor `memory` opens (`memory.py`), or on memory of its own.

        `slots` None takes over what stands there.
        """
        self._memory = mmap.mmap(-1 if memory is None else memory, SIZE)
        self._numbers = memoryview(self._memory).cast("d")
        self._integers = memoryview(self._memory).cast("Q")
        if slots is not None:
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

    @property
    def paused(self) -> bool:
        """Whether nothing is to be offered and taken. It outlives every process but the supervisor."""
        return bool(self._integers[_PAUSED])

    def set_paused(self, paused: bool) -> None:
        """Say whether anything is to be offered and taken. Only the supervisor does; all processes see it."""
        self._integers[_PAUSED] = paused

    def cancel(self, slot: int, execution: int) -> None:
        """Ask the slot's worker to end that execution. Only the supervisor does.

        Another one that the slot is at by the time its worker looks is left alone: it has another fingerprint.
        """
        self._integers[slot * _FIELDS + _CANCELLED] = execution

    # Written by the supervisor, while the slot has no process.

    def reset(self, slot: int, state: SlotState = SlotState.VACANT, now: float = 0.0) -> None:
        """Wipe a row between two processes."""
        row = slot * _FIELDS
        self.hold(slot, NOBODY)
        self._integers[row + _DONE] = 0
        self._integers[row + _LEAVING] = Leaving.NO
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
        row = slot * _FIELDS
        self._integers[row + _CANCELLED] = NOBODY  # first: what is cancelled from now on is the new one
        self._numbers[row + _STARTED] = self._numbers[row + _DEADLINE] = self._numbers[row + _LEASE] = (
            math.inf
        )
        self._integers[row + _EXECUTION] = execution

    def set_times(self, slot: int, started: float, deadline: float) -> None:
        """Say when the handler was started and when it must have ended by itself."""
        row = slot * _FIELDS
        self._numbers[row + _STARTED] = started
        self._numbers[row + _DEADLINE] = deadline

    def set_lease_until(self, slot: int, when: float) -> None:
        """Say until when the execution is surely ours."""
        self._numbers[slot * _FIELDS + _LEASE] = when

    def set_done(self, slot: int, executions: int) -> None:
        """Say how many executions the process has seen through."""
        self._integers[slot * _FIELDS + _DONE] = executions

    def set_leaving(self, slot: int, why: Leaving) -> None:
        """Say why the process leaves by itself."""
        self._integers[slot * _FIELDS + _LEAVING] = why

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

    def is_cancelled(self, slot: int, execution: int) -> bool:
        """Whether that execution, in that slot, is to be ended."""
        return self._integers[slot * _FIELDS + _CANCELLED] == execution

    def started(self, slot: int) -> float:
        """When the slot's handler was started; `math.inf`: it has none."""
        return self._numbers[slot * _FIELDS + _STARTED]

    def deadline(self, slot: int) -> float:
        """When the slot's handler must have ended by itself; `math.inf`: it has none."""
        return self._numbers[slot * _FIELDS + _DEADLINE]

    def lease_until(self, slot: int) -> float:
        """Until when the slot's execution is surely ours; `math.inf`: not claimed yet."""
        return self._numbers[slot * _FIELDS + _LEASE]

    def done(self, slot: int) -> int:
        """How many executions the slot's process has seen through."""
        return self._integers[slot * _FIELDS + _DONE]

    def leaving(self, slot: int) -> Leaving:
        """Why the slot's process leaves by itself."""
        return Leaving(self._integers[slot * _FIELDS + _LEAVING])

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
