"""For how long a heartbeat extended a lease, by the server's own clock."""

from __future__ import annotations

import pytest
from cueworker.client.lease_time import lease_seconds

DATE = {"Date": "Tue, 24 Nov 2026 20:00:00 GMT"}


@pytest.mark.parametrize(
    ("until", "seconds"),
    [
        ("2026-11-24T20:15:00Z", 898.0),
        ("2026-11-24T20:15:00.500000+00:00", 898.5),
        ("2026-11-24T20:15:00", 898.0),
        ("2026-11-24T21:15:00+01:00", 898.0),
        ("2026-11-24T20:00:01Z", 1.0),
    ],
)
def test_it_is_measured_by_the_answers_own_date_and_rounded_towards_caution(
    until: str, seconds: float
) -> None:
    assert lease_seconds(until, DATE) == seconds


@pytest.mark.parametrize("until", [None, 900, "", "soon", "2026-11-24T20:00:00Z", "2026-11-24T19:00:00Z"])
def test_what_makes_no_sense_says_nothing(until: object) -> None:
    assert lease_seconds(until, DATE) is None


@pytest.mark.parametrize("headers", [{}, {"Date": "today"}])
def test_without_the_servers_clock_nothing_can_be_told(headers: dict[str, str]) -> None:
    assert lease_seconds("2026-11-24T20:15:00Z", headers) is None
