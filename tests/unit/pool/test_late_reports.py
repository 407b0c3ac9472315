"""What must be known of an execution when its report is sent only after a while (promise 3)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cueworker.outcome import Report
from cueworker.pool.spool import Ownership, SpoolEntry

LEASED_UNTIL = 1_700_000_300.0
ENTRY = SpoolEntry(
    execution_id="e-1",
    task="report",
    ending="exited",
    ownership=Ownership.OURS,
    report=Report(success=False, error="no"),
    created=1_700_000_000.0,
    leased_until=LEASED_UNTIL,
)


def test_a_failure_under_its_lease_is_reported_unasked() -> None:
    assert ENTRY.ownership_at(LEASED_UNTIL) is Ownership.OURS


def test_a_failure_past_its_lease_may_not_end_somebody_elses_run() -> None:
    assert ENTRY.ownership_at(LEASED_UNTIL + 1) is Ownership.UNLESS_TAKEN


@pytest.mark.parametrize("now", [ENTRY.created - 1, 0.0, LEASED_UNTIL + 1, LEASED_UNTIL * 2])
def test_a_clock_that_was_set_makes_a_failure_ask_first(now: float) -> None:
    assert ENTRY.ownership_at(now) is Ownership.UNLESS_TAKEN


def test_a_success_under_the_lease_is_one_for_ever() -> None:
    entry = replace(ENTRY, report=Report(success=True, result="done"))
    assert entry.ownership_at(LEASED_UNTIL + 1) is Ownership.OURS


@pytest.mark.parametrize("ownership", [Ownership.UNLESS_TAKEN, Ownership.DOUBTFUL])
def test_doubt_stays_doubt(ownership: Ownership) -> None:
    entry = replace(ENTRY, ownership=ownership)
    assert [entry.ownership_at(now) for now in (0.0, LEASED_UNTIL + 1)] == [ownership, ownership]
