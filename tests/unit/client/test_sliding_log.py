"""The log against a plain list of expiry times."""

from __future__ import annotations

import math

from cueworker.client import Priority
from cueworker.client.sliding_log import CELLS, SPAN, TICK, SlidingLog
from hypothesis import given
from hypothesis import strategies as st

actions = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove", "wait", "wait", "settle"]),
        st.sampled_from(Priority),
        st.floats(0.0, 120.0),
    ),
    max_size=60,
)


def make_log() -> SlidingLog:
    return SlidingLog(memoryview(bytearray(CELLS * 8)).cast("q"))


@given(start=st.floats(0, 1e7), steps=actions)
def test_it_counts_like_a_list_of_times(start, steps):
    log, now = make_log(), start
    log.advance(now)
    entries: list[tuple[Priority, int]] = []
    for action, priority, number in steps:
        if action == "add":
            entries.append((priority, log.add(priority, now + number)))
            assert entries[-1][1] * TICK >= now + number, "nothing is forgotten early"
        elif action == "remove" and entries:
            log.remove(*entries.pop(int(number) % len(entries)))
        elif action == "settle" and entries:
            of, tick = entries.pop(int(number) % len(entries))
            entries.append((of, log.add(of, now + 60.0)))
            log.remove(of, tick)
        elif action == "wait":
            now += number
            log.advance(now)
        entries = [(of, tick) for of, tick in entries if tick * TICK > math.floor(now / TICK) * TICK]
        assert log.used == [sum(1 for of, _ in entries if of is each) for each in Priority]
    expected = sorted({tick for _, tick in entries})
    seen = list(log.expiries())
    assert [time for time, _ in seen] == [tick * TICK for tick in expected]
    assert not seen or not any(seen[-1][1])


def test_an_expiry_beyond_the_wheel_is_cut_and_a_long_sleep_forgets_all():
    log = make_log()
    log.advance(1000.0)
    log.add(Priority.CLAIM, 1000.0 + 10 * SPAN)
    log.advance(1000.0 + SPAN - TICK)
    assert log.used == [0, 0, 1, 0]
    log.add(Priority.OUTCOME, 1000.0 + SPAN + 60)
    log.advance(1000.0 + 50 * SPAN)
    assert log.used == [0, 0, 0, 0]


def test_thousands_of_requests_fit():
    log = make_log()
    log.advance(1000.0)
    for number in range(5000):
        log.add(Priority.LISTING, 1060.0 + number / 1000)
    assert log.used == [0, 0, 0, 5000]
    log.advance(1066.0)
    assert log.used == [0, 0, 0, 0]


def test_removing_what_has_expired_changes_nothing():
    log = make_log()
    log.advance(1000.0)
    tick = log.add(Priority.CLAIM, 1001.0)
    log.advance(1002.0)
    log.remove(Priority.CLAIM, tick)
    assert log.used == [0, 0, 0, 0]


def test_a_recount_repairs_the_totals():
    cells = memoryview(bytearray(CELLS * 8)).cast("q")
    log = SlidingLog(cells)
    log.advance(1000.0)
    log.add(Priority.CLAIM, 1060.0)
    log.add(Priority.LISTING, 1070.0)
    cells[1:5] = memoryview(bytes(32)).cast("q")
    log.recount()
    assert log.used == [0, 0, 1, 1]
