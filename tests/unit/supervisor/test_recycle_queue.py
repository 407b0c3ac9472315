"""Recycling on request: one at a time, each once, idle ones first."""

from __future__ import annotations

from cueworker.supervisor.recycle_queue import RecycleQueue
from hypothesis import given
from hypothesis import strategies as st


def test_one_at_a_time() -> None:
    queue = RecycleQueue()
    assert queue.begin([]) is None
    queue.add([0, 1])
    assert queue.begin([]) == 0
    assert queue.begin([1]) is None
    queue.finish()
    assert queue.begin([]) == 1
    queue.finish()
    assert queue.begin([0, 1]) is None


def test_an_idle_one_goes_first_since_it_keeps_nobody_waiting() -> None:
    queue = RecycleQueue()
    queue.add([0, 1, 2])
    assert queue.begin([2, 5]) == 2
    assert queue.waiting == [0, 1]


def test_a_slot_that_is_asked_for_during_its_turn_has_another() -> None:
    queue = RecycleQueue()
    queue.add([3])
    queue.begin([])
    queue.add([3, 3, 4])
    assert (queue.current, queue.waiting) == (3, [3, 4])


def test_a_pool_that_stops_recycles_nothing_more() -> None:
    queue = RecycleQueue()
    queue.add([0, 1])
    queue.begin([])
    queue.clear()
    assert queue.begin([]) is None


@given(st.lists(st.lists(st.integers(0, 9), max_size=10), max_size=10), st.sets(st.integers(0, 9)))
def test_whatever_is_asked_for_has_its_turn_once(asked: list[list[int]], idle: set[int]) -> None:
    queue = RecycleQueue()
    for slots in asked:
        queue.add(slots)
    turns = []
    while (slot := queue.begin(idle)) is not None:
        turns.append(slot)
        queue.finish()
    assert sorted(turns) == sorted({slot for slots in asked for slot in slots})
