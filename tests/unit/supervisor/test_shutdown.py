"""The stages of a shutdown: always ahead, each with its deadline."""

from __future__ import annotations

import math

from cueworker.supervisor.shutdown import MARGIN, Shutdown, Stage
from hypothesis import given
from hypothesis import strategies as st

GRACE, KILL_GRACE = 30.0, 5.0


def shutdown() -> Shutdown:
    return Shutdown(GRACE, KILL_GRACE)


def test_a_running_pool_is_never_due() -> None:
    assert shutdown().due(1e12) is None


def test_left_alone_a_drain_goes_through_every_stage_in_time() -> None:
    stages, now = shutdown(), 100.0
    assert stages.enter(Stage.DRAINING, now)
    entered = [(Stage.DRAINING, now)]
    while entered[-1][0] is not Stage.DESTROYING:
        now = stages.next_at
        assert stages.due(math.nextafter(now, 0)) is None
        stage = stages.due(now)
        assert stage is not None and stages.enter(stage, now)
        entered.append((stage, now))
    stopping = 100 + GRACE
    killing = stopping + KILL_GRACE + MARGIN
    assert entered == [
        (Stage.DRAINING, 100.0),
        (Stage.STOPPING, stopping),
        (Stage.KILLING, killing),
        (Stage.DESTROYING, killing + MARGIN),
    ]


def test_the_last_stage_repeats_for_what_does_not_die() -> None:
    stages = shutdown()
    assert stages.enter(Stage.DESTROYING, 0.0)
    assert stages.due(MARGIN) is Stage.DESTROYING
    assert stages.enter(Stage.DESTROYING, MARGIN)
    assert stages.next_at == 2 * MARGIN


def test_a_stage_can_be_skipped_and_starts_its_own_time() -> None:
    stages = shutdown()
    assert stages.enter(Stage.DRAINING, 0.0)
    assert stages.enter(Stage.KILLING, 1.0)
    assert (stages.stage, stages.next_at) == (Stage.KILLING, 1.0 + MARGIN)


def test_repeating_a_stage_does_not_prolong_it() -> None:
    stages = shutdown()
    stages.enter(Stage.STOPPING, 0.0)
    assert not stages.enter(Stage.STOPPING, 5.0)
    assert stages.next_at == KILL_GRACE + MARGIN


@given(st.lists(st.tuples(st.sampled_from(Stage), st.floats(0, 100))))
def test_no_order_of_requests_goes_back(requests: list[tuple[Stage, float]]) -> None:
    stages, now = shutdown(), 0.0
    for stage, passed in requests:
        now += passed
        before = stages.stage
        entered = stages.enter(stage, now)
        assert stages.stage is (stage if entered else before)
        assert stages.stage >= before
        assert entered == (stage > before or stage is before is Stage.DESTROYING)
        due = stages.due(now)
        assert due is None or due >= stages.stage
