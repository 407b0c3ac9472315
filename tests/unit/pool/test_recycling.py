"""When a worker process is replaced by a fresh one."""

from __future__ import annotations

import pytest
from cueworker.pool.board import Leaving
from cueworker.pool.recycling import NO_LIMITS, SPREAD, Limits
from hypothesis import given
from hypothesis import strategies as st

MIB = 1 << 20
ALL = Limits(executions=100, memory=512 * MIB, age=3600.0)


@pytest.mark.parametrize(
    ("executions", "memory", "age", "why"),
    [
        (99, 512 * MIB, 3599.9, Leaving.NO),
        (100, 0, 0.0, Leaving.EXECUTIONS),
        (1, 512 * MIB + 1, 0.0, Leaving.MEMORY),
        (0, 0, 3600.0, Leaving.AGE),
        (0, 2048 * MIB, 0.0, Leaving.NO),  # as it began: a fresh one would be no better
    ],
)
def test_the_limit_that_is_reached(executions: int, memory: int, age: float, why: Leaving) -> None:
    assert ALL.reached(executions=executions, memory=memory, age=age) is why


def test_without_limits_a_worker_stays() -> None:
    assert NO_LIMITS.reached(executions=10**9, memory=1 << 40, age=1e9) is Leaving.NO
    assert NO_LIMITS.spread(0.9) == NO_LIMITS


@given(st.floats(0, 1, exclude_max=True), st.integers(1, 10**9))
def test_workers_leave_apart_but_near_their_limits(jitter: float, executions: int) -> None:
    limits = Limits(executions=executions, memory=512 * MIB, age=3600.0).spread(jitter)
    assert limits.executions is not None and limits.memory is not None and limits.age is not None
    assert limits.executions >= 1
    assert abs(limits.executions - executions) <= SPREAD * executions + 0.5
    assert abs(limits.memory - 512 * MIB) <= SPREAD * 512 * MIB + 0.5
    assert abs(limits.age - 3600) <= SPREAD * 3600 + 1e-6


def test_the_spread_reaches_both_sides() -> None:
    assert [ALL.spread(jitter).executions for jitter in (0.0, 0.5, 0.999)] == [90, 100, 110]
