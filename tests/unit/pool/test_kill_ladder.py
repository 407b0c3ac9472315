"""The kill ladder: what is due when, whatever the caller's timing."""

from __future__ import annotations

import math

from cueworker.pool.kill_ladder import GIVE_UP_AFTER, QUIET_SCANS, RESCAN, KillLadder, Step
from hypothesis import given
from hypothesis import strategies as st


def just_before(when: float) -> float:
    return math.nextafter(when, 0)


def test_term_once_then_grace_then_kill() -> None:
    ladder = KillLadder(100.0, 5.0)
    assert ladder.step(100.0) is Step.TERM
    assert [ladder.step(now) for now in (100.0, 102.0, just_before(105.0))] == [Step.WAIT] * 3
    assert [ladder.step(now) for now in (105.0, 105.5)] == [Step.KILL] * 2


def test_without_grace_there_is_no_term() -> None:
    assert KillLadder(100.0, 0.0).step(100.0) is Step.KILL


def test_it_is_over_after_scans_that_found_nothing_in_a_row() -> None:
    ladder = KillLadder(100.0, 0.0)
    for found in (3, 0, 1, 0):
        assert ladder.step(100.0) is Step.KILL
        ladder.scanned(found)
    assert QUIET_SCANS == 2
    assert ladder.step(100.0) is Step.KILL
    ladder.scanned(0)
    assert ladder.step(100.0) is Step.DONE
    assert ladder.step(1e9) is Step.DONE


def test_what_survives_kill_is_given_up_after_a_while() -> None:
    ladder = KillLadder(100.0, 5.0)
    assert ladder.step(105.0) is Step.KILL
    ladder.scanned(1)
    assert ladder.step(just_before(105.0 + GIVE_UP_AFTER)) is Step.KILL
    assert ladder.step(105.0 + GIVE_UP_AFTER) is Step.GIVE_UP


def test_a_caller_that_was_stopped_meanwhile_kills_before_it_gives_up() -> None:
    """A worker that is continued an hour later has not tried yet."""
    ladder = KillLadder(100.0, 5.0)
    assert ladder.step(100.0) is Step.TERM
    assert ladder.step(3700.0) is Step.KILL
    assert ladder.step(3700.0 + GIVE_UP_AFTER) is Step.GIVE_UP


def test_hastening_skips_what_is_left_of_the_grace_and_never_adds_to_it() -> None:
    ladder = KillLadder(100.0, 5.0)
    assert ladder.step(100.0) is Step.TERM
    ladder.hasten(102.0)
    assert ladder.kill_at == 102.0
    assert ladder.step(102.0) is Step.KILL
    ladder.hasten(110.0)
    assert ladder.kill_at == 102.0
    ladder.hasten(90.0)
    assert ladder.kill_at == 100.0


def test_it_says_when_to_ask_again() -> None:
    ladder = KillLadder(100.0, 5.0)
    assert ladder.next_at(100.0) == 105.0
    assert ladder.next_at(105.0) == 105.0 + RESCAN


@given(
    st.floats(0, 20),
    st.lists(st.tuples(st.floats(0, 3), st.integers(0, 2), st.booleans()), min_size=1, max_size=60),
)
def test_steps_never_go_back_and_kill_is_never_early(
    grace: float, turns: list[tuple[float, int, bool]]
) -> None:
    order = [Step.TERM, Step.WAIT, Step.KILL, Step.GIVE_UP, Step.DONE]
    ladder, now, last = KillLadder(0.0, grace), 0.0, 0
    for passed, found, is_hastened in turns:
        now += passed
        if is_hastened:
            ladder.hasten(now)
        step = ladder.step(now)
        assert order.index(step) >= last or (step is Step.KILL and order[last] is Step.KILL)
        last = order.index(step)
        assert (step in (Step.TERM, Step.WAIT)) == (now < ladder.kill_at and step is not Step.DONE)
        if step in (Step.DONE, Step.GIVE_UP):
            return
        if step is Step.KILL:
            ladder.scanned(found)
        assert ladder.next_at(now) > now
