"""Lease arithmetic: until when an execution is surely ours."""

from __future__ import annotations

import pytest
from cueworker.pool.lease import TAKE_BACK, Lease, Loss, renewal_interval
from hypothesis import given
from hypothesis import strategies as st

SECONDS = st.floats(0.1, 10_000)


def test_a_lease_ends_when_the_server_takes_it_back_whatever_it_promised() -> None:
    assert Lease.granted("e", 1000.0, 900.0).deadline == 1000.0 + TAKE_BACK
    assert Lease.granted("e", 1000.0, 60.0).deadline == 1060.0


def test_it_counts_from_the_sending_of_what_was_acknowledged() -> None:
    lease = Lease.granted("e", 1000.0, 60.0).renewed(1020.0)
    assert (lease.acknowledged, lease.deadline) == (1020.0, 1080.0)


def test_a_late_acknowledgement_of_an_early_heartbeat_takes_nothing_away() -> None:
    lease = Lease.granted("e", 1000.0, 60.0).renewed(1020.0)
    assert lease.renewed(1010.0) == lease


@pytest.mark.parametrize("loss", Loss)
def test_a_lost_lease_says_how_and_keeps_its_deadline(loss: Loss) -> None:
    lease = Lease.granted("e", 1000.0, 60.0)
    lost = lease.lost(loss)
    assert (lost.loss, lost.deadline, lease.loss) == (loss, lease.deadline, None)
    assert lost.renewed(1030.0).loss is None


@given(SECONDS, st.floats(1, 900), st.lists(SECONDS))
def test_no_renewal_reaches_past_what_the_server_acknowledged(
    sent: float, duration: float, renewals: list[float]
) -> None:
    lease = Lease.granted("e", sent, duration)
    for when in renewals:
        lease = lease.renewed(when)
    assert lease.deadline == max(sent, *renewals, sent) + min(duration, TAKE_BACK)


def test_heartbeats_come_as_wanted_where_there_is_no_limit() -> None:
    assert renewal_interval(30.0, 300.0, 64, None) == 30.0


def test_heartbeats_never_wait_longer_than_a_third_of_the_lease() -> None:
    assert renewal_interval(30.0, 60.0, 1, None) == 20.0
    assert renewal_interval(1000.0, 300.0, 64, 60) == 100.0


def test_a_tight_limit_stretches_heartbeats_to_a_quarter_of_it() -> None:
    assert renewal_interval(30.0, 300.0, 15, 60) == 60.0
    assert renewal_interval(30.0, 300.0, 4, 60) == 30.0


@given(st.floats(0.1, 600), st.floats(1, 900), st.integers(1, 1024), st.none() | st.integers(0, 10_000))
def test_two_heartbeats_may_fail_under_any_limit(
    wanted: float, lease: float, workers: int, limit: int | None
) -> None:
    interval = renewal_interval(wanted, lease, workers, limit)
    assert 0 < interval <= lease / 3
    if limit and interval < lease / 3:
        assert 60 / interval * workers <= max(1, limit / 4) * 1.000001
