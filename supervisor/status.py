"""What a slot is doing, as data for `cueworker status`: from the board, the slot, and the record of a busy one.

Times are seconds, None where there is none; `board` and `now` are on the same clock.
"""

from __future__ import annotations

import math
from typing import Any

from ..pool.board import NOBODY, Board, SlotState, fingerprint
from ..pool.slot_record import SlotRecord, SlotRecords
from ..pool.state_dir import StateDir
from .execution_output import output_file
from .slot import State
from .slot_process import SlotProcess

_OF_A_PROCESS = {
    SlotState.VACANT: "starting",
    SlotState.BOOTING: "starting",
    SlotState.IDLE: "idle",
    SlotState.BUSY: "busy",
}
_OF_A_SLOT = {
    State.CLOSED: "closed",
    State.SETTLING: "settling",
    State.SETTLING_LAST: "settling",
    State.COOLING: "waiting",
}


def describe_slot(slot: SlotProcess, board: Board, state_dir: StateDir, now: float) -> dict[str, Any]:
    """One slot, as JSON."""
    child = slot.child
    return {
        "slot": slot.cell,
        "name": slot.name,
        "state": _OF_A_SLOT.get(slot.state) or _OF_A_PROCESS[board.state(slot.cell)],
        "leaving": slot.state in (State.RETIRING, State.CLOSING),
        "pid": None if child is None else child.pid,
        "age": None if child is None else _since(now, child.born),
        "beat": None if child is None else _since(now, board.last_beat(slot.cell)),
        "executions": board.done(slot.cell),
        "crashes": slot.restarts.trouble,
        "last_exit": slot.how or None,
        "recycled": slot.recycled,
        "recycled_for": slot.recycled_for or None,
        "execution": _execution(slot.cell, board, state_dir, now),
    }


def record_of(cell: int, board: Board, state_dir: StateDir) -> SlotRecord | None:
    """The record of the very execution that a slot holds: not of one that has ended meanwhile."""
    held = board.execution(cell)
    record = None if held == NOBODY else SlotRecords(state_dir).now(cell)
    return record if record is not None and fingerprint(record.execution_id) == held else None


def _execution(cell: int, board: Board, state_dir: StateDir, now: float) -> dict[str, Any] | None:
    held = board.execution(cell)
    if held == NOBODY:
        return None
    started, deadline = board.started(cell), board.deadline(cell)
    record = record_of(cell, board, state_dir)
    output = None if record is None else output_file(state_dir, record.execution_id)
    return {
        "id": None if record is None else record.execution_id,
        "task": None if record is None else record.task,
        "phase": None if record is None else record.phase.value,
        "handler_pid": None if record is None else record.handler_pid,
        "elapsed": _since(now, started),
        "timeout": _finite(deadline - started) if math.isfinite(started) else None,
        "time_left": _finite(deadline - now),
        "lease_left": _finite(board.lease_until(cell) - now),
        "cancelled": board.is_cancelled(cell, held),
        "output": None if output is None else str(output),
    }


def _since(now: float, when: float) -> float | None:
    return _finite(max(0.0, now - when)) if math.isfinite(when) else None


def _finite(seconds: float) -> float | None:
    return round(seconds, 3) if math.isfinite(seconds) else None
