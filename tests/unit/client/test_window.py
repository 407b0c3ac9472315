"""Who may take what is left of the budget."""

from __future__ import annotations

import pytest
from cueworker.client import Priority
from cueworker.client.window import STAGGER, WINDOW, Knowledge, room, wait_for
from hypothesis import given
from hypothesis import strategies as st

used_lists = st.lists(st.integers(0, 300), min_size=4, max_size=4)


def rooms(limit: int, used: list[int], foreign: int = 0) -> list[int]:
    return [room(priority, limit=limit, foreign=foreign, used=used) for priority in Priority]


@pytest.mark.parametrize(
    ("limit", "used", "foreign", "expected"),
    [
        # an idle key: half for listing, a twentieth each kept for outcomes and leases
        (60, [0, 0, 0, 0], 0, [60, 57, 53, 30]),
        # listing has had its half
        (60, [0, 0, 0, 30], 0, [30, 27, 23, 0]),
        # half of what the others leave: (60 - 20) / 2 - 10
        (60, [10, 0, 10, 10], 0, [30, 27, 23, 10]),
        # ten claims owe ten outcomes, which are not given away
        (60, [0, 0, 10, 0], 0, [50, 47, 33, 25]),
        (60, [0, 0, 27, 0], 0, [33, 30, 0, 0]),
        # outcomes alone at the end, and nothing over the limit
        (60, [20, 10, 20, 7], 0, [3, 0, 0, 0]),
        (60, [20, 10, 20, 10], 0, [0, 0, 0, 0]),
        # the same key is used elsewhere
        (60, [0, 0, 0, 0], 40, [20, 19, 17, 10]),
        (60, [0, 0, 0, 0], 70, [0, 0, 0, 0]),
        # the limit has dropped below what was used
        (60, [50, 0, 100, 0], 0, [0, 0, 0, 0]),
        # the smallest limit with which an execution can be found, claimed and reported
        (3, [0, 0, 0, 0], 0, [3, 3, 2, 1]),
        (3, [0, 0, 0, 1], 0, [2, 2, 1, 0]),
        (3, [0, 0, 1, 1], 0, [1, 1, 0, 0]),
    ],
)
def test_room(limit, used, foreign, expected):
    assert rooms(limit, used, foreign) == expected


@given(limit=st.integers(1, 600), foreign=st.integers(0, 600), used=used_lists)
def test_a_higher_priority_never_has_less_room_and_nobody_goes_over_the_limit(limit, foreign, used):
    each = rooms(limit, used, foreign)
    assert each == sorted(each, reverse=True)
    assert each[0] == max(0, limit - foreign - sum(used))
    assert each[-1] >= 0


@given(limit=st.integers(3, 600), used=used_lists)
def test_a_claim_leaves_room_for_its_outcome(limit, used):
    if room(Priority.CLAIM, limit=limit, foreign=0, used=used):
        used[Priority.CLAIM] += 1
        assert room(Priority.OUTCOME, limit=limit, foreign=0, used=used)


@given(limit=st.integers(3, 600), used=used_lists)
def test_a_listing_leaves_room_for_a_claim(limit, used):
    if room(Priority.LISTING, limit=limit, foreign=0, used=used):
        used[Priority.LISTING] += 1
        assert room(Priority.CLAIM, limit=limit, foreign=0, used=used)


def waits(known: Knowledge, used: list[int], expiries=(), now: float = 1000.0) -> list[float]:
    return [wait_for(priority, known, used, lambda: expiries, now) for priority in Priority]


def test_an_unknown_limit_costs_nothing():
    assert waits(Knowledge(), [9999, 9999, 9999, 9999]) == [0, 0, 0, 0]


def test_the_wait_ends_when_enough_has_expired():
    full = Knowledge(limit=60)
    expiries = [(1010.0, [20, 10, 20, 9]), (1020.0, [20, 6, 20, 9]), (1030.0, [0, 0, 0, 0])]
    assert waits(full, [20, 10, 20, 10], expiries) == [10, 20, 30, 30]


def test_nobody_is_sent_away_for_longer_than_a_window():
    # these are in flight, so they are held for longer than their answers will need
    assert waits(Knowledge(limit=60), [60, 0, 0, 0], [(1090.0, [0, 0, 0, 0])]) == [WINDOW] * 4


def test_foreign_use_is_believed_for_a_window():
    known = Knowledge(limit=60, foreign=60, foreign_since=970.0)
    assert waits(known, [0, 0, 0, 0]) == [30.0] * 4
    assert waits(known, [0, 0, 0, 0], now=1030.0) == [0.0] * 4


def test_after_a_429_the_server_names_the_moment_and_outcomes_go_first():
    known = Knowledge(limit=60, refusals=1, refused_at=995.0, blocked_until=1005.0)
    assert waits(known, [60, 0, 0, 0]) == [5.0 + STAGGER * priority for priority in Priority]
    assert waits(known, [60, 0, 0, 0], now=1006.0) == [0.0] * 4
