"""How long a slot waits before it is refilled."""

from __future__ import annotations

import functools

from cueworker.supervisor.restart import BOOT_TRIES, CALM_AFTER, FIRST, LAST, Exit, Restarts
from hypothesis import given
from hypothesis import strategies as st

TROUBLE = st.sampled_from([Exit.CRASHED, Exit.BOOT_FAILED])
EXITS = st.lists(st.tuples(st.sampled_from(Exit), st.floats(0, 3 * CALM_AFTER)))
JITTER = st.floats(0, 1, exclude_max=True)


def after(*exits: tuple[Exit, float]) -> Restarts:
    return functools.reduce(lambda record, exit_: record.after(*exit_), exits, Restarts())


def test_pauses_double_up_to_a_limit() -> None:
    crashes = [after(*[(Exit.CRASHED, 0.0)] * count).pause(0.5) for count in range(1, 12)]
    assert crashes == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0]


def test_a_slot_that_left_as_asked_is_refilled_at_once() -> None:
    assert Restarts().pause(0.9) == 0.0
    assert after((Exit.CRASHED, 0.0), (Exit.BOOT_FAILED, 0.0), (Exit.CLEAN, 0.0)) == Restarts()


def test_a_long_life_makes_earlier_trouble_forgotten() -> None:
    record = after(*[(Exit.CRASHED, CALM_AFTER - 0.001)] * 5)
    assert record.trouble == 5
    assert record.after(Exit.CRASHED, CALM_AFTER).trouble == 1


def test_failed_boots_are_counted_apart_and_only_in_a_row() -> None:
    record = after(*[(Exit.BOOT_FAILED, 0.0)] * BOOT_TRIES)
    assert (record.boot_failures, record.trouble) == (BOOT_TRIES, BOOT_TRIES)
    crashed = record.after(Exit.CRASHED, 0.0)
    assert (crashed.boot_failures, crashed.trouble) == (0, BOOT_TRIES + 1)


@given(EXITS, TROUBLE, JITTER)
def test_after_trouble_a_pause_is_never_absent_and_never_too_long(
    exits: list[tuple[Exit, float]], last: Exit, jitter: float
) -> None:
    assert 0.75 * FIRST <= after(*exits, (last, 0.0)).pause(jitter) <= 1.25 * LAST


@given(EXITS, JITTER, JITTER)
def test_jitter_spreads_slots_that_died_together(
    exits: list[tuple[Exit, float]], one: float, other: float
) -> None:
    record = after(*exits, (Exit.CRASHED, 0.0))
    middle = record.pause(0.5)
    assert abs(record.pause(one) - record.pause(other)) <= 0.5 * middle
    assert (one < other) <= (record.pause(one) <= record.pause(other))


def test_many_crashes_do_not_overflow() -> None:
    assert Restarts(trouble=10**6).pause(0.5) == LAST
