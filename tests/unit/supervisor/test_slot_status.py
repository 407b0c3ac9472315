"""What a slot is doing, as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cueworker.pool import worker
from cueworker.pool.board import STEWARD, Board, SlotState, fingerprint
from cueworker.pool.slot_record import Phase
from cueworker.supervisor.children import Child
from cueworker.supervisor.execution_output import output_file
from cueworker.supervisor.restart import Exit, Restarts
from cueworker.supervisor.slot import State
from cueworker.supervisor.slot_process import SlotProcess
from cueworker.supervisor.status import describe_slot, record_of
from support.records import prepared, write_record

NOW = 1000.0


def slot(**changes: Any) -> SlotProcess:
    made = SlotProcess(0, "worker 0", worker.main, state=State.RUNNING, child=Child(4711, None, NOW - 60))
    for name, value in changes.items():
        assert hasattr(made, name)
        vars(made)[name] = value
    return made


def test_an_idle_slot(tmp_path: Path) -> None:
    board = Board(1)
    board.set_state(0, SlotState.IDLE, NOW - 2)
    board.set_done(0, 12)
    assert describe_slot(slot(recycled=2, recycled_for="max_age"), board, prepared(tmp_path), NOW) == {
        "slot": 0,
        "name": "worker 0",
        "state": "idle",
        "leaving": False,
        "pid": 4711,
        "age": 60.0,
        "beat": 2.0,
        "executions": 12,
        "crashes": 0,
        "last_exit": None,
        "recycled": 2,
        "recycled_for": "max_age",
        "execution": None,
    }


def test_a_busy_slot_says_how_far_its_execution_is(tmp_path: Path) -> None:
    board, state_dir = Board(1), prepared(tmp_path)
    write_record(state_dir, execution_id="e-7", task="backup", handler_pid=99)
    board.set_state(0, SlotState.BUSY, NOW)
    board.hold(0, fingerprint("e-7"))
    board.set_times(0, NOW - 30, NOW + 90)
    board.set_lease_until(0, NOW + 280.5)
    board.cancel(0, fingerprint("e-7"))
    described = describe_slot(slot(state=State.RETIRING), board, state_dir, NOW)
    assert (described["state"], described["leaving"]) == ("busy", True)
    assert described["execution"] == {
        "id": "e-7",
        "task": "backup",
        "phase": "running",
        "handler_pid": 99,
        "elapsed": 30.0,
        "timeout": 120.0,
        "time_left": 90.0,
        "lease_left": 280.5,
        "cancelled": True,
        "output": None,
    }


def test_an_execution_that_is_being_claimed_has_no_times_and_json_no_infinity(tmp_path: Path) -> None:
    board, state_dir = Board(1), prepared(tmp_path)
    write_record(state_dir, execution_id="e-7", phase=Phase.CLAIMING)
    board.set_state(0, SlotState.BUSY, NOW)
    board.hold(0, fingerprint("e-7"))
    described = describe_slot(slot(), board, state_dir, NOW)
    json.dumps(described, allow_nan=False)
    execution = described["execution"]
    assert (execution["phase"], execution["elapsed"], execution["lease_left"]) == ("claiming", None, None)


def test_a_record_of_another_execution_is_not_this_ones(tmp_path: Path) -> None:
    board, state_dir = Board(1), prepared(tmp_path)
    write_record(state_dir, execution_id="the one before")
    board.set_state(0, SlotState.BUSY, NOW)
    board.hold(0, fingerprint("e-8"))
    assert record_of(0, board, state_dir) is None
    execution = describe_slot(slot(), board, state_dir, NOW)["execution"]
    assert (execution["id"], execution["task"], execution["handler_pid"]) == (None, None, None)


def test_a_slot_without_a_process_says_what_became_of_it(tmp_path: Path) -> None:
    gone = slot(
        state=State.COOLING, child=None, restarts=Restarts().after(Exit.CRASHED, 1.0), how="killed by SIGSEGV"
    )
    described = describe_slot(gone, Board(1), prepared(tmp_path), NOW)
    assert (described["state"], described["pid"], described["age"]) == ("waiting", None, None)
    assert (described["crashes"], described["last_exit"]) == (1, "killed by SIGSEGV")


def test_every_state_of_a_slot_and_its_process_has_a_word(tmp_path: Path) -> None:
    board, state_dir = Board(1), prepared(tmp_path)
    for state in State:
        for process in SlotState:
            board.set_state(0, process, NOW)
            assert describe_slot(slot(state=state), board, state_dir, NOW)["state"]


def test_the_steward_is_described_like_a_slot(tmp_path: Path) -> None:
    board = Board(1)
    board.set_state(STEWARD, SlotState.BUSY, NOW)
    assert (
        describe_slot(slot(cell=STEWARD, name="steward"), board, prepared(tmp_path), NOW)["state"] == "busy"
    )


def test_an_executions_output_is_found_where_it_is_logged(tmp_path: Path) -> None:
    state_dir, by_systemd = prepared(tmp_path / "state"), tmp_path / "logs"
    for logs in (state_dir.root / "logs", by_systemd):
        (logs / "executions").mkdir(parents=True)
    assert output_file(state_dir, "e-1", {}) is None
    own, systemds = (logs / "executions" / "e-1.log" for logs in (state_dir.root / "logs", by_systemd))
    own.touch()
    systemds.touch()
    assert output_file(state_dir, "e-1", {}) == own
    assert output_file(state_dir, "e-1", {"LOGS_DIRECTORY": f"{by_systemd}:/other"}) == systemds
    assert output_file(state_dir, "../../state/logs/executions/e-1", {}) is None
