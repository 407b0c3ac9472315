"""The board: what each slot is doing, seen by every process of the pool."""

from __future__ import annotations

import math
import time

from cueworker.pool import Board, SlotState
from cueworker.pool.board import MAX_WORKERS, NOBODY, STEWARD, Leaving, fingerprint
from hypothesis import given
from hypothesis import strategies as st
from support.forked import forked
from support.waiting import until

TEXT = st.text(st.characters())  # lone surrogates, too: a server can send them
ONE, OTHER = 0x1111111111111111, 0xEEEEEEEEEEEEEEEE
"""Values of which no half fits the other."""


def test_a_fresh_board_is_vacant() -> None:
    board = Board(3)
    assert (board.slots, board.idle(), board.held()) == (3, 0, set())
    for slot in (0, 1, 2, MAX_WORKERS - 1, STEWARD):
        assert board.state(slot) is SlotState.VACANT
        assert board.stop_by(slot) == math.inf


def test_each_slot_has_a_row_of_its_own() -> None:
    board = Board(3)
    board.set_state(1, SlotState.BUSY, 5.0)
    board.hold(1, ONE)
    board.set_stop_by(1, 9.0)
    board.beat(2, 7.0)
    assert [board.state(slot) for slot in range(3)] == [SlotState.VACANT, SlotState.BUSY, SlotState.VACANT]
    assert [board.last_beat(slot) for slot in range(3)] == [0.0, 5.0, 7.0]
    assert [board.stop_by(slot) for slot in range(3)] == [math.inf, 9.0, math.inf]
    assert board.held() == {ONE}


def test_a_reset_wipes_all_that_a_process_said() -> None:
    board = Board(1)
    board.set_state(0, SlotState.BUSY, 5.0)
    board.hold(0, ONE)
    board.set_stop_by(0, 9.0)
    board.reset(0, SlotState.BOOTING, 20.0)
    assert (board.state(0), board.last_beat(0), board.stop_by(0)) == (SlotState.BOOTING, 20.0, math.inf)
    assert board.held() == set()


def test_what_a_dead_process_was_at_stays_its_slots_until_that_is_settled() -> None:
    board = Board(2)
    board.set_state(0, SlotState.BUSY, 5.0)
    board.hold(0, ONE)
    board.set_stop_by(0, 9.0)
    board.vacate(0)
    assert (board.state(0), board.stop_by(0)) == (SlotState.VACANT, math.inf)
    assert (board.held(), board.holder(ONE, other_than=1)) == ({ONE}, 0)
    board.reset(0)
    assert board.held() == set()


def test_only_the_pools_own_slots_count_and_the_steward_is_none_of_them() -> None:
    board = Board(2)
    for slot in (0, 1, 2, STEWARD):
        board.set_state(slot, SlotState.IDLE, 1.0)
        board.hold(slot, slot + 1)
    assert (board.idle(), board.held()) == (2, {1, 2})
    board.resize(3)
    assert (board.idle(), board.held()) == (3, {1, 2, 3})


def test_a_slot_that_a_shrunk_pool_still_empties_holds_its_execution() -> None:
    board = Board(8)
    board.hold(7, ONE)
    board.resize(2)
    assert board.held() == set()
    assert board.holder(ONE, other_than=0) == 7
    assert board.holder(ONE, other_than=7) is None
    assert board.holder(OTHER, other_than=0) is None


@given(TEXT, TEXT)
def test_fingerprints_stand_for_their_ids(one: str, other: str) -> None:
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
    assert NOBODY < fingerprint(one) < 2**64


def test_every_process_sees_what_any_process_writes() -> None:
    board = Board(1)

    def child() -> str:
        board.set_state(0, SlotState.BUSY, 3.5)
        board.hold(0, fingerprint("e-1"))
        until(lambda: board.slots == 5, "the parent has resized the board")
        return board.state(0).name

    with forked(child) as process:
        until(lambda: board.held() == {fingerprint("e-1")}, "the child has written its row")
        assert (board.state(0), board.last_beat(0)) == (SlotState.BUSY, 3.5)
        board.resize(5)
        assert process.result() == "BUSY"


def test_a_killed_writer_leaves_a_board_that_can_be_read_and_reset() -> None:
    board = Board(2)

    def writer() -> None:
        while True:
            for value in (ONE, OTHER):
                board.hold(0, value)
                board.set_state(0, SlotState.BUSY, time.monotonic())

    with forked(writer) as process:
        until(lambda: board.state(0) is SlotState.BUSY, "the writer writes")
        process.kill()
        process.wait()
    assert board.held() <= {ONE, OTHER}
    board.reset(0)
    assert (board.held(), board.state(0)) == (set(), SlotState.VACANT)


def test_no_reader_sees_half_of_a_value() -> None:
    board = Board(2)

    def writer(slot: int) -> None:
        while True:
            board.hold(slot, ONE)
            board.hold(slot, OTHER)

    with forked(lambda: writer(0)), forked(lambda: writer(1)):
        seen: set[int] = set()
        give_up = time.monotonic() + 10
        while seen != {ONE, OTHER} and time.monotonic() < give_up:
            for _ in range(2000):
                seen |= board.held()
        for _ in range(20_000):
            seen |= board.held()
    assert seen == {ONE, OTHER}


def test_a_cancellation_is_of_one_execution_and_no_other() -> None:
    board = Board(2)
    board.hold(0, ONE)
    board.cancel(0, ONE)
    assert board.is_cancelled(0, ONE)
    assert not board.is_cancelled(0, OTHER)
    assert not board.is_cancelled(1, ONE)


def test_a_cancellation_that_comes_too_late_is_not_the_next_ones() -> None:
    board = Board(1)
    board.hold(0, ONE)
    board.hold(0, NOBODY)
    board.cancel(0, ONE)
    assert not board.is_cancelled(0, OTHER)
    board.hold(0, OTHER)
    assert not board.is_cancelled(0, OTHER)
    # The same one again, which the server gave out once more: that one nobody has cancelled.
    board.cancel(0, ONE)
    board.hold(0, ONE)
    assert not board.is_cancelled(0, ONE)


def test_an_executions_times_go_with_it() -> None:
    board = Board(1)
    board.hold(0, ONE)
    board.set_times(0, 3.0, 8.0)
    board.set_lease_until(0, 300.0)
    assert (board.started(0), board.deadline(0), board.lease_until(0)) == (3.0, 8.0, 300.0)
    board.hold(0, OTHER)
    assert (board.started(0), board.deadline(0), board.lease_until(0)) == (math.inf, math.inf, math.inf)


def test_what_a_process_has_come_to_goes_with_it() -> None:
    board = Board(1)
    board.set_done(0, 7)
    board.set_leaving(0, Leaving.MEMORY)
    assert (board.done(0), board.leaving(0)) == (7, Leaving.MEMORY)
    board.reset(0)
    assert (board.done(0), board.leaving(0)) == (0, Leaving.NO)


def test_a_pause_is_the_pools_and_outlives_every_process_of_it() -> None:
    board = Board(1)
    assert not board.paused
    board.set_paused(True)
    board.reset(0)
    board.reset(STEWARD)
    board.resize(5)
    assert board.paused
    board.set_paused(False)
    assert not board.paused
