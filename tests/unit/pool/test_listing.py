"""When the steward looks for work, and with which question."""

from __future__ import annotations

import math

import pytest
from cueworker.pool.listing import (
    BACK_OFF_FIRST,
    BACK_OFF_LAST,
    LONGEST_AUTO,
    PAGE,
    SHORTEST,
    UNLIMITED_AUTO,
    Listing,
    Resting,
    idle_ceiling,
)
from hypothesis import given
from hypothesis import strategies as st

CEILING = 1.0
MIDDLE = 0.5
"""The jitter that changes nothing."""


class Asking:
    """A listing and what it asks, answer by answer."""

    def __init__(self, *tasks: str) -> None:
        self.listing = Listing(tasks)
        self.now = 0.0

    def answer(self, rows: int, ours: int = 0) -> str | None:
        """Answer the question; returns the next one."""
        self.now = max(self.now, self.listing.next_at)
        self.listing.answered(rows, ours, self.now, CEILING, MIDDLE)
        return self.listing.task

    def fail(self, broken: bool, retry_after: float | None = None) -> str | None:
        """Leave the question without an answer; returns the next one."""
        self.now = max(self.now, self.listing.next_at)
        self.listing.failed(broken, self.now, CEILING, MIDDLE, retry_after)
        return self.listing.task

    @property
    def pause(self) -> float:
        """Seconds until the next question."""
        return self.listing.next_at - self.now


def test_it_begins_at_once_and_asks_for_everything() -> None:
    listing = Listing(("a", "b"))
    assert (listing.task, listing.next_at) == (None, 0.0)


def test_while_there_is_work_it_asks_again_at_once() -> None:
    asking = Asking("a", "b")
    assert asking.answer(rows=3, ours=3) is None
    assert asking.pause == 0.0
    assert asking.answer(rows=PAGE, ours=1) is None
    assert asking.pause == 0.0


def test_idle_polls_back_off_to_the_ceiling_and_work_brings_them_back() -> None:
    asking = Asking("a")
    pauses = []
    for _ in range(6):
        asking.answer(rows=0)
        pauses.append(round(asking.pause, 6))
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    asking.answer(rows=1, ours=1)
    asking.answer(rows=0)
    assert asking.pause == pytest.approx(SHORTEST)


def test_rows_of_others_do_not_count_as_work() -> None:
    asking = Asking("a")
    for _ in range(10):
        assert asking.answer(rows=PAGE - 1) is None
    assert asking.pause == pytest.approx(CEILING)


def test_after_a_full_page_without_a_match_it_goes_through_the_tasks() -> None:
    asking = Asking("a", "b")
    questions = [asking.answer(rows=PAGE), asking.answer(rows=0), asking.answer(rows=0)]
    assert questions == ["a", "b", None]


def test_after_a_500_it_goes_through_the_tasks() -> None:
    asking = Asking("a", "b")
    assert [asking.fail(broken=True), asking.answer(rows=0), asking.answer(rows=0)] == ["a", "b", None]
    assert asking.fail(broken=True) == "a", "the odd row is still there"


def test_a_failure_that_is_not_about_the_question_does_not_change_it() -> None:
    asking = Asking("a", "b")
    assert asking.fail(broken=False) is None
    asking.fail(broken=True)
    assert asking.fail(broken=False) == "a"


def test_it_asks_for_everything_again_once_that_is_useful() -> None:
    asking = Asking("a", "b")
    for _ in ("a", "b", None):
        asking.answer(rows=PAGE)
    assert asking.listing.task is None
    assert asking.answer(rows=1) is None, "a page that is not full has shown all there is"
    assert asking.answer(rows=1) is None
    for _ in ("a", "b", None):
        asking.answer(rows=PAGE)
    assert asking.answer(rows=PAGE, ours=1) is None, "something on it was ours"
    assert asking.answer(rows=0) is None


def test_a_busy_task_does_not_keep_the_others_from_their_turn() -> None:
    asking = Asking("a", "b", "c")
    asking.fail(broken=True)
    questions = [asking.listing.task]
    for _ in range(7):
        busy = asking.listing.task == "a"
        questions.append(asking.fail(broken=True) if questions[-1] is None else asking.answer(PAGE, 9 * busy))
    assert questions == ["a", "b", "c", None, "a", "b", "c", None]


def test_found_work_is_followed_at_once_in_rotation_too() -> None:
    asking = Asking("a", "b")
    asking.answer(rows=PAGE)
    asking.answer(rows=5, ours=5)
    assert asking.pause == 0.0


def test_retry_after_is_kept_and_never_shortens_a_pause() -> None:
    asking = Asking("a")
    asking.fail(broken=False, retry_after=30.0)
    assert asking.pause == 30.0
    for _ in range(8):
        asking.fail(broken=False, retry_after=0.0)
    assert asking.pause == pytest.approx(CEILING)


@given(
    st.lists(st.tuples(st.integers(0, PAGE), st.booleans(), st.booleans(), st.booleans())),
    st.floats(0, 1, exclude_max=True),
    st.floats(0.05, 60),
)
def test_whatever_is_answered_it_neither_spins_nor_falls_asleep(
    answers: list[tuple[int, bool, bool, bool]], jitter: float, ceiling: float
) -> None:
    listing, now = Listing(("a", "b")), 0.0
    for rows, is_answer, some_ours, broken in answers:
        now = max(now, listing.next_at)
        assert listing.task in (None, "a", "b")
        if is_answer:
            listing.answered(rows, min(rows, int(some_ours)), now, ceiling, jitter)
        else:
            listing.failed(broken, now, ceiling, jitter, None)
        pause = listing.next_at - now
        found = is_answer and some_ours and rows > 0
        assert found == (pause == 0.0)
        assert pause <= 1.1 * ceiling + 1e-6
        assert found or pause >= 0.9 * min(SHORTEST, ceiling) - 1e-6


def test_jitter_spreads_pools_that_began_together() -> None:
    early, late = Listing(()), Listing(())
    early.answered(0, 0, 0.0, CEILING, 0.0)
    late.answered(0, 0, 0.0, CEILING, 0.999)
    assert (early.next_at, late.next_at) == (pytest.approx(0.09), pytest.approx(0.11, rel=0.01))


def test_the_ceiling_is_the_configured_cadence_or_what_the_budget_leaves() -> None:
    assert idle_ceiling(7.5, None) == 7.5
    assert idle_ceiling(7.5, 1000) == 7.5
    assert idle_ceiling(None, None) == UNLIMITED_AUTO
    assert idle_ceiling(None, 30) == 2.0
    assert idle_ceiling(None, 6000) == SHORTEST
    for nothing_left in (-5, 0, 0.5, 1, 12):
        assert idle_ceiling(None, nothing_left) == LONGEST_AUTO


@given(st.floats(-1000, 100_000))
def test_auto_stays_within_its_bounds(affordable: float) -> None:
    assert SHORTEST <= idle_ceiling(None, affordable) <= LONGEST_AUTO


def test_a_refused_row_rests_twice_as_long_each_time_up_to_a_limit() -> None:
    resting, now = Resting(), 0.0
    for seconds in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        resting.refused("a", now)
        assert resting.rests("a", math.nextafter(now + seconds, 0))
        now += seconds
        assert not resting.rests("a", now)
    assert seconds == BACK_OFF_LAST


def test_rows_rest_one_by_one() -> None:
    resting = Resting()
    resting.refused("a", 0.0)
    assert resting.rests("a", 0.0)
    assert not resting.rests("b", 0.0)


def test_a_row_that_was_not_refused_for_long_is_forgotten() -> None:
    resting = Resting()
    for now in (0.0, 2.0):
        resting.refused("a", now)
    over = 2.0 + 2 * BACK_OFF_FIRST
    resting.forget_old(math.nextafter(over + BACK_OFF_LAST, 0))
    resting.refused("a", 100.0)
    assert resting.rests("a", 100.0 + 4 * BACK_OFF_FIRST - 0.001)
    resting.forget_old(1000.0)
    resting.refused("a", 1000.0)
    assert not resting.rests("a", 1000.0 + BACK_OFF_FIRST)
